//! Access tokens: fetched when they are needed, and kept until shortly before they end.
//!
//! 1. One fetch at a time; who waits for it takes what it brought.
//! 2. A token that is refused is fetched once anew for each request that it was refused with, and not again if another
//!    request has done so.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use secrecy::{ExposeSecret, SecretString};
use ssf_types::{secret::constant_time_eq, uri::Issuer};
use tokio::{sync::Semaphore, time::Instant};

use super::{
    OAuthClient,
    exchange::{ExchangeError, Granted, exchange},
    found::{FindError, Found, find},
};
use crate::client::Http;

/// How long before its end a token is not used any more: a request that begins then may be under way for so long.
const MARGIN: Duration = Duration::from_secs(30);

/// There is no token to be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// Nobody knows where.
    #[error("the authorization server cannot be found")]
    Find(#[source] FindError),
    /// It does not give one.
    #[error("the authorization server gives no token")]
    Exchange(#[source] ExchangeError),
}

/// The tokens of one client for one Transmitter.
#[derive(Debug)]
pub(crate) struct Tokens {
    http: Http,
    issuer: Issuer,
    client: OAuthClient,
    /// Where tokens were had last.
    found: ArcSwapOption<Found>,
    current: ArcSwapOption<Fetched>,
    /// The one who fetches has it.
    turn: Semaphore,
}

#[derive(Debug)]
struct Fetched {
    token: SecretString,
    used_until: Instant,
}

impl Tokens {
    pub(crate) fn new(http: Http, issuer: Issuer, client: OAuthClient) -> Self {
        Self {
            http,
            issuer,
            client,
            found: ArcSwapOption::empty(),
            current: ArcSwapOption::empty(),
            turn: Semaphore::new(1),
        }
    }

    /// A token that counts, as far as we know.
    pub(super) async fn current(&self) -> Result<SecretString, TokenError> {
        if let Some(token) = self.valid() {
            return Ok(token);
        }
        // Nobody closes it.
        let _turn = self.turn.acquire().await;
        match self.valid() {
            Some(token) => Ok(token),
            None => self.fetched().await,
        }
    }

    /// A token that is not the one that was refused.
    pub(super) async fn other_than(
        &self,
        refused: &SecretString,
    ) -> Result<SecretString, TokenError> {
        let _turn = self.turn.acquire().await;
        let differs = |token: &SecretString| {
            let (token, refused) = (token.expose_secret(), refused.expose_secret());
            !constant_time_eq(token.as_bytes(), refused.as_bytes())
        };
        match self.valid().filter(differs) {
            Some(token) => Ok(token),
            None => self.fetched().await,
        }
    }

    fn valid(&self) -> Option<SecretString> {
        let current = self.current.load();
        let current = current.as_ref()?;
        (Instant::now() < current.used_until).then(|| current.token.clone())
    }

    /// Fetches a token; where to is found out again after a failure.
    async fn fetched(&self) -> Result<SecretString, TokenError> {
        let found = match self.found.load_full() {
            Some(found) => found,
            None => Arc::new(self.find().await.map_err(TokenError::Find)?),
        };
        let asked = Instant::now();
        let granted = exchange(&self.http, &self.client, &found).await;
        let Granted { token, life } = granted.map_err(|error| {
            self.found.store(None);
            self.current.store(None);
            TokenError::Exchange(error)
        })?;
        self.found.store(Some(found));
        let used_until = asked + life.saturating_sub(MARGIN);
        let fetched = Fetched {
            token: token.clone(),
            used_until,
        };
        self.current.store(Some(Arc::new(fetched)));
        tracing::debug!(life_secs = life.as_secs(), "an access token was fetched");
        Ok(token)
    }

    async fn find(&self) -> Result<Found, FindError> {
        let client = &self.client;
        let scopes = client.scopes.as_deref();
        find(&self.http, &self.issuer, client.server.as_ref(), scopes).await
    }
}

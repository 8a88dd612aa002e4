//! What an authorization server publishes (OpenID Connect Discovery 1.0), fetched once for all who need it.

use std::{fmt, sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use openidconnect::{
    AdditionalProviderMetadata, DiscoveryError, IssuerUrl, ProviderMetadata,
    core::{
        CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType,
        CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm,
        CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ssf_types::{
    error::Chain,
    jose::{JwksError, KeySet},
    uri::Issuer,
};
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    task::JoinError,
    time::Instant,
};
use tracing::{info, warn};
use url::{ParseError, Url};

use super::outbound::{Outbound, OutboundError};

/// How long what was published is taken for what is published.
const FRESH: Duration = Duration::from_mins(10);

/// How long it is used at most while nothing newer can be had: a key that was withdrawn lives no longer than this.
const USABLE: Duration = Duration::from_hours(1);

/// Least time between two attempts to fetch, so that made-up keys and an outage cost the server little.
const INTERVAL: Duration = Duration::from_secs(10);

/// What an authorization server publishes.
pub(super) struct Published {
    pub(super) keys: KeySet,
    /// Where it is asked about tokens.
    pub(super) introspection: Option<Url>,
    /// When it was asked for.
    at: Instant,
}

/// What an authorization server publishes cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiscoverError {
    /// Metadata or keys cannot be fetched, or are not those of the server.
    #[error("metadata and keys cannot be fetched")]
    Metadata(#[source] Box<DiscoveryError<OutboundError>>),
    /// The issuer is not the address of metadata.
    #[error("the issuer is not a URL")]
    Issuer(#[source] ParseError),
    /// The keys cannot be written for our own reader.
    #[error("the keys cannot be passed on")]
    Unwritable(#[source] serde_json::Error),
    /// The keys are no JWKS.
    #[error("the document at jwks_uri is not a JWKS")]
    FaultyKeys(#[source] JwksError),
    /// It was tried a moment ago, and is not tried again yet.
    #[error("it was tried a moment ago")]
    Recently,
    /// Fetching ended without a result: the server stops.
    #[error("fetching broke off")]
    BrokenOff(#[source] JoinError),
}

/// Fetches what one authorization server publishes, and keeps it. Clones share it.
#[derive(Clone)]
pub(super) struct Discovery(Arc<Shared>);

struct Shared {
    issuer: Issuer,
    outbound: Outbound,
    published: ArcSwapOption<Published>,
    /// When fetching was last begun; whoever has the lock fetches.
    begun: Arc<Mutex<Option<Instant>>>,
}

impl fmt::Debug for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Discovery").field(&self.0.issuer).finish()
    }
}

impl Discovery {
    pub(super) fn new(issuer: Issuer, outbound: &Outbound) -> Self {
        Self(Arc::new(Shared {
            outbound: outbound.of(&issuer),
            issuer,
            published: ArcSwapOption::empty(),
            begun: Arc::default(),
        }))
    }

    /// What is published now, as far as that can be told: where nothing newer can be had, what was published within the hour.
    pub(super) async fn current(&self) -> Result<Arc<Published>, DiscoverError> {
        let Some(known) = self.0.published.load_full() else {
            return self.newer_than(None).await;
        };
        let age = known.at.elapsed();
        if age < FRESH {
            return Ok(known);
        }
        if age >= USABLE {
            return self.newer_than(Some(known)).await;
        }
        // The server may be slow or down: one request waits for it, the others need not.
        match Arc::clone(&self.0.begun).try_lock_owned() {
            Ok(turn) => Ok(self.fetched(turn).await.unwrap_or(known)),
            Err(_) => Ok(known),
        }
    }

    /// What was fetched after `seen`, for somebody to whom that was not enough.
    pub(super) async fn newer_than(
        &self,
        seen: Option<Arc<Published>>,
    ) -> Result<Arc<Published>, DiscoverError> {
        let turn = Arc::clone(&self.0.begun).lock_owned().await;
        // Somebody else may have fetched it while this one waited.
        if let Some(known) = self.0.published.load_full()
            && !seen.is_some_and(|seen| Arc::ptr_eq(&seen, &known))
        {
            return Ok(known);
        }
        self.fetched(turn).await
    }

    /// Fetches, if that was not tried a moment ago.
    async fn fetched(
        &self,
        mut begun: OwnedMutexGuard<Option<Instant>>,
    ) -> Result<Arc<Published>, DiscoverError> {
        if begun.is_some_and(|begun| begun.elapsed() < INTERVAL) {
            return Err(DiscoverError::Recently);
        }
        *begun = Some(Instant::now());
        let shared = Arc::clone(&self.0);
        // In a task of its own: who hangs up must not keep others from new keys.
        let fetching = tokio::spawn(async move {
            let fetched = shared.fetch().await;
            drop(begun);
            fetched
        });
        fetching.await.map_err(DiscoverError::BrokenOff)?
    }
}

impl Shared {
    async fn fetch(&self) -> Result<Arc<Published>, DiscoverError> {
        let url = self.issuer.to_url();
        let host = url.host_str();
        match published(&self.outbound, &self.issuer).await {
            Ok(published) => {
                let published = Arc::new(published);
                self.published.store(Some(Arc::clone(&published)));
                info!(peer.host = host, "keys of an authorization server fetched");
                Ok(published)
            }
            Err(error) => {
                warn!(peer.host = host, error = %Chain(&error), "keys of an authorization server cannot be had");
                Err(error)
            }
        }
    }
}

/// What is read of the metadata beyond what openidconnect does (RFC 8414 §2).
#[derive(Clone, Debug, Deserialize, Serialize)]
struct More {
    /// Whatever it is: servers that are not asked need not be right about it.
    #[serde(default)]
    introspection_endpoint: Value,
}

impl AdditionalProviderMetadata for More {}

type Metadata = ProviderMetadata<
    More,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

async fn published(outbound: &Outbound, issuer: &Issuer) -> Result<Published, DiscoverError> {
    let at = Instant::now();
    let url = IssuerUrl::new(issuer.as_str().to_owned()).map_err(DiscoverError::Issuer)?;
    let metadata = Metadata::discover_async(url, outbound)
        .await
        .map_err(|error| DiscoverError::Metadata(Box::new(error)))?;
    // Our own reader judges keys as strictly as those of Transmitters: their size, their use, and that they are public.
    let jwks = serde_json::to_vec(metadata.jwks()).map_err(DiscoverError::Unwritable)?;
    let introspection = &metadata.additional_metadata().introspection_endpoint;
    let introspection = introspection.as_str();
    Ok(Published {
        introspection: introspection.and_then(|endpoint| Url::parse(endpoint).ok()),
        keys: KeySet::parse(&jwks).map_err(DiscoverError::FaultyKeys)?,
        at,
    })
}

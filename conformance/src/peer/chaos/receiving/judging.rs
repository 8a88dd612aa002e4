//! Whether a SET is sound.

use std::{collections::BTreeSet, sync::Mutex};

use serde_json::Value;
use url::Url;

use crate::{
    chance::Chance,
    context::locked,
    event_types::VERIFICATION,
    exchange::Request,
    peer::receiver::{Pushed, Verdict},
    target::Target,
    wire::Wire,
};

/// What SETs are judged by.
#[derive(Debug)]
pub(super) struct Judge {
    issuer: Target,
    wire: Wire,
    jwks_uri: Url,
    jwks: Mutex<Value>,
    seed: u64,
    /// The states that verifications were asked for with.
    states: Mutex<BTreeSet<String>>,
}

/// What is thought of a SET.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Opinion {
    /// It is sound.
    Sound,
    /// Its key is not among those that were fetched last.
    UnknownKey,
    /// It is not, for this code.
    Unsound(&'static str),
}

impl Judge {
    /// One that has the keys of this issuer.
    pub(super) async fn of(issuer: Target, wire: Wire, jwks_uri: Url, seed: u64) -> Self {
        let judge = Self {
            issuer,
            wire,
            jwks_uri,
            jwks: Mutex::default(),
            seed,
            states: Mutex::default(),
        };
        judge.fetch_keys().await;
        judge
    }

    /// Fetches the keys, if they are there; otherwise those that are known count on.
    pub(super) async fn fetch_keys(&self) {
        let exchange = self.wire.send(Request::get(self.jwks_uri.clone())).await;
        if let Ok(answer) = exchange.result.as_ref()
            && let Ok(jwks) = serde_json::from_slice(&answer.body)
            && answer.is_success()
        {
            *locked(&self.jwks) = jwks;
        }
    }

    /// A state to ask for a verification with; one that comes with another state is not sound (SSF 1.0 §8.1.4.1).
    pub(super) fn new_state(&self) -> String {
        let mut states = locked(&self.states);
        let mut chance = Chance::of(self.seed, &format!("state {}", states.len()));
        let state = format!("{}{}", chance.word(), chance.word());
        states.insert(state.clone());
        state
    }

    /// Takes a SET apart, and says what is thought of it; `request` has its method, media type and authorization.
    pub(super) fn opinion(
        &self,
        mut request: Pushed,
        body: &[u8],
        audience: &str,
        authorization: Option<&str>,
    ) -> (String, Opinion) {
        request.take_apart(body, &locked(&self.jwks));
        let jti = request.claims.get("jti").and_then(Value::as_str);
        let jti = jti.unwrap_or_default().to_owned();
        if request.is_token && !request.is_key_known {
            return (jti, Opinion::UnknownKey);
        }
        let opinion = match Verdict::of(&request, self.issuer.issuer(), audience, authorization) {
            Verdict::Accepted if self.has_foreign_state(&request) => {
                Opinion::Unsound("invalid_state")
            }
            Verdict::Accepted => Opinion::Sound,
            Verdict::Refused(code) => Opinion::Unsound(code),
            Verdict::Status(_) => Opinion::Unsound("invalid_request"),
        };
        (jti, opinion)
    }

    fn has_foreign_state(&self, request: &Pushed) -> bool {
        let state = request
            .event()
            .filter(|(uri, _)| *uri == VERIFICATION)
            .and_then(|(_, event)| event.get("state"));
        state.is_some_and(|state| {
            let states = locked(&self.states);
            state.as_str().is_none_or(|state| !states.contains(state))
        })
    }
}

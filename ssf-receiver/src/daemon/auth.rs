//! `/auth`: whether a request may pass, for a proxy that asks before it passes it on (`auth_request` of nginx, `forwardAuth`
//! of Traefik, HTTP `ext_authz` of Envoy).
//!
//! 1. Everything that a request shows has to hold. Otherwise a session that was ended would go on beside a token of somebody
//!    else's.
//! 2. What cannot be judged is refused; what cannot be judged *now* is answered 503, which no proxy takes for a sign-out.
//! 3. Each request is decided anew. What is remembered of a token is who it is about, and that its signature was good.

mod answer;
mod page;
mod shown;
mod token_cache;
pub(super) mod tokens;

use std::{net::IpAddr, sync::Arc};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::HeaderMap,
    web::{self, Data, ServiceConfig},
};
use ssf_types::error::Chain;

use self::{
    answer::{Refusal, Verdict},
    shown::{Shown, ShownError, Terms},
    tokens::{TokenError, Tokens},
};
use super::introspection::renewed;
use crate::{
    Receiver, SessionKeys,
    client::access::introspection::IntrospectionServer,
    clock,
    config::{Anonymous, AuthSettings},
    guard::{Decision, Denial},
};

/// The paths that are asked; Envoy puts the path of the request behind.
pub(super) const PATHS: [&str; 2] = ["/auth", "/auth/{path:.*}"];

/// The route under which requests to one are counted: all of these paths are one.
pub(super) fn route(pattern: &str) -> &str {
    if PATHS.contains(&pattern) {
        PATHS[0]
    } else {
        pattern
    }
}

/// What is needed to judge requests.
pub(super) struct Auth {
    receiver: Receiver,
    terms: Terms,
    tokens: Arc<Tokens>,
    /// Says whether sessions go on that may have been ended.
    server: Option<Arc<IntrospectionServer>>,
    anonymous: Anonymous,
    sign_in_url: Option<String>,
}

impl Auth {
    /// Prepares to judge, by what `tokens` finds in tokens.
    pub(super) fn new(
        settings: AuthSettings,
        tokens: Arc<Tokens>,
        server: Option<Arc<IntrospectionServer>>,
        receiver: Receiver,
    ) -> Self {
        Self {
            terms: Terms {
                reads_tokens: !settings.token_issuers.is_empty(),
                cookie: settings.cookie,
                session_headers: settings.session_headers,
            },
            tokens,
            server,
            anonymous: settings.anonymous,
            sign_in_url: settings.sign_in_url,
            receiver,
        }
    }

    async fn judge(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> Verdict {
        let shown = match Shown::of(headers, peer, &self.terms) {
            Ok(shown) => shown,
            Err(error) => return refused(error),
        };
        let mut verdict = match self.anonymous {
            Anonymous::Pass => Verdict::Anonymous,
            Anonymous::Refuse => Verdict::Refused(Refusal::NoSession),
        };
        for token in shown.tokens {
            let keys = self.tokens.keys_of(token, clock::now(), &self.receiver);
            verdict = match keys.await {
                Ok(keys) => self.decided_or_renewed(&keys, token).await,
                Err(error) => not_counting(&error),
            };
            if verdict != Verdict::Allow {
                return verdict;
            }
        }
        if shown.sessions.is_empty() {
            return verdict;
        }
        let sessions = shown.sessions.iter();
        let keys: Vec<SessionKeys> = sessions.map(|one| self.receiver.keys(one)).collect();
        self.decided(keys.iter())
    }

    /// A session goes on if it does for each transmitter that may end it.
    fn decided<'k>(&self, mut keys: impl Iterator<Item = &'k SessionKeys>) -> Verdict {
        let denial = keys.find_map(|keys| denial(self.receiver.decide_by_keys(keys)));
        denial.map_or(Verdict::Allow, Verdict::Denied)
    }

    /// The same for the session of a token, which goes on although it may have been ended if the authorization server still
    /// vouches for the token.
    async fn decided_or_renewed(&self, keys: &[SessionKeys], token: &str) -> Verdict {
        let Some(server) = &self.server else {
            return self.decided(keys.iter());
        };
        for keys in keys {
            let ask = || renewed(server, token);
            if let Some(denial) = denial(self.receiver.decide_or_renew(keys, ask).await) {
                return Verdict::Denied(denial);
            }
        }
        Verdict::Allow
    }
}

fn denial(decision: Decision) -> Option<Denial> {
    match decision {
        Decision::Allow => None,
        Decision::Deny(denial) => Some(denial),
    }
}

/// Adds what proxies ask.
pub(super) fn routes(auth: &Data<Auth>, config: &mut ServiceConfig) {
    // Each for itself: a list of paths is matched by regular expressions, one path without a pattern is compared.
    for path in PATHS {
        let resource = web::resource(path).app_data(auth.clone());
        config.service(resource.default_service(web::to(answer)));
    }
}

async fn answer(request: HttpRequest, auth: Data<Auth>) -> HttpResponse {
    let peer = request.peer_addr().map(|address| address.ip());
    let headers = request.headers();
    let verdict = auth.judge(headers, peer).await;
    verdict.response(headers, auth.sign_in_url.as_deref())
}

fn refused(error: ShownError) -> Verdict {
    match error {
        ShownError::Untrusted => {
            tracing::error!(
                "session headers come from an address that is not among trusted_proxies, and do not count"
            );
            Verdict::Refused(Refusal::UntrustedProxy)
        }
        ShownError::TooMany | ShownError::Unreadable | ShownError::Nameless => {
            tracing::debug!(%error, "a request shows a session that cannot be read");
            Verdict::Refused(Refusal::InvalidSession)
        }
    }
}

fn not_counting(error: &TokenError) -> Verdict {
    if let TokenError::NotNow { retry_after } = error {
        return Verdict::Unavailable(*retry_after);
    }
    tracing::debug!(error = %Chain(error), "a token does not count");
    Verdict::Refused(Refusal::InvalidToken)
}

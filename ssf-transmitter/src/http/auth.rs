//! Who asks, and whether it may do that: tokens, looked up by their fingerprints or checked by their signatures.

use actix_web::{
    HttpRequest,
    http::header::{AUTHORIZATION, HeaderValue},
};
use ssf_types::{
    error::Chain,
    jwt::{JWT_BYTES_MAX, UnverifiedJwt},
};
use tracing::debug;
use url::form_urlencoded;

use super::{AppState, challenge::Challenge, problem::Problem, site::Site};
use crate::{
    access::{AccessTokens, ExternalServer, ForeignClient, ForeignTokenError},
    app::receivers::external_fingerprint,
    domain::{
        id::Fingerprint,
        operator::{Operator, OperatorScope},
        receiver::Receiver,
        scope::{Need, Scopes},
        source::Source,
    },
    ports::{Clock, ReceiverStore},
    token::{OWN_PREFIX, TokenKind},
};

/// The Receiver of this issuer whose token the request has, if the token is enough for `need`.
pub(super) async fn receiver(
    request: &HttpRequest,
    site: &Site,
    need: Need,
) -> Result<Receiver, Problem> {
    let challenge = Challenge::of(site);
    let token = token(request).map_err(|fault| fault.problem(&challenge))?;
    let found = caller(site, token).await?;
    let caller = found.ok_or_else(|| Problem::invalid_token(challenge.error("invalid_token")))?;
    if !caller.receiver.scopes.allow(need) || !caller.granted.allow(need) {
        let least = need.least_scope();
        return Err(Problem::insufficient_scope(
            challenge.insufficient(least),
            least,
        ));
    }
    Ok(caller.receiver)
}

/// Who hands in events.
pub(super) enum Ingester {
    /// A source, which is bound to an issuer, types and subjects.
    Source(Source),
    /// An operator, who is not.
    Operator(Operator),
}

/// The source or the operator whose token the request has; an operator needs `scope`.
pub(super) async fn ingester(
    request: &HttpRequest,
    state: &AppState,
    scope: OperatorScope,
) -> Result<Ingester, Problem> {
    let token = token(request).map_err(|fault| fault.problem(&Challenge::plain()))?;
    if !token.starts_with(TokenKind::Source.prefix()) {
        let operator = operator(request, state, scope).await?;
        return Ok(Ingester::Operator(operator));
    }
    let fingerprint = TokenKind::Source.fingerprint(&state.sealer, token);
    state
        .callers
        .source(&state.store, fingerprint, state.clock.now())
        .await
        .map_err(|error| Problem::store(&error))?
        .map(Ingester::Source)
        .ok_or_else(|| Problem::invalid_token(Challenge::plain().error("invalid_token")))
}

/// The operator whose token the request has, if it may do what `scope` allows.
pub(super) async fn operator(
    request: &HttpRequest,
    state: &AppState,
    scope: OperatorScope,
) -> Result<Operator, Problem> {
    let token = token(request).map_err(|fault| fault.problem(&Challenge::plain()))?;
    let fingerprint = TokenKind::Operator.fingerprint(&state.sealer, token);
    let operator = state
        .callers
        .operator(&state.store, fingerprint, state.clock.now())
        .await
        .map_err(|error| Problem::store(&error))?
        .ok_or_else(|| Problem::invalid_token(Challenge::plain().error("invalid_token")))?;
    if !operator.scopes.allow(scope) {
        return Err(Problem::operator_scope(scope));
    }
    Ok(operator)
}

/// A Receiver, and what the token at hand lets it do; what it may do at most is its own.
struct Caller {
    receiver: Receiver,
    granted: Scopes,
}

/// Whoever is behind a token; `None` if it does not count at this issuer.
async fn caller(site: &Site, token: &str) -> Result<Option<Caller>, Problem> {
    if token.starts_with(TokenKind::Receiver.prefix()) {
        return by_bearer_token(site, token).await;
    }
    match UnverifiedJwt::parse(token) {
        Ok(jwt) if AccessTokens::is_meant(&jwt) => by_access_token(site, &jwt).await,
        Ok(jwt) => by_foreign_token(site, token, &jwt).await,
        Err(_) => by_opaque_token(site, token).await,
    }
}

/// By a token that the Receiver was given at its registration.
async fn by_bearer_token(site: &Site, token: &str) -> Result<Option<Caller>, Problem> {
    let fingerprint = TokenKind::Receiver.fingerprint(&site.app.sealer, token);
    let now = site.app.clock.now();
    let app = &site.app;
    let receiver = app
        .callers
        .receiver(&app.store, &site.name, fingerprint, now)
        .await
        .map_err(|error| Problem::store(&error))?;
    Ok(receiver.map(|receiver| Caller {
        granted: receiver.scopes.clone(),
        receiver,
    }))
}

/// By a token of the built-in token endpoint.
async fn by_access_token(site: &Site, jwt: &UnverifiedJwt<'_>) -> Result<Option<Caller>, Problem> {
    let now = site.app.clock.now();
    let grant = match site.app.granting.tokens.check(jwt, &site.issuer, now) {
        Ok(grant) => grant,
        Err(error) => {
            debug!(reason = %Chain(&error), "an access token does not count");
            return Ok(None);
        }
    };
    let receiver = site
        .app
        .store
        .receiver(&site.name, grant.receiver)
        .await
        .map_err(|error| Problem::store(&error))?;
    // A Receiver that was removed, or whose tokens were all ended, has no use for one that was issued before.
    let current = receiver.filter(|receiver| receiver.token_epoch == grant.epoch);
    Ok(current.map(|receiver| Caller {
        receiver,
        granted: grant.scopes,
    }))
}

/// By a token of the external authorization server that its `iss` names.
async fn by_foreign_token(
    site: &Site,
    token: &str,
    jwt: &UnverifiedJwt<'_>,
) -> Result<Option<Caller>, Problem> {
    let mut servers = site.external();
    let Some(server) = servers.find(|known| known.issuer().as_str() == jwt.claims.iss) else {
        return Ok(None);
    };
    let now = site.app.clock.now();
    let asked = server.introspection().filter(|_| !server.has_type_of(jwt));
    let client = match asked {
        Some(asked) => asked.client(token, stand_in(site, token), now).await,
        None => server.check(jwt, now).await,
    };
    by_foreign_client(site, server, client).await
}

/// By a token that only the external authorization server that issued it can read.
async fn by_opaque_token(site: &Site, token: &str) -> Result<Option<Caller>, Problem> {
    if !is_opaque(token) {
        return Ok(None);
    }
    // The configuration has one such server for each issuer at most, so that nobody is shown tokens of others.
    let mut servers = site.external();
    let asked = servers.find_map(|server| Some((server, server.introspection()?)));
    let Some((server, asked)) = asked else {
        return Ok(None);
    };
    let now = site.app.clock.now();
    let client = asked.client(token, stand_in(site, token), now).await;
    by_foreign_client(site, server, client).await
}

/// Whether others may be shown a token: it has the form of one, and is neither a secret of ours nor a JWT, which tells
/// whose it is.
fn is_opaque(token: &str) -> bool {
    token.len() <= JWT_BYTES_MAX
        && is_token68(token)
        && !token.starts_with(OWN_PREFIX)
        && token.matches('.').count() != 2
}

/// Whether a text has the form of a bearer token (RFC 6750 §2.1).
fn is_token68(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !body.is_empty() && body.bytes().all(is_part)
}

/// What stands for a foreign token in memory.
fn stand_in(site: &Site, token: &str) -> Fingerprint {
    let sealer = &site.app.sealer;
    sealer.fingerprint("foreign token", token.as_bytes())
}

/// The Receiver that is registered as this client of an external authorization server.
async fn by_foreign_client(
    site: &Site,
    server: &ExternalServer,
    client: Result<ForeignClient, ForeignTokenError>,
) -> Result<Option<Caller>, Problem> {
    let issuer = server.issuer();
    let client = match client {
        Ok(client) => client,
        Err(error) if error.is_for_now() => {
            // Whoever makes up a token gets here: what is wrong with the server is logged where that is noticed.
            debug!(reason = %Chain(&error), "a token of an authorization server cannot be checked");
            let detail =
                "the token cannot be checked with its authorization server: try again later";
            return Err(Problem::unavailable(detail));
        }
        Err(error) => {
            debug!(reason = %Chain(&error), "a token of an authorization server does not count");
            return Ok(None);
        }
    };
    let (app, client_id) = (&site.app, &client.client_id);
    let fingerprint = external_fingerprint(&app.sealer, &site.name, issuer.as_str(), client_id);
    let receiver = app
        .callers
        .receiver(&app.store, &site.name, fingerprint, app.clock.now())
        .await
        .map_err(|error| Problem::store(&error))?;
    Ok(receiver.map(|receiver| Caller {
        receiver,
        granted: client.scopes,
    }))
}

/// A request does not have one token in the one place where it belongs.
#[derive(Clone, Copy)]
enum TokenFault {
    None,
    Several,
}

impl TokenFault {
    fn problem(self, challenge: &Challenge) -> Problem {
        match self {
            Self::None => Problem::no_token(challenge.bare()),
            Self::Several => Problem::several_tokens(challenge.error("invalid_request")),
        }
    }
}

/// The token of the one `Authorization` header (RFC 6750 §2.1); one in the query is not looked at (RFC 6750 §5.3).
fn token(request: &HttpRequest) -> Result<&str, TokenFault> {
    let mut values = request.headers().get_all(AUTHORIZATION);
    match (values.next(), values.next()) {
        (None, _) => Err(TokenFault::None),
        (Some(_), Some(_)) => Err(TokenFault::Several),
        (Some(_), None) if has_token_in_query(request) => Err(TokenFault::Several),
        (Some(value), None) => bearer(value).ok_or(TokenFault::None),
    }
}

fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = Some(token.trim()).filter(|token| !token.is_empty());
    token.filter(|_| scheme.eq_ignore_ascii_case("bearer"))
}

/// Whether the query has a token as well, in the way that RFC 6750 §2.3 once allowed.
fn has_token_in_query(request: &HttpRequest) -> bool {
    form_urlencoded::parse(request.query_string().as_bytes())
        .any(|(name, _)| name == "access_token")
}

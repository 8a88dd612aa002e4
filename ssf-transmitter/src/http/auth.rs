//! Who asks: bearer tokens, looked up by their fingerprints.

use actix_web::{HttpRequest, http::header::AUTHORIZATION};

use super::{AppState, problem::Problem, site::Site};
use crate::{domain::receiver::Receiver, ports::ReceiverStore, token::TokenKind};

/// The Receiver of this issuer whose token the request has.
pub(super) async fn receiver(request: &HttpRequest, site: &Site) -> Result<Receiver, Problem> {
    let fingerprint = TokenKind::Receiver.fingerprint(&site.app.sealer, token(request)?);
    site.app
        .store
        .receiver_by_token(&site.name, fingerprint)
        .await
        .map_err(|error| Problem::store(&error))?
        .ok_or_else(Problem::invalid_token)
}

/// Whether the request has the token of the sources.
pub(super) fn operator(request: &HttpRequest, state: &AppState) -> Result<(), Problem> {
    let fingerprint = TokenKind::Operator.fingerprint(&state.sealer, token(request)?);
    if fingerprint != state.operator {
        return Err(Problem::invalid_token());
    }
    Ok(())
}

/// The token of the one `Authorization` header (RFC 6750 §2.1).
fn token(request: &HttpRequest) -> Result<&str, Problem> {
    let mut values = request.headers().get_all(AUTHORIZATION);
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Problem::no_token());
    };
    let credentials = value.to_str().map_err(|_| Problem::no_token())?;
    match credentials.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => match token.trim() {
            "" => Err(Problem::no_token()),
            token => Ok(token),
        },
        _ => Err(Problem::no_token()),
    }
}

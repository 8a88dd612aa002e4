//! The built-in token endpoint (RFC 6749 §3.2), and the documents that tell of it (RFC 8414) and of what its tokens are
//! for (RFC 9728).

mod basic;
mod documents;
mod refusal;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CACHE_CONTROL, PRAGMA},
    web::{Data, Payload},
};
use secrecy::ExposeSecret;
use serde_json::json;
use tracing::info;

pub(super) use self::documents::{
    __path_authorization_server, __path_protected_resource, AUTHORIZATION_SERVER,
    PROTECTED_RESOURCE, authorization_server, protected_resource, well_known_url,
};
use self::refusal::Refusal;
use super::{
    body,
    openapi::refusals::Granting,
    site::{Site, endpoint},
};
use crate::{
    app::token::{IssuedToken, Issuing},
    domain::token_request::TokenRequest,
    ports::Clock,
};

/// Longest body of a request for a token, in bytes: an assertion of 16 KiB, percent-encoded, fits.
const BODY_BYTES_MAX: usize = 32 * 1024;

/// POST: issues an access token to a client (RFC 6749 §4.4).
#[utoipa::path(
    post,
    path = Site::TOKEN,
    operation_id = "issue_token",
    security((), ("client_secret_basic" = [])),
    request_body(content = ref("#/components/schemas/TokenRequest"), content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "An access token.", body = ref("#/components/schemas/Token")),
        Granting,
    ),
)]
pub(super) async fn token(
    request: HttpRequest,
    payload: Payload,
    site: Data<Site>,
) -> HttpResponse {
    match issue(&request, payload, &site).await {
        Ok(answer) => answer,
        Err(refusal) => refusal.answer(),
    }
}

async fn issue(
    request: &HttpRequest,
    payload: Payload,
    site: &Site,
) -> Result<HttpResponse, Refusal> {
    let Some(life) = site.app.granting.life else {
        return Err(Refusal::not_offered());
    };
    // What stands in a URL is logged and remembered by others (RFC 6749 §3.2, §2.3.1).
    if !request.query_string().is_empty() {
        return Err(Refusal::invalid_request("parameters belong into the body"));
    }
    let basic = basic::credentials(request)?;
    let body = body::form(request, payload, BODY_BYTES_MAX)
        .await
        .map_err(|problem| Refusal::unreadable(&problem))?;
    let asked = TokenRequest::parse(basic, &body).map_err(|error| Refusal::request(&error))?;
    let endpoint = endpoint(&site.issuer, Site::TOKEN);
    let issuing = Issuing {
        store: &site.app.store,
        sealer: &site.app.sealer,
        tokens: &site.app.granting.tokens,
        failures: &site.app.granting.failures,
        name: &site.name,
        issuer: &site.issuer,
        endpoint: endpoint.as_str(),
        life,
    };
    let issued = issuing
        .issue(&asked, site.app.clock.now())
        .await
        .map_err(|error| Refusal::issue(&error))?;
    let IssuedToken {
        token,
        receiver,
        scopes,
        ..
    } = issued;
    info!(receiver.id = %receiver, "access token issued");
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((PRAGMA, "no-cache"))
        .json(json!({
            "access_token": token.expose_secret(),
            "token_type": "Bearer",
            "expires_in": life.as_secs(),
            "scope": scopes.to_string(),
        })))
}

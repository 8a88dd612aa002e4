//! What a request cannot be answered for, as OAuth and OpenID Connect write it (RFC 6749 §5.2).

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{ALLOW, RETRY_AFTER},
    },
};
use serde_json::json;

use crate::keys::RETRY_AFTER as WAIT;

/// An answer with a code and what to fix.
pub(super) fn problem(status: StatusCode, code: &str, text: &str) -> HttpResponse {
    HttpResponse::build(status).json(json!({ "error": code, "error_description": text }))
}

/// 400: the request cannot be read, or lacks something.
pub(super) fn invalid_request(text: &str) -> HttpResponse {
    problem(StatusCode::BAD_REQUEST, "invalid_request", text)
}

/// 405: all that is asked for here is asked for with POST.
pub(super) async fn wrong_method() -> HttpResponse {
    HttpResponse::MethodNotAllowed()
        .insert_header((ALLOW, "POST"))
        .finish()
}

/// 503: nobody can tell now.
pub(super) fn unavailable() -> HttpResponse {
    HttpResponse::ServiceUnavailable()
        .insert_header((RETRY_AFTER, WAIT.as_secs()))
        .json(json!({ "error": "temporarily_unavailable" }))
}

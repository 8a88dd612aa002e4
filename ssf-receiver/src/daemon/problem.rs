//! What a request cannot be answered for, as OAuth and OpenID Connect write it (RFC 6749 §5.2).

use actix_web::{
    FromRequest, Handler, HttpResponse, Resource, Responder,
    http::{
        StatusCode,
        header::{ALLOW, RETRY_AFTER},
    },
    web,
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

/// Has a resource answer POST with `answer`, and any other method with 405.
pub(super) fn post_alone<A, Args>(resource: Resource, answer: A) -> Resource
where
    A: Handler<Args>,
    Args: FromRequest + 'static,
    A::Output: Responder + 'static,
{
    resource
        .route(web::post().to(answer))
        .default_service(web::to(wrong_method))
}

async fn wrong_method() -> HttpResponse {
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

//! Errors as a peer sees them: problem documents (RFC 9457).

use std::{borrow::Cow, fmt, time::Duration};

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE},
    },
};
use serde::Serialize;
use serde_json::Value;
use ssf_types::error::Chain;
use tracing::error;

use crate::ports::StoreError;

/// A request that was not granted: the status, and a sentence on what to fix that holds no value from the request.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    detail: Cow<'static, str>,
    header: Option<(HeaderName, Cow<'static, str>)>,
    events: Option<Vec<Value>>,
}

/// The document; `events` is an extension of the ingest API (RFC 9457 §3.2).
#[derive(Serialize)]
struct Document<'p> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'p str,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<&'p [Value]>,
}

impl Problem {
    fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            detail: detail.into(),
            header: None,
            events: None,
        }
    }

    /// 400: the request breaks a rule.
    pub(super) fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 400: none of several events was accepted; `events` says of each why.
    pub(super) fn no_event(detail: impl Into<Cow<'static, str>>, events: Vec<Value>) -> Self {
        Self {
            events: Some(events),
            ..Self::bad_request(detail)
        }
    }

    /// 401 without a token: the challenge says nothing but the scheme (RFC 6750 §3.1).
    pub(super) fn no_token() -> Self {
        Self {
            header: Some((WWW_AUTHENTICATE, "Bearer".into())),
            ..Self::new(
                StatusCode::UNAUTHORIZED,
                "send a token as \"Authorization: Bearer …\"",
            )
        }
    }

    /// 401 with a token that is not known.
    pub(super) fn invalid_token() -> Self {
        Self {
            header: Some((WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"".into())),
            ..Self::new(
                StatusCode::UNAUTHORIZED,
                "the token is not one that is valid here",
            )
        }
    }

    /// 404.
    pub(super) fn not_found(detail: &'static str) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 405 with the methods that there are.
    pub(super) fn method_not_allowed(allowed: &'static str) -> Self {
        Self {
            header: Some((ALLOW, allowed.into())),
            ..Self::new(
                StatusCode::METHOD_NOT_ALLOWED,
                format!("the methods of this resource are {allowed}"),
            )
        }
    }

    /// 408: the body did not arrive in time.
    pub(super) fn too_slow() -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "the body did not arrive in time",
        )
    }

    /// 409: the request contradicts what is there.
    pub(super) fn conflict(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    /// 413 with the limit.
    pub(super) fn too_large(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body has at most {limit} bytes here"),
        )
    }

    /// 415.
    pub(super) fn unsupported_media_type(detail: &'static str) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
    }

    /// 429: the same request may be granted after `retry_after`, which is told in whole seconds.
    pub(super) fn too_soon(detail: impl Into<Cow<'static, str>>, retry_after: Duration) -> Self {
        let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
        Self {
            header: Some((RETRY_AFTER, seconds.to_string().into())),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, detail)
        }
    }

    /// 503: the same request may succeed in a second.
    pub(super) fn unavailable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            header: Some((RETRY_AFTER, "1".into())),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        }
    }

    /// 503 for a fault of the store, which is logged here; the peer learns no more than that.
    pub(super) fn store(fault: &StoreError) -> Self {
        error!(error = %Chain(fault), "the store did not do what a request needs");
        Self::unavailable("the store is not available: try again later")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        response
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header((CONTENT_TYPE, "application/problem+json"));
        if let Some((name, value)) = &self.header {
            response.insert_header((name.clone(), value.as_ref()));
        }
        response.json(Document {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            events: self.events.as_deref(),
        })
    }
}

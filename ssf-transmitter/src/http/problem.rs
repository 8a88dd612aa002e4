//! Errors as a peer sees them: problem documents (RFC 9457).
//!
//! A handler returns a [`Problem`]; [`super::envelope`] writes the document, because it knows the request's id.

use std::{borrow::Cow, fmt, time::Duration};

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{ALLOW, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE},
    },
};
use serde::Serialize;
use serde_json::Value;
use ssf_types::error::Chain;
use tracing::error;

use super::{code::Code, envelope::RequestId};
use crate::{
    domain::{operator::OperatorScope, scope::Scope},
    ports::StoreError,
};

/// A request that was not granted: a code, and a sentence on what to fix that holds no value from the request.
#[derive(Debug)]
pub(super) struct Problem {
    code: Code,
    detail: Cow<'static, str>,
    header: Option<(HeaderName, Cow<'static, str>)>,
    events: Option<Vec<Value>>,
}

/// The document; `code`, `request_id` and, for the ingest API, `events` are extensions (RFC 9457 §3.2).
#[derive(Serialize)]
struct Document<'p> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'p str,
    code: Code,
    request_id: RequestId,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<&'p [Value]>,
}

impl Problem {
    /// A problem with this code and its status.
    pub(super) fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
            header: None,
            events: None,
        }
    }

    /// Whether the fault is ours, so that a change may have happened all the same.
    pub(super) fn is_ours(&self) -> bool {
        self.code.status().is_server_error()
    }

    /// 400: the request breaks a rule.
    pub(super) fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidRequest, detail)
    }

    /// 400 or 403: none of several events was accepted; `events` says of each why.
    pub(super) fn no_event(
        code: Code,
        detail: impl Into<Cow<'static, str>>,
        events: Vec<Value>,
    ) -> Self {
        Self {
            events: Some(events),
            ..Self::new(code, detail)
        }
    }

    /// 403: the operator's token is valid, and not enough (RFC 6750 §3.1).
    pub(super) fn operator_scope(scope: OperatorScope) -> Self {
        let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
        Self {
            header: Some((WWW_AUTHENTICATE, challenge.into())),
            ..Self::new(
                Code::InsufficientScope,
                format!("this takes the scope {scope}, which the operator does not have"),
            )
        }
    }

    /// 500: a fault of this program.
    pub(super) fn internal() -> Self {
        Self::of_library(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// 401 without a token.
    pub(super) fn no_token(challenge: String) -> Self {
        Self {
            header: Some((WWW_AUTHENTICATE, challenge.into())),
            ..Self::new(
                Code::MissingToken,
                "send a token as \"Authorization: Bearer …\"",
            )
        }
    }

    /// 400 with a token in two places (RFC 6750 §3.1).
    pub(super) fn several_tokens(challenge: String) -> Self {
        Self {
            header: Some((WWW_AUTHENTICATE, challenge.into())),
            ..Self::bad_request("send one token, in one Authorization header")
        }
    }

    /// 403 with a token that is not enough.
    pub(super) fn insufficient_scope(challenge: String, least: Scope) -> Self {
        Self {
            header: Some((WWW_AUTHENTICATE, challenge.into())),
            ..Self::new(
                Code::InsufficientScope,
                format!("this needs a token with the scope {least}"),
            )
        }
    }

    /// 401 with a token that does not count.
    pub(super) fn invalid_token(challenge: String) -> Self {
        Self {
            header: Some((WWW_AUTHENTICATE, challenge.into())),
            ..Self::new(
                Code::InvalidToken,
                "the token is not one that is valid here",
            )
        }
    }

    /// 404: there is nothing at the path.
    pub(super) fn not_found(detail: &'static str) -> Self {
        Self::new(Code::NotFound, detail)
    }

    /// 405 with the methods that there are.
    pub(super) fn method_not_allowed(allowed: &str) -> Self {
        Self {
            header: Some((ALLOW, allowed.to_owned().into())),
            ..Self::new(
                Code::MethodNotAllowed,
                format!("the methods of this resource are {allowed}"),
            )
        }
    }

    /// 408: the body did not arrive in time.
    pub(super) fn too_slow() -> Self {
        Self::new(Code::RequestTimeout, "the body did not arrive in time")
    }

    /// 413 with the limit.
    pub(super) fn too_large(limit: usize) -> Self {
        Self::new(
            Code::BodyTooLarge,
            format!("the body has at most {limit} bytes here"),
        )
    }

    /// 414 with the limit.
    pub(super) fn uri_too_long(limit: usize) -> Self {
        Self::new(
            Code::UriTooLong,
            format!("path and query have at most {limit} bytes together"),
        )
    }

    /// 415.
    pub(super) fn unsupported_media_type(detail: &'static str) -> Self {
        Self::new(Code::UnsupportedMediaType, detail)
    }

    /// 429: the same request may be granted after `retry_after`, which is told in whole seconds.
    pub(super) fn too_soon(detail: impl Into<Cow<'static, str>>, retry_after: Duration) -> Self {
        Self::later(Code::TooSoon, detail, retry_after)
    }

    /// 429: the source may hand this in after `retry_after`, which is told in whole seconds.
    pub(super) fn over_quota(detail: impl Into<Cow<'static, str>>, retry_after: Duration) -> Self {
        Self::later(Code::OverQuota, detail, retry_after)
    }

    fn later(code: Code, detail: impl Into<Cow<'static, str>>, retry_after: Duration) -> Self {
        let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
        Self {
            header: Some((RETRY_AFTER, seconds.to_string().into())),
            ..Self::new(code, detail)
        }
    }

    /// 503: the same request may succeed in a second.
    pub(super) fn unavailable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            header: Some((RETRY_AFTER, "1".into())),
            ..Self::new(Code::Unavailable, detail)
        }
    }

    /// 503 for a fault of the store, or 507 if its disk is full. It is logged here; the peer learns no more than that.
    pub(super) fn store(fault: &StoreError) -> Self {
        error!(error = %Chain(fault), "the store did not do what a request needs");
        match fault {
            StoreError::Full(_) => {
                let detail = "the disk of the store is full: try again when there is room";
                Self::new(Code::StorageFull, detail)
            }
            StoreError::Unavailable(_) | StoreError::Corrupt(_) => {
                Self::unavailable("the store is not available: try again later")
            }
        }
    }

    /// What the library that reads HTTP refused with `status`, in our form; its own words may quote the request.
    pub(super) fn of_library(status: StatusCode) -> Self {
        if status.is_server_error() {
            return Self::new(
                Code::InternalError,
                "a fault of the server: its log has the request_id",
            );
        }
        Self::new(Code::BadHttp, "this is not a request that can be read")
    }

    /// The answer, with the id of the request that it answers.
    pub(super) fn answer(&self, request_id: RequestId) -> HttpResponse {
        let status = self.code.status();
        let mut response = HttpResponse::build(status);
        response.insert_header((CONTENT_TYPE, "application/problem+json"));
        if let Some((name, value)) = &self.header {
            response.insert_header((name.clone(), value.as_ref()));
        }
        response.json(Document {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: &self.detail,
            code: self.code,
            request_id,
            events: self.events.as_deref(),
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    /// The status alone; [`Problem::answer`] takes its place.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.code.status())
    }
}

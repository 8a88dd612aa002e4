//! Refusals of the token endpoint: the JSON of RFC 6749 §5.2.

use std::borrow::Cow;

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, HeaderName, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE},
    },
};
use serde_json::json;
use ssf_types::error::Chain;
use tracing::error;

use super::super::problem::Problem;
use crate::{app::token::IssueError, domain::token_request::TokenRequestError};

/// A token that is not issued: the code, and a sentence in the characters that RFC 6749 §5.2 allows.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    description: Cow<'static, str>,
    header: Option<(HeaderName, Cow<'static, str>)>,
}

impl Refusal {
    fn new(
        status: StatusCode,
        code: &'static str,
        description: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            code,
            description: description.into(),
            header: None,
        }
    }

    /// 400: the request is not one for a token.
    pub(super) fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    /// 401: the client does not show who it is.
    pub(super) fn invalid_client(description: impl Into<Cow<'static, str>>) -> Self {
        Self {
            header: Some((WWW_AUTHENTICATE, "Basic realm=\"ssf\"".into())),
            ..Self::new(StatusCode::UNAUTHORIZED, "invalid_client", description)
        }
    }

    /// 404: tokens come from elsewhere.
    pub(super) fn not_offered() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "invalid_request",
            "there is no token endpoint here",
        )
    }

    /// The body could not be read.
    pub(super) fn unreadable(problem: &Problem) -> Self {
        Self::new(
            problem.status_code(),
            "invalid_request",
            problem.to_string(),
        )
    }

    /// The body was read, and is no request.
    pub(super) fn request(error: &TokenRequestError) -> Self {
        let code = match error {
            TokenRequestError::NoWay => return Self::invalid_client(error.to_string()),
            TokenRequestError::GrantType => "unsupported_grant_type",
            TokenRequestError::Scope(_) => "invalid_scope",
            TokenRequestError::Repeated
            | TokenRequestError::Missing(_)
            | TokenRequestError::TwoWays
            | TokenRequestError::OtherClient
            | TokenRequestError::AssertionType => "invalid_request",
        };
        Self::new(StatusCode::BAD_REQUEST, code, error.to_string())
    }

    /// The request was understood, and not granted.
    pub(super) fn issue(error: &IssueError) -> Self {
        let told = error.to_string();
        match error {
            IssueError::Client => Self::invalid_client(told),
            IssueError::TooOften { retry_after } => {
                let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
                Self {
                    header: Some((RETRY_AFTER, seconds.to_string().into())),
                    ..Self::new(StatusCode::TOO_MANY_REQUESTS, "invalid_client", told)
                }
            }
            IssueError::Scope => Self::new(StatusCode::BAD_REQUEST, "invalid_scope", told),
            IssueError::Store(fault) => {
                error!(error = %Chain(fault), "the store did not do what a token needs");
                Self {
                    header: Some((RETRY_AFTER, "1".into())),
                    ..Self::new(
                        StatusCode::SERVICE_UNAVAILABLE,
                        "temporarily_unavailable",
                        "the store is not available: try again later",
                    )
                }
            }
        }
    }

    /// The answer.
    pub(super) fn answer(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        response
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header((PRAGMA, "no-cache"));
        if let Some((name, value)) = &self.header {
            response.insert_header((name.clone(), value.as_ref()));
        }
        response.json(json!({ "error": self.code, "error_description": self.description }))
    }
}

//! What a proxy is answered, and what it may pass on to the user.

use std::time::Duration;

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::{
        StatusCode,
        header::{ACCEPT_LANGUAGE, HeaderMap, RETRY_AFTER, WWW_AUTHENTICATE},
    },
};
use serde_json::json;

use crate::guard::Denial;

/// What was decided: `allow`, `anonymous`, `refuse` or `unavailable`.
const DECISION: &str = "X-SSF-Decision";

/// The code of the reason, which is the member `error` of the body too.
const REASON: &str = "X-SSF-Reason";

/// What becomes of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// Nothing that it shows was revoked.
    Allow,
    /// It shows nothing, and may pass all the same.
    Anonymous,
    /// What it shows does not count.
    Refused(Refusal),
    /// What it shows was revoked.
    Denied(Denial),
    /// Nobody can tell now.
    Unavailable(Duration),
}

/// Why what a request shows does not count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refusal {
    /// It shows nothing.
    NoSession,
    /// A token does not count here and now.
    InvalidToken,
    /// What it shows beside tokens cannot be read, or more than one can be read into it.
    InvalidSession,
    /// Headers of a session come from somebody who is not to be believed.
    UntrustedProxy,
}

impl Refusal {
    fn code(self) -> &'static str {
        match self {
            Self::NoSession => "no_session",
            Self::InvalidToken => "invalid_token",
            Self::InvalidSession => "invalid_session",
            Self::UntrustedProxy => "untrusted_proxy",
        }
    }

    /// An operator has to mend the last one: nobody is told to sign in because of it.
    fn status(self) -> StatusCode {
        match self {
            Self::NoSession | Self::InvalidToken | Self::InvalidSession => StatusCode::UNAUTHORIZED,
            Self::UntrustedProxy => StatusCode::FORBIDDEN,
        }
    }

    /// Without a code where nothing was shown (RFC 6750 §3.1).
    fn challenge(self) -> Option<&'static str> {
        match self {
            Self::NoSession => Some("Bearer"),
            Self::InvalidToken | Self::InvalidSession => Some(r#"Bearer error="invalid_token""#),
            Self::UntrustedProxy => None,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::NoSession => "Please sign in.",
            Self::InvalidToken | Self::InvalidSession => "Please sign in again.",
            Self::UntrustedProxy => "This site is not set up correctly.",
        }
    }
}

impl Verdict {
    /// The answer, which is counted.
    pub(super) fn response(&self, asked: &HeaderMap) -> HttpResponse {
        metrics::counter!("ssf_receiver_auth_total", "result" => self.label()).increment(1);
        match self {
            Self::Allow => passing("allow"),
            Self::Anonymous => passing("anonymous"),
            Self::Refused(refusal) => of_refusal(*refusal),
            Self::Denied(denial) => of_denial(denial, asked),
            Self::Unavailable(retry_after) => {
                let seconds = retry_after.as_secs().max(1).to_string();
                let mut response = refusing(
                    StatusCode::SERVICE_UNAVAILABLE,
                    ("unavailable", "temporarily_unavailable"),
                );
                response.insert_header((RETRY_AFTER, seconds));
                response.json(json!({ "error": "temporarily_unavailable" }))
            }
        }
    }

    fn label(&self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Anonymous => "anonymous",
            Self::Refused(refusal) => refusal.code(),
            Self::Denied(denial) => denial.reason().error(),
            Self::Unavailable(_) => "unavailable",
        }
    }
}

fn passing(decision: &str) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.insert_header((DECISION, decision)).finish()
}

fn refusing(status: StatusCode, (decision, code): (&str, &str)) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response
        .insert_header((DECISION, decision))
        .insert_header((REASON, code));
    response
}

fn of_refusal(refusal: Refusal) -> HttpResponse {
    let code = refusal.code();
    let mut response = refusing(refusal.status(), ("refuse", code));
    if let Some(challenge) = refusal.challenge() {
        response.insert_header((WWW_AUTHENTICATE, challenge));
    }
    response.json(json!({ "error": code, "reason": refusal.text() }))
}

fn of_denial(denial: &Denial, asked: &HeaderMap) -> HttpResponse {
    let language = asked.get(ACCEPT_LANGUAGE);
    let language = language.and_then(|value| value.to_str().ok());
    let reason = denial.reason();
    let status = StatusCode::from_u16(reason.status()).unwrap_or(StatusCode::UNAUTHORIZED);
    let mut response = refusing(status, ("refuse", reason.error()));
    for header in denial.headers(language) {
        response.insert_header(header);
    }
    response.json(denial.to_json(language))
}

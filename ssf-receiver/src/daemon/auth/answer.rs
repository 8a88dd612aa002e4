//! What a proxy is answered, and what it may pass on to the user.

use std::time::Duration;

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::{
        StatusCode,
        header::{
            ACCEPT_LANGUAGE, CONTENT_SECURITY_POLICY, HeaderMap, RETRY_AFTER, VARY,
            WWW_AUTHENTICATE,
        },
    },
};
use serde_json::json;

use super::page::{self, Told};
use crate::guard::{Denial, Reason};

/// What was decided: `allow`, `anonymous`, `refuse` or `unavailable`.
const DECISION: &str = "X-SSF-Decision";

/// The code of the reason, which is the member `error` of the body too.
const REASON: &str = "X-SSF-Reason";

const SIGN_IN_AGAIN: &str = "Please sign in again";
const NO_ACCESS: &str = "No access";

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

    fn title(self) -> &'static str {
        match self {
            Self::NoSession => "You are not signed in",
            Self::InvalidToken | Self::InvalidSession => SIGN_IN_AGAIN,
            Self::UntrustedProxy => NO_ACCESS,
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
    /// The answer, which is counted; a page leads to `sign_in_url`.
    pub(super) fn response(&self, asked: &HeaderMap, sign_in_url: Option<&str>) -> HttpResponse {
        metrics::counter!("ssf_receiver_auth_total", "result" => self.label()).increment(1);
        match self {
            Self::Allow => passing("allow"),
            Self::Anonymous => passing("anonymous"),
            Self::Refused(refusal) => of_refusal(*refusal, asked, sign_in_url),
            Self::Denied(denial) => of_denial(denial, asked, sign_in_url),
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

fn of_refusal(refusal: Refusal, asked: &HeaderMap, sign_in_url: Option<&str>) -> HttpResponse {
    let (status, code) = (refusal.status(), refusal.code());
    let mut response = refusing(status, ("refuse", code));
    if let Some(challenge) = refusal.challenge() {
        response.insert_header((WWW_AUTHENTICATE, challenge));
    }
    let told = Told {
        title: refusal.title(),
        language: "en",
        text: refusal.text(),
        sign_in_url: sign_in_url.filter(|_| status == StatusCode::UNAUTHORIZED),
    };
    telling(response, code, &told, asked)
}

fn of_denial(denial: &Denial, asked: &HeaderMap, sign_in_url: Option<&str>) -> HttpResponse {
    let language = asked.get(ACCEPT_LANGUAGE);
    let language = language.and_then(|value| value.to_str().ok());
    let reason = denial.reason();
    let status = StatusCode::from_u16(reason.status()).unwrap_or(StatusCode::UNAUTHORIZED);
    let mut response = refusing(status, ("refuse", reason.error()));
    for header in denial.headers(language) {
        response.insert_header(header);
    }
    let (language, text) = denial.message(language);
    let told = Told {
        title: title(reason),
        language,
        text,
        sign_in_url: sign_in_url.filter(|_| status == StatusCode::UNAUTHORIZED),
    };
    telling(response, reason.error(), &told, asked)
}

fn title(reason: Reason) -> &'static str {
    match reason {
        Reason::Revoked | Reason::Renew => "You are signed out",
        Reason::Blocked => NO_ACCESS,
        Reason::Reauthenticate | Reason::StepUp => SIGN_IN_AGAIN,
        Reason::Unconfirmed => "Please try again in a moment",
    }
}

/// Tells it to people as a page, and to programs as JSON.
fn telling(
    mut response: HttpResponseBuilder,
    code: &str,
    told: &Told<'_>,
    asked: &HeaderMap,
) -> HttpResponse {
    response.insert_header((VARY, "Accept, Accept-Language"));
    if page::is_wanted(asked) {
        response
            .content_type("text/html; charset=utf-8")
            .insert_header((CONTENT_SECURITY_POLICY, page::POLICY));
        return response.body(page::html(told));
    }
    response.json(json!({ "error": code, "reason": told.text }))
}

//! Global Token Revocation (draft-parecki-oauth-global-token-revocation): whoever may says that all sessions of a user are
//! over that have begun.
//!
//! Each request counts as of when it comes, also if the same one came before: the user may have signed in again in between.

mod request;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Data, ServiceConfig},
};
use secrecy::SecretString;
use ssf_types::{
    audience::{Audience, AudienceError},
    error::Chain,
    id::{IdError, Jti},
    uri::Issuer,
};
use uuid::Uuid;

use self::request::RequestError;
use super::{
    callers::Callers,
    problem::{invalid_request, post_alone, unavailable},
};
use crate::{
    Receiver, clock,
    http::body::{self, BodyError},
    media_type,
    reported::{Report, ReportError},
};

/// Longest body, in bytes: all aliases that a subject may have, each as long as it may be.
const BODY_BYTES_MAX: usize = 64 * 1024;

const MEDIA_TYPE: &str = "application/json";

/// Where it is said for the transmitter called `name`.
pub(super) fn path(name: &str) -> String {
    format!("/global-token-revocation/{name}")
}

/// What takes requests in the scope of one transmitter.
pub(super) struct GlobalRevocation {
    receiver: Receiver,
    scope: Issuer,
    callers: Callers,
}

/// Nobody's sessions are over.
#[derive(Debug, thiserror::Error)]
enum RevocationError {
    /// The body claims to be something else.
    #[error("Content-Type must be {MEDIA_TYPE}")]
    MediaType,
    /// The body is not there, or too long.
    #[error(transparent)]
    Body(BodyError),
    /// The body is no request.
    #[error(transparent)]
    Request(RequestError),
    /// The request cannot be given a name.
    #[error("the request cannot be named")]
    Name(#[source] IdError),
    /// The request cannot be addressed.
    #[error("the request cannot be addressed")]
    Audience(#[source] AudienceError),
    /// It is not in effect.
    #[error("the request is not in effect")]
    Report(#[source] ReportError),
}

impl GlobalRevocation {
    /// Lets whoever shows `secret` end sessions that the transmitter `scope` may end.
    pub(super) fn new(secret: SecretString, scope: Issuer, receiver: Receiver) -> Self {
        Self {
            receiver,
            scope,
            callers: Callers::new(secret, None),
        }
    }

    async fn revoke(
        &self,
        request: &HttpRequest,
        body: web::Payload,
    ) -> Result<(), RevocationError> {
        if !media_type::is_of(request, MEDIA_TYPE) {
            return Err(RevocationError::MediaType);
        }
        let body = body::read(body, BODY_BYTES_MAX).await;
        let subject = request::read(&body.map_err(RevocationError::Body)?);
        let subject = subject.map_err(RevocationError::Request)?;
        let jti = Jti::parse(format!("global-revocation:{}", Uuid::new_v4().as_simple()));
        let audience = Audience::new([self.scope.as_str()]);
        let report = Report {
            jti: jti.map_err(RevocationError::Name)?,
            audience: audience.map_err(RevocationError::Audience)?,
            subject: subject.into(),
            happened: clock::now(),
        };
        let ended = self.receiver.end(&self.scope, report).await;
        ended.map_err(RevocationError::Report)
    }
}

/// Adds where it is said for the transmitter called `name`.
pub(super) fn routes(
    (name, revocation): (&str, &Data<GlobalRevocation>),
    config: &mut ServiceConfig,
) {
    let resource = web::resource(path(name)).app_data(revocation.clone());
    config.service(post_alone(resource, answer));
}

async fn answer(
    request: HttpRequest,
    body: web::Payload,
    revocation: Data<GlobalRevocation>,
) -> HttpResponse {
    // Before the body is read: a stranger gets no memory.
    if let Some(refusal) = revocation.callers.refusal(request.headers()) {
        count("unauthorized");
        return refusal;
    }
    match revocation.revoke(&request, body).await {
        Ok(()) => {
            count("ended");
            HttpResponse::NoContent().finish()
        }
        Err(RevocationError::Report(error)) => {
            count("unavailable");
            tracing::error!(error = %Chain(&error), "a request to revoke somebody's tokens takes no effect");
            unavailable()
        }
        Err(error) => {
            count("malformed");
            invalid_request(&Chain(&error).to_string())
        }
    }
}

fn count(result: &'static str) {
    metrics::counter!("ssf_receiver_global_revocations_total", "result" => result).increment(1);
}

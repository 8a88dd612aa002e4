//! OpenID Connect Back-Channel Logout 1.0: a provider says that it has signed somebody out.
//!
//! 1. A logout token counts if one of the issuers of tokens signed it, for a client that is configured, and for nothing else.
//! 2. It is answered 200 once it is durable and in effect, in the scope of each transmitter that may end the issuer's
//!    sessions. Whatever else becomes of it is 400 (§2.8): providers send it once.

mod token;

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{self, Data, ServiceConfig},
};
use ssf_types::{
    error::Chain,
    id::{IdError, Jti},
    jwt::{JwtError, SignatureError, UnverifiedJwt},
};

use self::token::{LogoutToken, LogoutTokenError};
use super::{
    auth::tokens::Tokens,
    form::{Form, FormError},
    problem::{post_alone, problem},
};
use crate::{
    Receiver, clock,
    keys::Unverified,
    reported::{Report, ReportError},
};

/// Where providers tell of it: the `backchannel_logout_uri` of the client that is registered with them.
pub(super) const PATH: &str = "/backchannel-logout";

/// Longest body, in bytes: the longest token with each byte escaped.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// What takes logout tokens.
pub(super) struct BackchannelLogout {
    receiver: Receiver,
    tokens: Arc<Tokens>,
}

/// Nobody was signed out.
#[derive(Debug, thiserror::Error)]
enum LogoutError {
    /// There is no logout token.
    #[error(transparent)]
    Form(FormError),
    /// It is no JWT that can be read.
    #[error("the logout token is not a JWT")]
    Malformed(#[source] JwtError),
    /// Nobody's logout tokens count but those of the configured issuers.
    #[error("iss is no issuer whose logout tokens count")]
    Issuer,
    /// It is no logout token that counts here and now.
    #[error(transparent)]
    Token(LogoutTokenError),
    /// Its issuer did not sign it.
    #[error("the logout token is not signed with a key of its issuer")]
    Signature(#[source] SignatureError),
    /// Its issuer's keys cannot be fetched now.
    #[error("the keys of the issuer cannot be fetched now")]
    NotNow,
    /// Its name cannot be kept.
    #[error("the name of the logout token cannot be kept")]
    Name(#[source] IdError),
    /// It is not in effect.
    #[error("the logout token is not in effect")]
    Report(#[source] ReportError),
}

impl LogoutError {
    /// Whether the same token might count later.
    fn is_passing(&self) -> bool {
        matches!(self, Self::NotNow | Self::Report(ReportError::NotNow))
    }

    /// The code of the answer (OpenID Connect Back-Channel Logout 1.0 §2.8).
    fn code(&self) -> &'static str {
        if self.is_passing() {
            "temporarily_unavailable"
        } else {
            "invalid_request"
        }
    }
}

impl BackchannelLogout {
    pub(super) fn new(tokens: Arc<Tokens>, receiver: Receiver) -> Self {
        Self { receiver, tokens }
    }

    async fn log_out(&self, token: &str) -> Result<(), LogoutError> {
        let jwt = UnverifiedJwt::parse(token).map_err(LogoutError::Malformed)?;
        let (settings, keys) = self
            .tokens
            .issuer(&jwt.claims.iss)
            .ok_or(LogoutError::Issuer)?;
        let audience = settings.logout_audience.as_ref();
        let audience = audience.ok_or(LogoutError::Issuer)?;
        // Before the signature: nobody has keys fetched for what does not count anyway.
        let logout = LogoutToken::read(
            (&jwt.header, &jwt.claims),
            (&settings.issuer, &settings.identifiers),
            audience,
            clock::now(),
        );
        let logout = logout.map_err(LogoutError::Token)?;
        keys.verify_jwt(&jwt).await.map_err(|error| match error {
            Unverified::Never(error) | Unverified::WithoutKey(error) => {
                LogoutError::Signature(error)
            }
            Unverified::NotNow { .. } => LogoutError::NotNow,
        })?;
        // Under a name that no SET of a transmitter has, and that is the same for the same token.
        let key = self.receiver.core().index.key();
        let name = key.claims(&format!("{} {}", jwt.claims.iss, logout.jti));
        let name = u128::from_be_bytes(name.to_bytes());
        let jti = Jti::parse(format!("backchannel-logout:{name:032x}"));
        let report = Report {
            jti: jti.map_err(LogoutError::Name)?,
            audience: logout.audience,
            subject: logout.subject,
            happened: logout.iat,
        };
        for scope in &settings.scopes {
            let ended = self.receiver.end(scope, report.clone()).await;
            ended.map_err(LogoutError::Report)?;
        }
        Ok(())
    }
}

/// Adds what providers tell.
pub(super) fn routes(logout: &Data<BackchannelLogout>, config: &mut ServiceConfig) {
    let resource = web::resource(PATH).app_data(logout.clone());
    config.service(post_alone(resource, answer));
}

async fn answer(
    request: HttpRequest,
    body: web::Payload,
    logout: Data<BackchannelLogout>,
) -> HttpResponse {
    let form = Form::read(&request, body, BODY_BYTES_MAX).await;
    let token = form.and_then(|form| form.required("logout_token"));
    let logged_out = match token {
        Ok(token) => logout.log_out(&token).await,
        Err(error) => Err(LogoutError::Form(error)),
    };
    let Err(error) = logged_out else {
        count("ended");
        return HttpResponse::Ok().finish();
    };
    if matches!(error, LogoutError::Report(ReportError::NotNow)) {
        tracing::error!(error = %Chain(&error), "a logout token takes no effect, and may not come again");
    } else if error.is_passing() {
        // Nobody knows yet who sent it.
        tracing::warn!(error = %Chain(&error), "a logout token takes no effect, and may not come again");
    } else {
        tracing::debug!(error = %Chain(&error), "a logout token does not count");
    }
    count(if error.is_passing() {
        "unavailable"
    } else {
        "refused"
    });
    problem(
        StatusCode::BAD_REQUEST,
        error.code(),
        &Chain(&error).to_string(),
    )
}

fn count(result: &'static str) {
    metrics::counter!("ssf_receiver_logouts_total", "result" => result).increment(1);
}

//! Introspection (RFC 7662) in front of an authorization server: a token whose session was ended does not count, whatever the
//! server still thinks; of every other one it says what it says.
//!
//! 1. What is known to be ended is answered without asking anybody.
//! 2. What the server vouches for is decided upon once more, by what the token claims and by what the server tells of it:
//!    a SET may have come meanwhile, and a token that is no JWT tells nothing itself.
//! 3. What nobody can tell now is 503, which no caller takes for a token that does not count.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Data, ServiceConfig},
};
use ssf_types::{error::Chain, jwt::JWT_BYTES_MAX, uri::Issuer};

use super::{
    auth::tokens::{Tokens, session},
    callers::Callers,
    form::{Form, FormError},
    problem::{invalid_request, post_alone, unavailable},
};
use crate::{
    Receiver, SessionKeys,
    client::{
        FetchError, Http,
        access::introspection::{AsksWith, IntrospectError, Introspected, IntrospectionServer},
    },
    clock,
    config::{Credentials, IdentifierRule, IntrospectionSettings},
    guard::{Decision, Reason, Renewed},
};

/// Where callers ask.
pub(super) const PATH: &str = "/introspect";

/// Longest body of a question, in bytes: the longest token with each byte escaped, and what callers add.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Longest `token_type_hint` that is passed on, in bytes; registered ones have 13.
const HINT_BYTES_MAX: usize = 64;

/// What of a token whose session was ended is told: no more (RFC 7662 §2.2).
const ENDED: &str = r#"{"active":false}"#;

/// What answers callers.
pub(super) struct Introspection {
    receiver: Receiver,
    tokens: Arc<Tokens>,
    callers: Callers,
    server: Arc<IntrospectionServer>,
    /// Whose tokens the server speaks of where it does not say.
    issuer: Issuer,
    /// The transmitters whose SETs end the sessions.
    scopes: Vec<Issuer>,
    identifiers: Vec<IdentifierRule>,
}

/// A question.
struct Asked {
    token: String,
    hint: Option<String>,
}

/// What a caller is told of a token.
#[derive(Debug, Eq, PartialEq)]
enum Said {
    /// The server vouches for it, and its session goes on: the answer as it came.
    Active(Vec<u8>),
    /// The server does not: the answer as it came.
    Inactive(Vec<u8>),
    /// Its session was ended.
    Ended,
    /// Nobody can tell now.
    Unknown,
}

/// The server to ask.
///
/// # Errors
/// TLS cannot be set up.
pub(super) fn server(
    settings: &IntrospectionSettings,
) -> Result<Arc<IntrospectionServer>, FetchError> {
    let asks_with = match settings.credentials.clone() {
        Credentials::Token(token) => AsksWith::Token(token),
        Credentials::Client(client) => {
            let audience = settings.assertion_audience.clone();
            AsksWith::Client(
                client,
                audience.unwrap_or_else(|| settings.issuer.to_string()),
            )
        }
    };
    let server = IntrospectionServer::new(Http::of_operator()?, settings.url.clone(), asks_with);
    Ok(Arc::new(server))
}

/// Has the server say whether the session of a token goes on.
pub(super) async fn renewed(server: &IntrospectionServer, token: &str) -> Renewed {
    match server.ask(token, None).await {
        Ok(answer) if answer.is_active => Renewed::Confirmed,
        Ok(_) => Renewed::Refused,
        Err(error) => {
            tell(&error);
            Renewed::Unreachable
        }
    }
}

impl Introspection {
    pub(super) fn new(
        settings: IntrospectionSettings,
        server: Arc<IntrospectionServer>,
        tokens: Arc<Tokens>,
        receiver: Receiver,
    ) -> Self {
        Self {
            callers: Callers::new(settings.caller_secret, settings.caller_id.as_deref()),
            server,
            tokens,
            issuer: settings.issuer,
            scopes: settings.scopes,
            identifiers: settings.identifiers,
            receiver,
        }
    }

    async fn say(&self, asked: &Asked) -> Said {
        let now = clock::now();
        // One that is not ours to judge is the server's.
        let shown = self.tokens.keys_of(&asked.token, now, &self.receiver).await;
        let shown = shown.unwrap_or_default();
        if let Some(said) = self.objection(&shown, asked).await {
            return said;
        }
        let hint = asked.hint.as_deref();
        let answer = match self.server.ask(&asked.token, hint).await {
            Ok(answer) => answer,
            Err(error) => {
                tell(&error);
                return Said::Unknown;
            }
        };
        if !answer.is_active {
            return Said::Inactive(answer.body);
        }
        let told = self.told(&answer);
        let both: Vec<SessionKeys> = shown.iter().cloned().chain(told).collect();
        match self.objection(&both, asked).await {
            Some(said) => said,
            None => Said::Active(answer.body),
        }
    }

    /// What speaks against the sessions that a token stands for. One that may have been ended goes on if the server says so to
    /// a question of its own, which begins after it is known what was forgotten.
    async fn objection(&self, sessions: &[SessionKeys], asked: &Asked) -> Option<Said> {
        for keys in sessions {
            let ask = || renewed(&self.server, &asked.token);
            match self.receiver.decide_or_renew(keys, ask).await {
                Decision::Allow => {}
                Decision::Deny(denial) if denial.reason() == Reason::Unconfirmed => {
                    return Some(Said::Unknown);
                }
                Decision::Deny(_) => return Some(Said::Ended),
            }
        }
        None
    }

    /// The keys of the session that an answer tells of, as each transmitter may end it; none if no SET could name it.
    fn told(&self, answer: &Introspected) -> Vec<SessionKeys> {
        let claim = |name: &str| answer.claims.json(name);
        let issuer = claim("iss").and_then(|json| serde_json::from_str(json).ok());
        let issuer = issuer.unwrap_or_else(|| self.issuer.clone());
        let sessions = self.scopes.iter();
        let sessions =
            sessions.filter_map(|scope| session(claim, (&issuer, &self.identifiers), scope));
        sessions
            .map(|session| self.receiver.keys(&session))
            .collect()
    }
}

impl Said {
    fn label(&self) -> &'static str {
        match self {
            Self::Active(_) => "active",
            Self::Inactive(_) => "inactive",
            Self::Ended => "ended",
            Self::Unknown => "unavailable",
        }
    }

    fn into_response(self) -> HttpResponse {
        match self {
            Self::Active(body) | Self::Inactive(body) => json(body),
            Self::Ended => json(ENDED.into()),
            Self::Unknown => unavailable(),
        }
    }
}

/// Adds what callers ask.
pub(super) fn routes(introspection: &Data<Introspection>, config: &mut ServiceConfig) {
    let resource = web::resource(PATH).app_data(introspection.clone());
    config.service(post_alone(resource, answer));
}

async fn answer(
    request: HttpRequest,
    body: web::Payload,
    introspection: Data<Introspection>,
) -> HttpResponse {
    // Before the body is read: a stranger gets no memory.
    if let Some(refusal) = introspection.callers.refusal(request.headers()) {
        count("unauthorized");
        return refusal;
    }
    let asked = match Asked::read(&request, body).await {
        Ok(asked) => asked,
        Err(error) => {
            count("malformed");
            return invalid_request(&error.to_string());
        }
    };
    let said = introspection.say(&asked).await;
    count(said.label());
    said.into_response()
}

impl Asked {
    async fn read(request: &HttpRequest, body: web::Payload) -> Result<Self, AskedError> {
        let form = Form::read(request, body, BODY_BYTES_MAX).await;
        let form = form.map_err(AskedError::Form)?;
        let token = form.required("token").map_err(AskedError::Form)?;
        if token.len() > JWT_BYTES_MAX {
            return Err(AskedError::TooLong);
        }
        let hint = form.optional("token_type_hint").map_err(AskedError::Form)?;
        let hint = hint.filter(|hint| hint.len() <= HINT_BYTES_MAX);
        Ok(Self { token, hint })
    }
}

/// A question cannot be read.
#[derive(Clone, Copy, Debug, thiserror::Error)]
enum AskedError {
    /// It is no form, or one without a token.
    #[error(transparent)]
    Form(FormError),
    /// The token is longer than any that makes sense.
    #[error("token has more than {JWT_BYTES_MAX} bytes")]
    TooLong,
}

fn json(body: Vec<u8>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(body)
}

fn count(result: &'static str) {
    metrics::counter!("ssf_receiver_introspections_total", "result" => result).increment(1);
}

fn tell(error: &IntrospectError) {
    if error.is_refusal() {
        tracing::error!(error = %Chain(error), "the authorization server has to let this program ask about tokens");
    } else {
        tracing::warn!(error = %Chain(error), "nobody can tell whether a token counts");
    }
}

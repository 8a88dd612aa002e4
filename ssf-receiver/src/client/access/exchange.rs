//! One request for a token (RFC 6749 §4.4), by the crate openidconnect over our own HTTP client.

use std::time::Duration;

use openidconnect::{
    AuthType, ClientId, ClientSecret, IssuerUrl, JsonWebKeySet, OAuth2TokenResponse,
    RequestTokenError, Scope, TokenUrl,
    core::{CoreClient, CoreErrorResponseType, CoreTokenType},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use ssf_types::jose::{SignError, SigningKey};

use super::{Credential, OAuthClient, found::Found};
use crate::{
    client::{FetchError, Http},
    clock,
};

/// How long an assertion counts: as long as the request may take, and a difference of clocks.
const ASSERTION_LIFE: Duration = Duration::from_mins(2);

/// What kind of assertion it is (RFC 7523 §2.2).
pub(super) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How long a token is used of which the server does not say how long it counts.
const LIFE_UNKNOWN: Duration = Duration::from_mins(5);

/// Longest token that is used, in bytes; servers take 8 KiB for all headers together.
const TOKEN_BYTES_MAX: usize = 7 * 1024;

/// There is no token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    /// The server does not take what this client has.
    #[error("the authorization server takes neither {0} nor anything else that this client has")]
    Method(&'static str),
    /// The server's address is none that the library takes.
    #[error("the token endpoint cannot be asked")]
    Address(#[source] url::ParseError),
    /// The assertion cannot be signed.
    #[error("the client's assertion cannot be signed")]
    Assertion(#[source] SignError),
    /// No answer came.
    #[error("the token endpoint does not answer")]
    Unanswered(#[source] FetchError),
    /// The server refused (RFC 6749 §5.2).
    #[error("the authorization server refuses with {0}{hint}", hint = hint(.0))]
    Refused(String),
    /// The answer is no token; what is wrong with it is not told, since it may hold one.
    #[error(
        "the answer of the token endpoint is not one of RFC 6749 §5.1, or its token is none to be sent as Bearer"
    )]
    Faulty,
}

/// What the operator can do about a refusal.
fn hint(code: &str) -> &'static str {
    match code {
        "invalid_client" => ": check the client's id, and its secret or key",
        "unauthorized_client" => ": the client may not use client credentials",
        "invalid_scope" => ": the client may not have these scopes; configure others",
        _ => "",
    }
}

/// A token, and how long it counts.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) token: SecretString,
    pub(super) life: Duration,
}

/// Asks for a token.
pub(super) async fn exchange(
    http: &Http,
    client: &OAuthClient,
    found: &Found,
) -> Result<Granted, ExchangeError> {
    let issuer = IssuerUrl::new(found.server.to_string()).map_err(ExchangeError::Address)?;
    let endpoint = TokenUrl::new(found.token_endpoint.as_str().to_owned());
    let endpoint = endpoint.map_err(ExchangeError::Address)?;
    // No key of the server is needed: nothing here has an ID token.
    let keys = JsonWebKeySet::default();
    let id = ClientId::new(client.id.clone());
    let mut asking = CoreClient::new(id, issuer, keys)
        .set_token_uri(endpoint)
        .set_auth_type(auth_type(&client.credential, found)?);
    let mut assertion = None;
    match &client.credential {
        Credential::Secret(secret) => {
            let secret = ClientSecret::new(secret.expose_secret().to_owned());
            asking = asking.set_client_secret(secret);
        }
        Credential::Key(key) => {
            let audience = found.token_endpoint.as_str();
            let signed = signed(&client.id, key, audience);
            assertion = Some(signed.map_err(ExchangeError::Assertion)?);
        }
    }
    let scopes = found.scopes.iter().cloned().map(Scope::new);
    let mut request = asking.exchange_client_credentials().add_scopes(scopes);
    if let Some(assertion) = &assertion {
        request = request
            .add_extra_param("client_assertion_type", ASSERTION_TYPE)
            .add_extra_param("client_assertion", assertion.expose_secret());
    }
    let answer = request.request_async(http).await.map_err(refusal)?;
    let token = answer.access_token().secret();
    let is_sendable = token.len() <= TOKEN_BYTES_MAX
        && !token.is_empty()
        && token.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_sendable || !matches!(answer.token_type(), CoreTokenType::Bearer) {
        return Err(ExchangeError::Faulty);
    }
    Ok(Granted {
        token: SecretString::from(token.clone()),
        life: answer.expires_in().unwrap_or(LIFE_UNKNOWN),
    })
}

/// How the client shows who it is, among what the server takes (RFC 8414 §2).
fn auth_type(credential: &Credential, found: &Found) -> Result<AuthType, ExchangeError> {
    let takes = |method: &str| {
        let methods = found.methods.as_ref();
        methods.is_none_or(|methods| methods.iter().any(|one| one == method))
    };
    match credential {
        Credential::Secret(_) if takes("client_secret_basic") => Ok(AuthType::BasicAuth),
        Credential::Secret(_) if takes("client_secret_post") => Ok(AuthType::RequestBody),
        Credential::Secret(_) => Err(ExchangeError::Method("client_secret_basic")),
        Credential::Key(_) if takes("private_key_jwt") => Ok(AuthType::RequestBody),
        Credential::Key(_) => Err(ExchangeError::Method("private_key_jwt")),
    }
}

/// An assertion of who the client is (RFC 7523 §3), for this one request.
pub(super) fn signed(
    id: &str,
    key: &SigningKey,
    audience: &str,
) -> Result<SecretString, SignError> {
    let now = clock::now();
    let jti: [u8; 16] = rand::random();
    let claims = json!({
        "iss": id, "sub": id, "aud": audience,
        "jti": format!("{:032x}", u128::from_be_bytes(jti)),
        "iat": now.as_secs(), "exp": now.after(ASSERTION_LIFE).as_secs(),
    });
    key.sign_assertion(&claims)
}

type Refusal =
    RequestTokenError<FetchError, openidconnect::StandardErrorResponse<CoreErrorResponseType>>;

/// What the library says, without what the server says in free text, or the token itself.
fn refusal(error: Refusal) -> ExchangeError {
    match error {
        RequestTokenError::Request(source) => ExchangeError::Unanswered(source),
        RequestTokenError::ServerResponse(refusal) => {
            let code: String = refusal.error().as_ref().chars().take(64).collect();
            ExchangeError::Refused(code.escape_debug().to_string())
        }
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => ExchangeError::Faulty,
    }
}

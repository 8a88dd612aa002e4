//! Who asks for tokens.

use secrecy::SecretString;
use ssf_types::{jose::SigningKey, uri::Issuer};

/// How the receiver gets access tokens for the Transmitter's stream management, by client credentials (RFC 6749 §4.4).
///
/// The authorization server and the scopes are found through the Transmitter, as RFC 9728 has it, unless they are given here.
/// Printing it for debugging shows neither secret nor key.
///
/// ```
/// use ssf_receiver::OAuthClient;
///
/// let client = OAuthClient::with_secret("app", "s3cret").scopes(["ssf.manage"]);
/// assert!(!format!("{client:?}").contains("s3cret"));
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct OAuthClient {
    pub(super) id: String,
    pub(super) credential: Credential,
    pub(super) server: Option<Issuer>,
    pub(super) scopes: Option<Vec<String>>,
}

/// How a client shows who it is.
#[derive(Clone, Debug)]
pub(super) enum Credential {
    /// It knows a secret.
    Secret(SecretString),
    /// It signs assertions with a key.
    Key(SigningKey),
}

impl OAuthClient {
    /// A client with a secret (`client_secret_basic`, or `client_secret_post` where that alone is offered).
    pub fn with_secret(id: impl Into<String>, secret: impl Into<SecretString>) -> Self {
        Self::new(id.into(), Credential::Secret(secret.into()))
    }

    /// A client with a key, of which the authorization server knows the public part (`private_key_jwt`, RFC 7523).
    pub fn with_key(id: impl Into<String>, key: SigningKey) -> Self {
        Self::new(id.into(), Credential::Key(key))
    }

    fn new(id: String, credential: Credential) -> Self {
        Self {
            id,
            credential,
            server: None,
            scopes: None,
        }
    }

    /// Asks this authorization server, whatever the Transmitter says.
    pub fn authorization_server(mut self, issuer: Issuer) -> Self {
        self.server = Some(issuer);
        self
    }

    /// Asks for these scopes, instead of what the Transmitter's metadata names: `ssf.manage` and `ssf.read`, or else all of it.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = Some(scopes.into_iter().map(Into::into).collect());
        self
    }
}

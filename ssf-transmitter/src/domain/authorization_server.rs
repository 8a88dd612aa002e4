//! External authorization servers, as the operator describes them.

use std::fmt;

use secrecy::SecretString;
use ssf_types::uri::Issuer;

use super::issuer::IssuerName;

/// Most authorization servers of one transmitter: each keeps its keys in memory, and has requests of its own.
pub const AUTHORIZATION_SERVERS_MAX: usize = 100;

/// An authorization server whose tokens count at one issuer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuthorizationServer {
    /// At which of our issuers.
    pub for_issuer: IssuerName,
    /// Its own issuer (RFC 8414 §2), which its tokens have as `iss`, byte for byte.
    pub issuer: Issuer,
    /// What its tokens have to have as `aud`; the URL of our issuer if it is not said.
    pub audience: Option<String>,
    /// The claim in which its tokens name the client.
    pub client_claim: String,
    /// The `typ` of its tokens, if they are JWTs (RFC 9068 §2.1).
    pub token_type: String,
    /// With what it is asked about tokens of other kinds; without, they do not count.
    pub introspection: Option<IntrospectionClient>,
}

/// How this server shows an authorization server who it is, when it asks about a token (RFC 7662 §2.1).
#[derive(Clone)]
#[non_exhaustive]
pub struct IntrospectionClient {
    /// Its name there.
    pub client_id: String,
    /// Its secret there.
    pub client_secret: SecretString,
}

impl IntrospectionClient {
    /// Puts both together.
    pub fn new(client_id: String, client_secret: SecretString) -> Self {
        Self {
            client_id,
            client_secret,
        }
    }
}

impl fmt::Debug for IntrospectionClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IntrospectionClient(…)")
    }
}

impl AuthorizationServer {
    /// The claim that names the client unless told otherwise (RFC 9068 §2.2).
    pub const CLIENT_CLAIM: &str = "client_id";

    /// The `typ` unless told otherwise (RFC 9068 §2.1).
    pub const TOKEN_TYPE: &str = "at+jwt";

    /// A server that keeps to RFC 9068.
    pub fn new(for_issuer: IssuerName, issuer: Issuer) -> Self {
        Self {
            for_issuer,
            issuer,
            audience: None,
            client_claim: Self::CLIENT_CLAIM.to_owned(),
            token_type: Self::TOKEN_TYPE.to_owned(),
            introspection: None,
        }
    }
}

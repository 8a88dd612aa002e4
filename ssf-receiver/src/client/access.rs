//! How requests to the Transmitter are authorised: with a bearer token that somebody gave us, or with tokens of an
//! authorization server.

mod challenge;
mod client;
mod exchange;
mod found;
#[cfg(feature = "daemon")]
pub(crate) mod introspection;
mod tokens;

use std::{error::Error, sync::Arc};

use secrecy::SecretString;
use ssf_types::uri::Issuer;

pub use self::client::OAuthClient;
use self::{client::Credential, tokens::Tokens};
use super::{FetchError, Http};

/// What authorises requests. Clones share the tokens that were fetched.
#[derive(Clone, Debug)]
pub(crate) enum Access {
    /// A token that somebody gave us.
    Token(SecretString),
    /// Tokens that are fetched.
    Fetched(Arc<Tokens>),
}

impl Access {
    /// Tokens that `client` gets for the Transmitter `issuer`.
    pub(crate) fn of_client(client: OAuthClient, issuer: &Issuer, http: &Http) -> Self {
        let tokens = Tokens::new(http.clone(), issuer.clone(), client);
        Self::Fetched(Arc::new(tokens))
    }

    /// The token for a request.
    pub(crate) async fn token(&self) -> Result<SecretString, FetchError> {
        match self {
            Self::Token(token) => Ok(token.clone()),
            Self::Fetched(tokens) => tokens.current().await.map_err(no_token),
        }
    }

    /// Another token than the one that was refused; `None` if there is no other.
    pub(crate) async fn other_than(
        &self,
        refused: &SecretString,
    ) -> Result<Option<SecretString>, FetchError> {
        match self {
            Self::Token(_) => Ok(None),
            Self::Fetched(tokens) => {
                let other = tokens.other_than(refused).await;
                other.map(Some).map_err(no_token)
            }
        }
    }
}

fn no_token(error: impl Error + Send + Sync + 'static) -> FetchError {
    FetchError::Token {
        source: error.into(),
    }
}

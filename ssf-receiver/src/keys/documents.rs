//! Where the Transmitter's metadata and keys are read.

use ssf_types::{jose::KeySet, metadata::TransmitterMetadata, uri::Issuer};

use crate::client::{
    Http,
    discovery::{self, DiscoveryError},
};

/// Reads the documents.
#[derive(Debug)]
pub(crate) enum Documents {
    /// At the Transmitter, over HTTP.
    Web(Http),
    /// Those of an issuer of tokens: at this address, or where the metadata of an OpenID Provider says.
    #[cfg(feature = "daemon")]
    TokenIssuer(Http, Option<ssf_types::uri::EndpointUrl>),
    /// As a test has it.
    #[cfg(test)]
    Scripted(std::sync::Arc<Scripted>),
}

impl Documents {
    /// Reads the metadata of `issuer`.
    pub(super) async fn metadata(
        &self,
        issuer: &Issuer,
    ) -> Result<TransmitterMetadata, DiscoveryError> {
        match self {
            Self::Web(http) => discovery::metadata(http, issuer).await,
            #[cfg(feature = "daemon")]
            Self::TokenIssuer(http, _) => discovery::metadata(http, issuer).await,
            #[cfg(test)]
            Self::Scripted(scripted) => Ok(scripted.metadata(issuer)),
        }
    }

    /// Reads the keys that the metadata points to.
    pub(super) async fn keys(
        &self,
        metadata: &TransmitterMetadata,
    ) -> Result<KeySet, DiscoveryError> {
        match self {
            Self::Web(http) => discovery::keys(http, metadata).await,
            #[cfg(feature = "daemon")]
            Self::TokenIssuer(http, _) => discovery::keys(http, metadata).await,
            #[cfg(test)]
            Self::Scripted(scripted) => scripted.keys(),
        }
    }
}

#[cfg(test)]
pub(crate) use self::scripted::Scripted;

#[cfg(test)]
mod scripted {
    use std::sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    };

    use ssf_types::jose::{self, SigningKey};

    use super::{DiscoveryError, Issuer, KeySet, TransmitterMetadata};

    /// A Transmitter that publishes what a test wants, without a network: for tests that move the clock.
    #[derive(Debug, Default)]
    pub(crate) struct Scripted {
        pub(crate) keys: Mutex<Vec<SigningKey>>,
        pub(crate) is_away: AtomicBool,
        pub(crate) fetches: AtomicUsize,
    }

    impl Scripted {
        #[expect(clippy::unused_self, reason = "it says the same of every issuer")]
        pub(super) fn metadata(&self, issuer: &Issuer) -> TransmitterMetadata {
            let json = serde_json::json!({ "issuer": issuer.as_str() });
            TransmitterMetadata::parse(json.to_string().as_bytes(), issuer).unwrap()
        }

        pub(super) fn keys(&self) -> Result<KeySet, DiscoveryError> {
            self.fetches.fetch_add(1, Ordering::SeqCst);
            if self.is_away.load(Ordering::SeqCst) {
                return Err(DiscoveryError::NoKeys);
            }
            let jwks = jose::jwks(&*self.keys.lock().unwrap()).to_string();
            Ok(KeySet::parse(jwks.as_bytes()).unwrap())
        }
    }
}

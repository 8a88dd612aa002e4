//! Discovery: the Transmitter's metadata and keys (SSF 1.0 §7).

use ssf_types::{
    jose::{JwksError, KeySet},
    json::JsonError,
    metadata::{TransmitterMetadata, WellKnown},
    uri::{EndpointUrl, Issuer},
};

use super::{FetchError, Http};

/// The Transmitter's metadata or keys are not to be had.
#[derive(Debug, thiserror::Error)]

pub(crate) enum DiscoveryError {
    /// The metadata cannot be fetched.
    #[error("the transmitter's metadata cannot be fetched")]
    Metadata(#[source] FetchError),
    /// The metadata is not that of this issuer, or not metadata at all.
    #[error("the transmitter's metadata is faulty")]
    Faulty(#[source] JsonError),
    /// The metadata lacks an endpoint.
    #[error("the transmitter's metadata has no {0}")]
    Lacks(&'static str),
    /// The keys cannot be fetched.
    #[error("the transmitter's keys cannot be fetched")]
    Keys(#[source] FetchError),
    /// The keys are no JWKS.
    #[error("the document at jwks_uri is faulty")]
    FaultyKeys(#[source] JwksError),
    /// No key is of use.
    #[error(
        "the document at jwks_uri has no key for RS256, PS256, ES256 or EdDSA that may be used"
    )]
    NoKeys,
}

/// Fetches the metadata of `issuer`, which has to name that very issuer (SSF 1.0 §7.2.4).
pub(crate) async fn metadata(
    http: &Http,
    issuer: &Issuer,
) -> Result<TransmitterMetadata, DiscoveryError> {
    let body = http
        .get(WellKnown::Ssf.url(issuer))
        .await
        .map_err(DiscoveryError::Metadata)?;
    TransmitterMetadata::parse(&body, issuer).map_err(DiscoveryError::Faulty)
}

/// Fetches the keys that the metadata points to.
pub(crate) async fn keys(
    http: &Http,
    metadata: &TransmitterMetadata,
) -> Result<KeySet, DiscoveryError> {
    let endpoint = endpoint(metadata.jwks_uri.as_ref(), "jwks_uri")?;
    let body = http
        .get(endpoint.url().clone())
        .await
        .map_err(DiscoveryError::Keys)?;
    let keys = KeySet::parse(&body).map_err(DiscoveryError::FaultyKeys)?;
    if keys.is_empty() {
        return Err(DiscoveryError::NoKeys);
    }
    Ok(keys)
}

/// An endpoint that has to be there.
pub(crate) fn endpoint<'m>(
    url: Option<&'m EndpointUrl>,
    name: &'static str,
) -> Result<&'m EndpointUrl, DiscoveryError> {
    url.ok_or(DiscoveryError::Lacks(name))
}

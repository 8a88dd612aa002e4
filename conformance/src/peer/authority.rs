//! A certificate authority of one run, which nobody else trusts.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivatePkcs8KeyDer};

/// There is no TLS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// There is no certificate.
    #[error("a certificate cannot be made")]
    Certificate(#[source] rcgen::Error),
    /// The TLS library refused.
    #[error("TLS cannot be had")]
    Tls(#[source] rustls::Error),
}

/// An authority and what it signed for one host.
pub(crate) struct Authority {
    /// What has to be trusted, in PEM.
    pub(crate) root: String,
    /// What a server needs.
    pub(crate) config: ServerConfig,
}

impl Authority {
    /// Makes an authority and has it sign for a host: a name or an address.
    pub(crate) fn for_host(host: &str) -> Result<Self, AuthorityError> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().map_err(AuthorityError::Certificate)?;
        let certificate = params
            .self_signed(&key)
            .map_err(AuthorityError::Certificate)?;
        let root = certificate.pem();
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate().map_err(AuthorityError::Certificate)?;
        let params = CertificateParams::new([host.to_owned()]);
        let params = params.map_err(AuthorityError::Certificate)?;
        let leaf = params
            .signed_by(&key, &issuer)
            .map_err(AuthorityError::Certificate)?;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(AuthorityError::Tls)?
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key.into())
            .map_err(AuthorityError::Tls)?;
        Ok(Self { root, config })
    }
}

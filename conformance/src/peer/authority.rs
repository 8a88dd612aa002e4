//! A certificate authority of one run, which nobody else trusts.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivatePkcs8KeyDer};

use super::server::PeerError;

/// An authority and what it signed for 127.0.0.1.
pub(super) struct Authority {
    /// What has to be trusted, in PEM.
    pub(super) root: String,
    /// What a server needs.
    pub(super) config: ServerConfig,
}

impl Authority {
    /// Makes an authority and has it sign for this machine.
    pub(super) fn new() -> Result<Self, PeerError> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().map_err(PeerError::Certificate)?;
        let certificate = params.self_signed(&key).map_err(PeerError::Certificate)?;
        let root = certificate.pem();
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate().map_err(PeerError::Certificate)?;
        let params = CertificateParams::new(["127.0.0.1".to_owned()]);
        let params = params.map_err(PeerError::Certificate)?;
        let leaf = params
            .signed_by(&key, &issuer)
            .map_err(PeerError::Certificate)?;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(PeerError::Tls)?
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key.into())
            .map_err(PeerError::Tls)?;
        Ok(Self { root, config })
    }
}

//! A certificate authority that nobody trusts but who is told to, and the certificates that it signs, sound and unsound.

mod files;

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::{
    ServerConfig, crypto::aws_lc_rs, pki_types::PrivatePkcs8KeyDer, server::NoServerSessionStorage,
};

pub use self::files::AuthorityFileError;

/// What the authority is called. With the name fixed, its key is all that has to be kept.
const NAME: &str = "ssf-conformance, for tests alone";

/// A name that is nobody's.
const OTHER_NAME: &str = "another-host.invalid";

/// There is no certificate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// The key or the certificate cannot be made.
    #[error("a certificate cannot be made")]
    Certificate(#[source] rcgen::Error),
    /// TLS cannot be had.
    #[error("TLS cannot be had")]
    Tls(#[source] rustls::Error),
}

/// An authority.
#[derive(Debug)]
pub struct Authority {
    root: String,
    issuer: Issuer<'static, KeyPair>,
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flaw {
    /// Nothing.
    None,
    /// It is for another name.
    OtherName,
    /// It has expired.
    Expired,
}

impl Authority {
    /// Makes an authority.
    ///
    /// # Errors
    /// The library makes no key.
    pub fn new() -> Result<Self, AuthorityError> {
        Self::with(KeyPair::generate().map_err(AuthorityError::Certificate)?)
    }

    /// The authority that has this key, in PEM.
    ///
    /// # Errors
    /// It is no key.
    pub fn of_key(pem: &str) -> Result<Self, AuthorityError> {
        Self::with(KeyPair::from_pem(pem).map_err(AuthorityError::Certificate)?)
    }

    fn with(key: KeyPair) -> Result<Self, AuthorityError> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, NAME);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let root = params
            .self_signed(&key)
            .map_err(AuthorityError::Certificate)?;
        Ok(Self {
            root: root.pem(),
            issuer: Issuer::new(params, key),
        })
    }

    /// What has to be trusted, in PEM.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// The private key, in PEM.
    pub fn key(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// What a server on `host`, a name or an address as URLs have it, needs. It remembers no sessions, so that each connection looks at the
    /// certificate anew.
    ///
    /// # Errors
    /// There is no certificate for such a host, or no TLS.
    pub fn server(&self, host: &str, flaw: Flaw) -> Result<ServerConfig, AuthorityError> {
        let key = KeyPair::generate().map_err(AuthorityError::Certificate)?;
        let name = match flaw {
            // As a certificate has it, an IPv6 address stands without brackets.
            Flaw::None | Flaw::Expired => host.trim_start_matches('[').trim_end_matches(']'),
            Flaw::OtherName => OTHER_NAME,
        };
        let params = CertificateParams::new([name.to_owned()]);
        let mut params = params.map_err(AuthorityError::Certificate)?;
        if flaw == Flaw::Expired {
            params.not_after = date_time_ymd(2020, 1, 1);
        }
        let leaf = params
            .signed_by(&key, &self.issuer)
            .map_err(AuthorityError::Certificate)?;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(AuthorityError::Tls)?
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key.into())
            .map_err(AuthorityError::Tls)?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }
}

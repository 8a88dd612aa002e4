//! TLS of the server: a certificate with its key, which may be replaced while the server runs. Beside it what others need
//! to say of certificates and handshakes, since this is the only tree that names rustls.
//!
//! 1. A handshake sees a certificate and the key that belongs to it: the two are swapped as one.
//! 2. A pair that cannot be used never takes the place of one that can.
//! 3. Connections that stand keep what they began with.

mod anchor;
mod handshake;
mod pair;
mod watch;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};
use ssf_types::time::Timestamp;
use tracing::warn;

pub(crate) use self::{
    anchor::{certificates, is_anchor},
    watch::Watch,
};
pub use self::{handshake::HandshakeFault, pair::PairError};
use self::{
    pair::{Contents, Pair, Validity},
    watch::Asked,
};

/// Where the pair lies: PEM files, the certificate with its chain.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlsFiles {
    /// The certificate of the server, then those that lead to a root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// The server's side of TLS. Clones share the certificate.
#[derive(Clone, Debug)]
pub struct ServerTls {
    files: Arc<TlsFiles>,
    current: Arc<Current>,
    /// Stands for the contents that were judged last and would be judged the same again.
    judged: Arc<Mutex<Option<[u8; 32]>>>,
}

/// What came of looking at the files again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reloaded {
    /// They are as they were.
    Unchanged,
    /// Handshakes from now on see what they hold.
    Replaced(Validity),
}

/// The pair that handshakes see.
#[derive(Debug)]
struct Current(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl ServerTls {
    /// Reads the pair for the first time. One that is not valid `now` is used all the same, and told of: SETs have to be
    /// delivered, whether or not anybody can connect.
    ///
    /// # Errors
    /// The files cannot be read, or do not hold a certificate with its key.
    pub fn open(files: TlsFiles, now: Timestamp) -> Result<Self, PairError> {
        let contents = Contents::read(&files)?;
        let pair = Pair::parse(&files, &contents, &provider())?;
        if !pair.validity.includes(now) {
            warn!("the certificate is not valid now: nobody will connect until it is replaced");
        }
        pair.validity.publish();
        Ok(Self {
            files: Arc::new(files),
            current: Arc::new(Current(ArcSwap::new(pair.key))),
            judged: Arc::new(Mutex::new(Some(contents.fingerprint()))),
        })
    }

    /// What a listener works with: TLS 1.2 and 1.3, no certificates of clients.
    ///
    /// # Panics
    /// Never: the provider knows both versions.
    #[expect(
        clippy::expect_used,
        reason = "AWS-LC has cipher suites for both versions"
    )]
    pub(crate) fn server_config(&self) -> ServerConfig {
        ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13, &TLS12])
            .expect("cipher suites for both versions")
            .with_no_client_auth()
            .with_cert_resolver(self.current.clone())
    }

    /// Looks at the files, and takes over what they hold if that has changed and can be used `now`.
    fn reload(&self, asked: Asked, now: Timestamp) -> Result<Reloaded, PairError> {
        let mut judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        let contents = Contents::read(&self.files)?;
        let fingerprint = contents.fingerprint();
        match asked {
            Asked::ByTime if *judged == Some(fingerprint) => return Ok(Reloaded::Unchanged),
            Asked::ByTime | Asked::BySignal => {}
        }
        *judged = Some(fingerprint);
        let pair = Pair::parse(&self.files, &contents, &provider())?;
        if !pair.validity.includes(now) {
            // In a while it may be valid, so the same contents have to be judged again.
            *judged = None;
            return Err(PairError::NotValidNow(self.files.certificate.clone()));
        }
        self.current.0.store(pair.key);
        pair.validity.publish();
        Ok(Reloaded::Replaced(pair.validity))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

//! A certificate with its key, from the bytes of two files to what a handshake needs.

use std::{
    error::Error,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use aws_lc_rs::digest::{Context, SHA256};
use metrics::gauge;
use rustls::{
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use secrecy::{ExposeSecret, SecretSlice};
use ssf_types::time::Timestamp;
use x509_cert::{Certificate, der::Decode, time::Time};

use super::TlsFiles;

/// Longest file that is read, in bytes: a chain of ten certificates has some 20 KiB.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// The files do not hold what TLS needs. Their contents are never repeated, since they may be a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PairError {
    /// A file cannot be read.
    #[error("{} cannot be read", .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// A file is longer than any certificate with its chain.
    #[error("{} has more than {FILE_BYTES_MAX} bytes", .0.display())]
    TooLong(PathBuf),
    /// The file of the certificate holds none.
    #[error("{} holds no certificate in PEM", .0.display())]
    NoCertificate(PathBuf),
    /// The file of the key holds none.
    #[error("{} holds no private key in PEM without a passphrase", .0.display())]
    NoKey(PathBuf),
    /// The first certificate cannot be read.
    #[error("the first certificate of {} is not one of X.509", .0.display())]
    Certificate(PathBuf, #[source] Box<dyn Error + Send + Sync>),
    /// The key belongs to another certificate, or is of a kind that TLS does not use.
    #[error("the key of {} cannot be used with the certificate", .0.display())]
    Key(PathBuf, #[source] Box<dyn Error + Send + Sync>),
    /// The certificate has expired, or is not valid yet.
    #[error("the certificate of {} is not valid now", .0.display())]
    NotValidNow(PathBuf),
}

/// What the two files held at one moment.
pub(super) struct Contents {
    certificate: Vec<u8>,
    key: SecretSlice<u8>,
}

impl Contents {
    pub(super) fn read(files: &TlsFiles) -> Result<Self, PairError> {
        Ok(Self {
            certificate: read(&files.certificate)?,
            key: read(&files.key)?.into(),
        })
    }

    /// Stands for the contents, so that no second copy of the key has to be kept.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        let mut context = Context::new(&SHA256);
        context.update(&self.certificate.len().to_be_bytes());
        context.update(&self.certificate);
        context.update(self.key.expose_secret());
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(context.finish().as_ref());
        fingerprint
    }
}

fn read(path: &Path) -> Result<Vec<u8>, PairError> {
    let failed = |error| PairError::Read(path.to_owned(), error);
    let mut contents = Vec::new();
    File::open(path)
        .map_err(failed)?
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut contents)
        .map_err(failed)?;
    if contents.len() as u64 > FILE_BYTES_MAX {
        return Err(PairError::TooLong(path.to_owned()));
    }
    Ok(contents)
}

/// From when to when a certificate counts, both included.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Validity {
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
}

impl Validity {
    pub(super) fn includes(self, now: Timestamp) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }

    /// Lets monitoring see when the certificate expires.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a date in this millennium has ten or eleven digits"
    )]
    pub(super) fn publish(self) {
        gauge!("ssf_tls_certificate_not_after_seconds").set(self.not_after.as_secs() as f64);
    }
}

/// A certificate with the key that belongs to it.
pub(super) struct Pair {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) validity: Validity,
}

impl Pair {
    /// Reads the pair; that the two belong together is checked by their public keys.
    pub(super) fn parse(
        files: &TlsFiles,
        contents: &Contents,
        provider: &CryptoProvider,
    ) -> Result<Self, PairError> {
        let none = || PairError::NoCertificate(files.certificate.clone());
        let chain = CertificateDer::pem_slice_iter(&contents.certificate)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| none())?;
        let validity = validity(chain.first().ok_or_else(none)?)
            .map_err(|error| PairError::Certificate(files.certificate.clone(), error.into()))?;
        let key = PrivateKeyDer::from_pem_slice(contents.key.expose_secret())
            .map_err(|_| PairError::NoKey(files.key.clone()))?;
        let key = CertifiedKey::from_der(chain, key, provider)
            .map_err(|error| PairError::Key(files.key.clone(), error.into()))?;
        Ok(Self {
            key: Arc::new(key),
            validity,
        })
    }
}

fn validity(certificate: &CertificateDer<'_>) -> Result<Validity, x509_cert::der::Error> {
    let certificate = Certificate::from_der(certificate)?;
    let seconds = |time: &Time| Timestamp::from_secs(time.to_unix_duration().as_secs());
    let validity = certificate.tbs_certificate().validity();
    Ok(Validity {
        not_before: seconds(&validity.not_before),
        not_after: seconds(&validity.not_after),
    })
}

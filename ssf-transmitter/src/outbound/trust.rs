//! Who else may certify servers: an authority of the operator's own.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use reqwest::Certificate;

use crate::tls;

/// Longest file that is read, in bytes: all that a system trusts has some 200 KiB.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The file does not hold certificates of authorities.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// It cannot be read.
    #[error("{} cannot be read", .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// It is too long.
    #[error("{} has more than {FILE_BYTES_MAX} bytes", .0.display())]
    TooLong(PathBuf),
    /// It holds no certificate, or is not PEM.
    #[error("{} holds no certificate in PEM", .0.display())]
    NoCertificate(PathBuf),
    /// One of its certificates is none of an authority.
    #[error("certificate {number} of {} is not one of an authority", path.display())]
    NotAnAnchor {
        /// The file.
        path: PathBuf,
        /// Which one, from 1.
        number: usize,
    },
}

/// Certificates of authorities that are trusted beside those of the system.
#[derive(Clone, Debug, Default)]
pub struct TrustAnchors(Vec<Certificate>);

impl TrustAnchors {
    /// Reads a file of certificates in PEM.
    ///
    /// # Errors
    /// The file cannot be read, or one of its certificates cannot be used.
    pub fn read(path: &Path) -> Result<Self, TrustError> {
        let failed = |error| TrustError::Read(path.to_owned(), error);
        let mut pem = Vec::new();
        File::open(path)
            .map_err(failed)?
            .take(FILE_BYTES_MAX + 1)
            .read_to_end(&mut pem)
            .map_err(failed)?;
        if pem.len() as u64 > FILE_BYTES_MAX {
            return Err(TrustError::TooLong(path.to_owned()));
        }
        let none = || TrustError::NoCertificate(path.to_owned());
        let ders = tls::certificates(&pem).ok_or_else(none)?;
        let mut certificates = Vec::with_capacity(ders.len());
        for (index, der) in ders.iter().enumerate() {
            let not_an_anchor = || TrustError::NotAnAnchor {
                path: path.to_owned(),
                number: index + 1,
            };
            if !tls::is_anchor(der) {
                return Err(not_an_anchor());
            }
            let certificate = Certificate::from_der(der).map_err(|_| not_an_anchor())?;
            certificates.push(certificate);
        }
        Ok(Self(certificates))
    }

    pub(super) fn certificates(self) -> Vec<Certificate> {
        self.0
    }
}

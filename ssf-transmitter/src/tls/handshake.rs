//! Why a handshake with a server failed.

use std::{error::Error, fmt};

use rustls::{AlertDescription, CertificateError};

/// Why a handshake with a server failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum HandshakeFault {
    /// The certificate has expired.
    Expired,
    /// The certificate is not valid yet.
    NotYetValid,
    /// The certificate is one for other names.
    WrongName,
    /// The certificate leads to no authority that is trusted; one that a server signed itself leads to none.
    UnknownIssuer,
    /// The certificate cannot be accepted for another reason, or there is none.
    Certificate,
    /// The server has no version of TLS from 1.2 on, or nothing else in common.
    Incompatible,
    /// It is no TLS, or broke off.
    Handshake,
}

impl HandshakeFault {
    /// One word for metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "tls-expired",
            Self::NotYetValid => "tls-not-yet-valid",
            Self::WrongName => "tls-name",
            Self::UnknownIssuer => "tls-issuer",
            Self::Certificate => "tls-certificate",
            Self::Incompatible => "tls-version",
            Self::Handshake => "tls-handshake",
        }
    }

    /// What this error says, if it is one of TLS.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let error = error.downcast_ref::<rustls::Error>()?;
        if let rustls::Error::InvalidCertificate(fault) = error {
            return Some(Self::of_certificate(fault));
        }
        if matches!(error, rustls::Error::NoCertificatesPresented) {
            return Some(Self::Certificate);
        }
        let version = AlertDescription::ProtocolVersion;
        let is_incompatible = matches!(error, rustls::Error::PeerIncompatible(_))
            || matches!(error, rustls::Error::AlertReceived(alert) if *alert == version);
        Some(if is_incompatible {
            Self::Incompatible
        } else {
            Self::Handshake
        })
    }

    fn of_certificate(fault: &CertificateError) -> Self {
        use CertificateError as C;
        if matches!(fault, C::Expired | C::ExpiredContext { .. }) {
            return Self::Expired;
        }
        if matches!(fault, C::NotValidYet | C::NotValidYetContext { .. }) {
            return Self::NotYetValid;
        }
        if matches!(fault, C::NotValidForName | C::NotValidForNameContext { .. }) {
            return Self::WrongName;
        }
        if matches!(fault, C::UnknownIssuer) {
            return Self::UnknownIssuer;
        }
        Self::Certificate
    }
}

impl fmt::Display for HandshakeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => "the certificate has expired",
            Self::NotYetValid => "the certificate is not valid yet",
            Self::WrongName => "the certificate is for other names",
            Self::UnknownIssuer => "the certificate leads to no authority that is trusted",
            Self::Certificate => "the certificate is not acceptable",
            Self::Incompatible => "the server has no version of TLS from 1.2 on",
            Self::Handshake => "the handshake failed",
        })
    }
}

//! How connections come in: who ends TLS, and what follows for the address and the issuer.

use std::{net::SocketAddr, path::PathBuf};

use ssf_types::uri::Issuer;

use super::layers::{Reader, Value};
use crate::tls::TlsFiles;

/// Who ends TLS.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Transport {
    /// Nobody, since nobody can listen in: a development server on a loopback address.
    Loopback,
    /// A proxy in front of this, which is the only one that reaches the address.
    BehindProxy,
    /// This server.
    Tls(TlsFiles),
}

impl Transport {
    /// Why the issuer must be an `https` URL; `None` on a development server.
    pub(super) fn wants_https(&self) -> Option<&'static str> {
        match self {
            Self::Loopback => None,
            Self::BehindProxy => Some("behind_proxy is set"),
            Self::Tls(_) => Some("tls_certificate_file is set"),
        }
    }
}

/// Reads who ends TLS.
pub(super) fn read(reader: &mut Reader) -> Option<Transport> {
    let behind_proxy = reader.flag("behind_proxy", false);
    let certificate = reader.value("tls_certificate_file", |value| match behind_proxy {
        Some(true) if value.is_some() => Err(
            "must not be set beside behind_proxy, which says that TLS ends before this server"
                .to_owned(),
        ),
        Some(_) | None => value.map(path).transpose(),
    });
    let has_certificate = certificate.as_ref().map(Option::is_some);
    let key = reader.value("tls_key_file", |value| match (has_certificate, value) {
        (Some(true), None) => Err("must be set beside tls_certificate_file".to_owned()),
        (Some(false), Some(_)) => Err("must not be set without tls_certificate_file".to_owned()),
        (_, value) => value.map(path).transpose(),
    });
    Some(match (behind_proxy?, certificate?, key?) {
        (_, Some(certificate), Some(key)) => Transport::Tls(TlsFiles { certificate, key }),
        (true, _, _) => Transport::BehindProxy,
        (false, _, _) => Transport::Loopback,
    })
}

pub(super) fn path(value: &Value) -> Result<PathBuf, String> {
    value
        .text()
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
        .ok_or_else(|| "must be the path of a file".to_owned())
}

/// Refuses an address on which plain HTTP could be overheard.
pub(super) fn check_listen(
    listen: SocketAddr,
    transport: Option<&Transport>,
) -> Result<SocketAddr, String> {
    match transport {
        Some(Transport::Loopback) if !listen.ip().is_loopback() => Err(
            "must be a loopback address, unless tls_certificate_file and tls_key_file are set, or behind_proxy = true says that a proxy in front ends TLS"
                .to_owned(),
        ),
        // Whether the transport itself is wrong is told elsewhere.
        Some(Transport::Loopback | Transport::BehindProxy | Transport::Tls(_)) | None => Ok(listen),
    }
}

/// Refuses an issuer that says that everything is on this machine where it is not.
pub(super) fn check_issuer(issuer: &Issuer, transport: &Transport) -> Result<(), String> {
    match transport.wants_https() {
        Some(reason) if issuer.to_url().scheme() != "https" => {
            Err(format!("must be an https URL, because {reason}"))
        }
        Some(_) | None => Ok(()),
    }
}

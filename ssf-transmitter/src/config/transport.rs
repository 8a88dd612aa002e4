//! How connections come in: who ends TLS, and what follows for the address and the issuer.

use std::net::SocketAddr;

use ssf_types::uri::Issuer;

use super::layers::Reader;

/// Who ends TLS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Transport {
    /// Nobody, since nobody can listen in: a development server on a loopback address.
    Loopback,
    /// A proxy in front of this, which is the only one that reaches the address.
    BehindProxy,
}

impl Transport {
    /// Why the issuer must be an `https` URL; `None` on a development server.
    pub(super) fn wants_https(self) -> Option<&'static str> {
        match self {
            Self::Loopback => None,
            Self::BehindProxy => Some("behind_proxy is set"),
        }
    }
}

/// Reads who ends TLS; with nobody to do so, `listen` has to be a loopback address.
pub(super) fn read(reader: &mut Reader) -> Option<Transport> {
    let behind_proxy = reader.flag("behind_proxy", false)?;
    Some(if behind_proxy {
        Transport::BehindProxy
    } else {
        Transport::Loopback
    })
}

/// Refuses an address on which plain HTTP could be overheard.
pub(super) fn check_listen(
    listen: SocketAddr,
    transport: Option<Transport>,
) -> Result<SocketAddr, String> {
    match transport {
        Some(Transport::Loopback) if !listen.ip().is_loopback() => Err(
            "must be a loopback address, unless behind_proxy = true says that a proxy in front ends TLS"
                .to_owned(),
        ),
        // Whether the transport itself is wrong is told elsewhere.
        Some(Transport::Loopback | Transport::BehindProxy) | None => Ok(listen),
    }
}

/// Refuses an issuer that says that everything is on this machine where it is not.
pub(super) fn check_issuer(issuer: &Issuer, transport: Transport) -> Result<(), String> {
    match transport.wants_https() {
        Some(reason) if issuer.to_url().scheme() != "https" => {
            Err(format!("must be an https URL, because {reason}"))
        }
        Some(_) | None => Ok(()),
    }
}

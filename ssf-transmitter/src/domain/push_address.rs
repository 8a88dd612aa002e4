//! Where requests may go: only to addresses that are everybody's.
//!
//! A Receiver chooses the URL that this Transmitter then sends requests to, from inside the operator's network. So a URL
//! that names a host of that network, the machine itself, or the place where a cloud keeps its secrets is refused when it
//! is asked for, and what a name leads to is judged by the same rule for each connection.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use ssf_types::{
    address::{is_localhost, is_public_or},
    uri::{EndpointUrl, is_loopback},
};
use url::Host;

/// Most networks that may be allowed beside the public ones: each is compared with each URL.
pub const NETWORKS_MAX: usize = 64;

/// Whether Receivers on the Transmitter's own machine are served.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OwnMachine {
    /// A development server: pushes to loopback addresses are allowed, without TLS as well.
    Allowed,
    /// Any other server.
    Refused,
}

/// An `endpoint_url` is not one that SETs are pushed to.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PushAddressError {
    /// The URL is `http`.
    #[error("delivery.endpoint_url must be an https URL")]
    NotHttps,
    /// The URL has port 0, on which nobody can listen.
    #[error("delivery.endpoint_url must have another port than 0")]
    NoPort,
    /// The host is the machine itself, private, or reserved.
    #[error(
        "delivery.endpoint_url must have a public host: neither localhost nor a loopback, private, link-local, multicast or reserved address"
    )]
    NotPublic,
}

/// The rule for `endpoint_url`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PushAddresses {
    own_machine: OwnMachine,
    networks: Vec<IpNet>,
}

impl PushAddresses {
    /// Allows public hosts, and addresses inside `networks`, which a laboratory may need.
    pub const fn new(own_machine: OwnMachine, networks: Vec<IpNet>) -> Self {
        Self {
            own_machine,
            networks,
        }
    }

    /// Whether a stream may have `endpoint`, and a request may go there.
    ///
    /// Addresses are judged as the parser of URLs understands them, so that `0x7f.1` and `2130706433` are `127.0.0.1`.
    /// Names are not resolved: only those that always mean the machine itself are refused (RFC 6761 §6.3).
    ///
    /// # Errors
    /// Says which rule the URL breaks.
    pub fn check(&self, endpoint: &EndpointUrl) -> Result<(), PushAddressError> {
        let url = endpoint.url();
        if url.port() == Some(0) {
            return Err(PushAddressError::NoPort);
        }
        let own = match self.own_machine {
            OwnMachine::Allowed => is_loopback(url),
            OwnMachine::Refused => false,
        };
        if own {
            return Ok(());
        }
        if url.scheme() != "https" {
            return Err(PushAddressError::NotHttps);
        }
        let allowed = match url.host() {
            Some(Host::Ipv4(address)) => self.allows(address.into()),
            Some(Host::Ipv6(address)) => self.allows(address.into()),
            Some(Host::Domain(name)) => {
                !is_localhost(name) || self.allows(Ipv4Addr::LOCALHOST.into())
            }
            None => false,
        };
        if allowed {
            return Ok(());
        }
        Err(PushAddressError::NotPublic)
    }

    /// Whether a connection may go to `address`, to which `host` leads now.
    ///
    /// A name that always means the machine itself leads to it alone, whatever a name server says: what is sent there may
    /// be sent without TLS.
    pub fn allows_for(&self, host: &str, address: IpAddr) -> bool {
        let is_meant = !is_localhost(host) || address.is_loopback();
        is_meant && self.allows(address)
    }

    /// Whether a connection may go to `address`.
    ///
    /// What [`is_public_or`] says of networks that are allowed besides holds for these.
    pub fn allows(&self, address: IpAddr) -> bool {
        is_public_or(address, &|address: IpAddr| {
            let is_own = self.own_machine == OwnMachine::Allowed && address.is_loopback();
            is_own || self.networks.iter().any(|net| net.contains(&address))
        })
    }
}

#[cfg(test)]
mod tests;

//! Where requests may go: only to addresses that are everybody's.
//!
//! A Receiver chooses the URL that this Transmitter then sends requests to, from inside the operator's network. So a URL
//! that names a host of that network, the machine itself, or the place where a cloud keeps its secrets is refused when it
//! is asked for, and what a name leads to is judged by the same rule for each connection.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use ssf_types::uri::{EndpointUrl, is_loopback};
use url::Host;

/// Most networks that may be allowed beside the public ones: each is compared with each URL.
pub const NETWORKS_MAX: usize = 64;

/// Where clouds tell a machine its secrets, to whoever asks from inside. No network that is allowed holds them: who allows
/// `fd00::/8` does not think of this.
const METADATA: [IpAddr; 9] = [
    // Azure's wire server, which lies among public addresses.
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    // Most clouds; then containers and pods of AWS.
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    // Alibaba, Oracle.
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    // AWS, its pods, and Google.
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// IPv4 networks that are not everybody's (RFC 6890, and the IANA registry of special-purpose addresses).
const SPECIAL_V4: [Ipv4Net; 15] = [
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    v4([169, 254, 0, 0], 16),
    v4([172, 16, 0, 0], 12),
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 88, 99, 0], 24),
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    v4([224, 0, 0, 0], 4),
    v4([240, 0, 0, 0], 4),
];

/// What holds all IPv6 addresses that are everybody's (RFC 4291 §2.4); loopback, link-local, unique local, multicast and
/// IPv4-mapped ones lie outside.
const GLOBAL_V6: Ipv6Net = v6(0x2000_0000, 3);

/// IPv6 networks inside [`GLOBAL_V6`] that are not everybody's, or lead to an IPv4 address that is written inside.
const SPECIAL_V6: [Ipv6Net; 4] = [
    // Protocol assignments, with Teredo.
    v6(0x2001_0000, 23),
    // Documentation.
    v6(0x2001_0db8, 32),
    // 6to4.
    v6(0x2002_0000, 16),
    // Documentation.
    v6(0x3fff_0000, 20),
];

const fn v4(octets: [u8; 4], prefix: u8) -> Ipv4Net {
    let [a, b, c, d] = octets;
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

/// `first` are the first 32 bits; the others are 0.
const fn v6(first: u32, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::from_bits((first as u128) << 96), prefix)
}

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
        let is_meant = !is_localhost(&host.to_ascii_lowercase()) || address.is_loopback();
        is_meant && self.allows(address)
    }

    /// Whether a connection may go to `address`.
    ///
    /// An IPv6 address in which an IPv4 address is written is allowed only if its network is, and that IPv4 address as well:
    /// with `64:ff9b::/96` among the networks, NAT64 leads to public addresses alone.
    pub fn allows(&self, address: IpAddr) -> bool {
        if METADATA.contains(&address) {
            return false;
        }
        let is_own = self.own_machine == OwnMachine::Allowed && address.is_loopback();
        let is_named = || self.networks.iter().any(|net| net.contains(&address));
        match address {
            IpAddr::V4(v4) => is_public_v4(v4) || is_own || is_named(),
            IpAddr::V6(v6) => {
                let is_inner_allowed = inner_v4(v6).is_none_or(|v4| self.allows(v4.into()));
                is_inner_allowed && (is_public_v6(v6) || is_own || is_named())
            }
        }
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !SPECIAL_V4.iter().any(|network| network.contains(&address))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    GLOBAL_V6.contains(&address) && !SPECIAL_V6.iter().any(|network| network.contains(&address))
}

/// The IPv4 address to which a packet for `address` may find its way: one that is mapped, compatible, translated (RFC 2765),
/// that of NAT64 (RFC 6052, RFC 8215), of 6to4 (RFC 3056), of Teredo (RFC 4380) or of ISATAP (RFC 5214).
fn inner_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d] = *address.octets().last_chunk()?;
    let last = Ipv4Addr::new(a, b, c, d);
    match address.segments() {
        // The unspecified and the loopback address.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, ..]
        | [0, 0, 0, 0, 0xffff, 0, ..]
        | [0x64, 0xff9b, 0 | 1, ..]
        | [_, _, _, _, 0 | 0x200, 0x5efe, ..] => Some(last),
        [0x2002, high, low, ..] => {
            Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
        }
        // Teredo inverts the address of the client.
        [0x2001, 0, ..] => Some(Ipv4Addr::from_bits(!last.to_bits())),
        _ => None,
    }
}

/// `localhost` and all below it, with or without the dot of the root, in lower case.
fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests;

//! Where SETs may be pushed to: only to addresses that are everybody's.
//!
//! A Receiver chooses the URL that this Transmitter then sends requests to, from inside the operator's network. So a URL
//! that names a host of that network, the machine itself, or the place where a cloud keeps its secrets is refused when it
//! is asked for. What a name resolves to is another question, which is to be asked for each connection.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use ssf_types::uri::{EndpointUrl, is_loopback};
use url::Host;

/// Most networks that may be allowed beside the public ones: each is compared with each URL.
pub const NETWORKS_MAX: usize = 64;

/// IPv4 networks that are not everybody's (RFC 6890, and the IANA registry of special-purpose addresses), and one address
/// that a cloud uses for its own.
const SPECIAL_V4: [Ipv4Net; 16] = [
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    // The one of Azure's wire server, which tells secrets to whoever asks from inside.
    v4([168, 63, 129, 16], 32),
    // Holds 169.254.169.254, where most clouds tell an instance its credentials.
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

    /// Whether a stream may have `endpoint`.
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
            Some(Host::Ipv4(address)) => is_public_v4(address) || self.has(address.into()),
            Some(Host::Ipv6(address)) => is_public_v6(address) || self.has(address.into()),
            Some(Host::Domain(name)) => !is_localhost(name) || self.has(Ipv4Addr::LOCALHOST.into()),
            None => false,
        };
        if allowed {
            return Ok(());
        }
        Err(PushAddressError::NotPublic)
    }

    /// Whether the address is in a network that is allowed beside the public ones; an IPv4-mapped one is never meant.
    fn has(&self, address: IpAddr) -> bool {
        self.networks
            .iter()
            .any(|network| network.contains(&address))
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !SPECIAL_V4.iter().any(|network| network.contains(&address))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    GLOBAL_V6.contains(&address) && !SPECIAL_V6.iter().any(|network| network.contains(&address))
}

/// `localhost` and all below it, with or without the dot of the root; the parser has made it lower case.
fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use ssf_types::uri::UriError;

    use super::*;

    fn public() -> PushAddresses {
        PushAddresses::new(OwnMachine::Refused, Vec::new())
    }

    fn lab(networks: &[&str]) -> PushAddresses {
        let networks = networks.iter().map(|text| text.parse().unwrap()).collect();
        PushAddresses::new(OwnMachine::Refused, networks)
    }

    fn judge(rule: &PushAddresses, text: &str) -> Result<(), PushAddressError> {
        rule.check(&EndpointUrl::parse(text).unwrap())
    }

    #[test]
    fn public_hosts_are_allowed_on_any_port() {
        for text in [
            "https://rp.example.com/events",
            "https://rp.example.com:8443/events?tenant=7",
            "https://rp.example.com./",
            "https://8.8.8.8/",
            "https://172.32.0.1/",
            "https://100.63.255.255/",
            "https://[2606:4700::1111]/",
            "https://localhost.example.com/",
            "https://mylocalhost/",
        ] {
            assert_eq!(judge(&public(), text), Ok(()), "{text}");
        }
    }

    #[test]
    fn addresses_that_are_not_everybodys_are_refused() {
        for host in [
            "0.0.0.0",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "[::]",
            "[::1]",
            "[::127.0.0.1]",
            "[::ffff:10.0.0.1]",
            "[::ffff:8.8.8.8]",
            "[::ffff:a9fe:a9fe]",
            "[64:ff9b::a00:1]",
            "[64:ff9b:1::1]",
            "[100::1]",
            "[2001::1]",
            "[2001:db8::1]",
            "[2002:a00:1::]",
            "[3fff::1]",
            "[fc00::1]",
            "[fd00:ec2::254]",
            "[fe80::1]",
            "[fec0::1]",
            "[ff02::1]",
        ] {
            let url = format!("https://{host}/");
            let refused = Err(PushAddressError::NotPublic);
            assert_eq!(judge(&public(), &url), refused, "{host}");
            assert_eq!(judge(&public(), &format!("https://{host}:8443/")), refused);
        }
    }

    #[test]
    fn an_address_in_disguise_is_judged_as_what_it_is() {
        for host in [
            "2130706433",
            "017700000001",
            "0x7f000001",
            "0x7f.1",
            "127.1",
            "127.0.1",
            "0177.0.0.1",
            "0",
            "0x0",
            "127.0.0.1.",
            "0xa9fea9fe",
            "2852039166",
            "169.254.43518",
            "①②⑦.0.0.1",
            "127。0。0。1",
            "%31%32%37.0.0.1",
        ] {
            let refused = Err(PushAddressError::NotPublic);
            assert_eq!(
                judge(&public(), &format!("https://{host}/")),
                refused,
                "{host}"
            );
        }
    }

    #[test]
    fn names_of_the_machine_itself_are_refused() {
        for host in [
            "localhost",
            "LOCALHOST",
            "localhost.",
            "a.localhost",
            "a.b.LocalHost.",
            "ｌocalhost",
            "%6cocalhost",
        ] {
            let refused = Err(PushAddressError::NotPublic);
            assert_eq!(
                judge(&public(), &format!("https://{host}/")),
                refused,
                "{host}"
            );
        }
    }

    #[test]
    fn port_0_is_refused() {
        let refused = Err(PushAddressError::NoPort);
        assert_eq!(judge(&public(), "https://rp.example.com:0/"), refused);
        assert_eq!(judge(&public(), "https://rp.example.com:00/"), refused);
    }

    #[test]
    fn http_is_for_a_development_server_and_its_own_machine() {
        let development = PushAddresses::new(OwnMachine::Allowed, Vec::new());
        for text in [
            "http://127.0.0.1:8080/events",
            "http://[::1]/",
            "http://localhost:3000/",
            "https://127.0.0.1/",
        ] {
            assert_eq!(judge(&development, text), Ok(()), "{text}");
        }
        let refused = Err(PushAddressError::NotHttps);
        assert_eq!(judge(&public(), "http://127.0.0.1:8080/"), refused);
        assert_eq!(judge(&lab(&["127.0.0.0/8"]), "http://127.0.0.1/"), refused);
        let refused = Err(PushAddressError::NotPublic);
        assert_eq!(judge(&development, "https://10.0.0.1/"), refused);
        assert_eq!(judge(&development, "https://169.254.169.254/"), refused);
        let plain = EndpointUrl::parse("http://10.0.0.1/");
        assert_eq!(plain, Err(UriError::NotHttps));
    }

    #[test]
    fn a_laboratory_allows_its_own_networks_and_no_others() {
        let lab = lab(&["10.1.0.0/16", "fd00:7::/32"]);
        assert_eq!(judge(&lab, "https://10.1.2.3/"), Ok(()));
        assert_eq!(judge(&lab, "https://[fd00:7::1]/"), Ok(()));
        for host in ["10.2.0.1", "[::ffff:10.1.2.3]", "[fd00:8::1]", "localhost"] {
            let refused = Err(PushAddressError::NotPublic);
            assert_eq!(judge(&lab, &format!("https://{host}/")), refused, "{host}");
        }
    }

    #[test]
    fn a_laboratory_on_one_machine_may_name_it() {
        let lab = lab(&["127.0.0.0/8"]);
        assert_eq!(judge(&lab, "https://localhost:8443/"), Ok(()));
        assert_eq!(judge(&lab, "https://127.0.0.1:8443/"), Ok(()));
    }
}

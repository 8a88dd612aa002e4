//! Addresses that are everybody's, and those that must not be called because a peer says so.
//!
//! Whoever requests what a peer names does so from inside a network: an address of that network, of the machine itself, or of
//! the place where a cloud keeps its secrets is none that a peer may choose.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where clouds tell a machine its secrets, to whoever asks from inside. No network that is allowed holds them: who allows
/// `fd00::/8` does not think of this.
const METADATA: [IpAddr; 17] = [
    // Azure's wire server, which lies among public addresses.
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    // Most clouds; then containers and pods of AWS.
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    // Scaleway, Tencent.
    IpAddr::V4(Ipv4Addr::new(169, 254, 42, 42)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 0, 23)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 10, 10)),
    // Alibaba, Oracle's former cloud.
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    // AWS, its pods, and Google.
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    // Oracle, Scaleway, Akamai, Alibaba.
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xa9fe, 0xa9fe, 0, 0, 0, 0, 1)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x100, 0, 0, 0, 0, 0x100, 0x200)),
    // OpenStack.
    IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe)),
];

/// IPv4 networks that are not everybody's (RFC 6890, and the IANA registry of special-purpose addresses), each with the
/// length of its prefix.
const SPECIAL_V4: [([u8; 4], u32); 15] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// What holds all IPv6 addresses that are everybody's (RFC 4291 §2.4), by its first 32 bits and the length of its prefix;
/// loopback, link-local, unique local, multicast and IPv4-mapped ones lie outside.
const GLOBAL_V6: (u32, u32) = (0x2000_0000, 3);

/// IPv6 networks inside [`GLOBAL_V6`] that are not everybody's, or lead to an IPv4 address that is written inside.
const SPECIAL_V6: [(u32, u32); 4] = [
    // Protocol assignments, with Teredo.
    (0x2001_0000, 23),
    // Documentation.
    (0x2001_0db8, 32),
    // 6to4.
    (0x2002_0000, 16),
    // Documentation.
    (0x3fff_0000, 20),
];

/// Which octets of an address hold an IPv4 address behind the prefix of 48, 56, 64 or 96 bits that a translator may have
/// (RFC 6052 §2.2).
const TRANSLATED: [[usize; 4]; 4] = [
    [6, 7, 9, 10],
    [7, 9, 10, 11],
    [9, 10, 11, 12],
    [12, 13, 14, 15],
];

/// Whether `address` is everybody's.
///
/// ```
/// # use ssf_types::address::is_public;
/// assert!(is_public("9.9.9.9".parse()?));
/// assert!(!is_public("10.0.0.1".parse()?));
/// assert!(!is_public("2606:4700::5efe:10.0.0.1".parse()?));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
pub fn is_public(address: IpAddr) -> bool {
    is_public_or(address, &|_| false)
}

/// Whether `address` is everybody's, or one that `is_named` allows besides.
///
/// Where a cloud tells a machine its secrets is neither, whatever `is_named` says. An IPv6 address in which an IPv4 address is
/// written is allowed only if that one is as well: with `64:ff9b::/96` named, NAT64 leads to public addresses alone.
pub fn is_public_or(address: IpAddr, is_named: &impl Fn(IpAddr) -> bool) -> bool {
    if METADATA.contains(&address) {
        return false;
    }
    match address {
        IpAddr::V4(v4) => is_public_v4(v4) || is_named(address),
        IpAddr::V6(v6) => {
            let mut inner = inner_v4(v6).into_iter();
            inner.all(|v4| is_public_or(v4.into(), is_named))
                && (is_public_v6(v6) || is_named(address))
        }
    }
}

/// Whether a host name always means the machine itself: `localhost` and all below it (RFC 6761 §6.3).
pub fn is_localhost(name: &str) -> bool {
    let last = name.trim_end_matches('.').rsplit('.').next();
    last.is_some_and(|last| last.eq_ignore_ascii_case("localhost"))
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let bits = address.to_bits();
    !SPECIAL_V4
        .iter()
        .any(|(network, prefix)| is_within(bits, (u32::from_be_bytes(*network), *prefix)))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [high, low, ..] = address.segments();
    let first = u32::from(high) << 16 | u32::from(low);
    is_within(first, GLOBAL_V6) && !SPECIAL_V6.iter().any(|network| is_within(first, *network))
}

/// Whether the first 32 bits of an address begin with the prefix of a network, which has 1 to 32 bits.
fn is_within(first: u32, (network, prefix): (u32, u32)) -> bool {
    (first ^ network) >> (32 - prefix) == 0
}

/// The IPv4 addresses to which a packet for `address` may find its way: one that is mapped, compatible, translated (RFC 2765),
/// that of NAT64 (RFC 6052, RFC 8215), of 6to4 (RFC 3056), of Teredo (RFC 4380) or of ISATAP (RFC 5214).
fn inner_v4(address: Ipv6Addr) -> Vec<Ipv4Addr> {
    let [.., a, b, c, d] = address.octets();
    let last = Ipv4Addr::new(a, b, c, d);
    match address.segments() {
        // The unspecified and the loopback address.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => Vec::new(),
        [0x64, 0xff9b, 1, ..] => inner_of_local_nat64(address.octets()),
        [0, 0, 0, 0, 0, 0 | 0xffff, ..]
        | [0, 0, 0, 0, 0xffff, 0, ..]
        | [0x64, 0xff9b, 0, ..]
        | [_, _, _, _, 0 | 0x200, 0x5efe, ..] => vec![last],
        [0x2002, high, low, ..] => {
            vec![Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))]
        }
        // Teredo inverts the address of the client.
        [0x2001, 0, ..] => vec![Ipv4Addr::from_bits(!last.to_bits())],
        _ => Vec::new(),
    }
}

/// What NAT64 for local use (RFC 8215) may make of an address. How long the prefix of the translator is cannot be seen, and
/// what follows the IPv4 address is ignored there, so that whoever chooses the address may write another one there.
fn inner_of_local_nat64(octets: [u8; 16]) -> Vec<Ipv4Addr> {
    let read = TRANSLATED.map(|places| Ipv4Addr::from(places.map(|place| octets[place])));
    let leads_nowhere = |v4: &Ipv4Addr| v4.octets()[0] == 0;
    if read.iter().all(leads_nowhere) {
        return read.to_vec();
    }
    // Zeros stand wherever a shorter or a longer prefix has nothing: no translator sends to this network (RFC 1122).
    read.into_iter().filter(|v4| !leads_nowhere(v4)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The addresses of a table, which has one a line.
    fn rows(table: &str) -> impl Iterator<Item = &str> {
        table.lines().filter(|line| !line.starts_with('#'))
    }

    #[test]
    fn addresses_that_are_not_everybodys_are_not_public() {
        for text in rows(include_str!("../tests/addresses/special.txt")) {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn their_neighbours_are_public() {
        for text in rows(include_str!("../tests/addresses/public.txt")) {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn whatever_is_named_the_secrets_of_a_cloud_are_not_allowed() {
        for address in METADATA {
            assert!(!is_public_or(address, &|_| true), "{address}");
        }
        assert!(is_public_or("10.0.0.1".parse().unwrap(), &|_| true));
    }

    #[test]
    fn whatever_the_prefix_of_a_translator_for_local_use_it_leads_to_public_addresses_alone() {
        let allows = |text: &str| {
            let address = text.parse().unwrap();
            is_public_or(address, &|named| matches!(named, IpAddr::V6(_)))
        };
        // 8.8.4.4 behind prefixes of 48, 56, 64 and 96 bits.
        for text in [
            "64:ff9b:1:808:4:400::",
            "64:ff9b:1:8:8:404::",
            "64:ff9b:1:0:8:804:400:0",
            "64:ff9b:1::808:404",
        ] {
            assert!(allows(text), "{text}");
        }
        // 10.0.0.1 there, and 169.254.169.254, with 8.8.8.8 behind it where it would be ignored.
        for text in [
            "64:ff9b:1:a00:0:100:808:808",
            "64:ff9b:1:a:0:1:808:808",
            "64:ff9b:1:0:a:0:108:808",
            "64:ff9b:1::a00:1",
            "64:ff9b:1:a9fe:a9:fe00:808:808",
            "64:ff9b:1:a9:fe:a9fe:808:808",
            "64:ff9b:1:0:a9:fea9:fe08:808",
            "64:ff9b:1::a9fe:a9fe",
            "64:ff9b:1::",
        ] {
            assert!(!allows(text), "{text}");
        }
    }

    #[test]
    fn names_of_the_machine_itself_are_known_in_any_case_and_with_the_dot_of_the_root() {
        for name in ["localhost", "LocalHost.", "a.localhost", "a.b.LOCALHOST."] {
            assert!(is_localhost(name), "{name}");
        }
        for name in ["", ".", "mylocalhost", "localhost.example.com"] {
            assert!(!is_localhost(name), "{name}");
        }
    }
}

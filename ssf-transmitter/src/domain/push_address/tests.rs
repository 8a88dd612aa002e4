use std::net::Ipv6Addr;

use proptest::prelude::*;
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

/// Addresses that are nobody's business to be called from inside, and their neighbours, which are everybody's.
const NOT_EVERYBODYS: &str = include_str!("../../../../ssf-types/tests/addresses/special.txt");
const EVERYBODYS: &str = include_str!("../../../../ssf-types/tests/addresses/public.txt");

/// The addresses of a table, which has one a line.
fn rows(table: &str) -> impl Iterator<Item = &str> {
    table.lines().filter(|line| !line.starts_with('#'))
}

/// As it stands in a URL.
fn host(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    }
}

#[test]
fn t01_t04_t05_addresses_that_are_not_everybodys_are_refused_at_registration_and_at_connect() {
    for text in rows(NOT_EVERYBODYS) {
        let address: IpAddr = text.parse().unwrap();
        assert!(!public().allows(address), "{text}");
        assert!(!public().allows_for("rp.example.com", address), "{text}");
        for url in [
            format!("https://{}/", host(address)),
            format!("https://{}:8443/", host(address)),
        ] {
            let refused = Err(PushAddressError::NotPublic);
            assert_eq!(judge(&public(), &url), refused, "{url}");
        }
    }
}

#[test]
fn t01_their_neighbours_are_allowed() {
    for text in rows(EVERYBODYS) {
        let address: IpAddr = text.parse().unwrap();
        assert!(public().allows(address), "{text}");
        let url = format!("https://{}/", host(address));
        assert_eq!(judge(&public(), &url), Ok(()), "{url}");
    }
}

#[test]
fn t01_an_address_with_a_zone_is_no_host() {
    for text in [
        "https://[fe80::1%25eth0]/",
        "https://[fe80::1%eth0]/",
        "https://[::1%lo]/",
    ] {
        assert!(EndpointUrl::parse(text).is_err(), "{text}");
    }
}

#[test]
fn t05_no_network_that_is_allowed_leads_to_the_secrets_of_a_cloud() {
    let everything = lab(&["0.0.0.0/0", "::/0"]);
    assert!(everything.allows(Ipv4Addr::new(10, 0, 0, 1).into()));
    for text in [
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "169.254.42.42",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "fd00:c1::a9fe:a9fe",
        "fd00:42::42",
        "fe80::a9fe:a9fe",
        "::ffff:169.254.169.254",
        "::169.254.169.254",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::a83f:8110",
        "64:ff9b:1:a9fe:a9:fe00:808:808",
        "64:ff9b:1:a9:fe:a9fe:808:808",
        "64:ff9b:1:0:a9:fea9:fe08:808",
        "2002:a9fe:a9fe::1",
        "fd00::5efe:169.254.169.254",
        "2001:0:4136:e378:8000:63bf:5601:5601",
    ] {
        assert!(!everything.allows(text.parse().unwrap()), "{text}");
    }
}

#[test]
fn t04_nat64_leads_to_public_addresses_alone_where_it_is_allowed() {
    let nat64 = lab(&["64:ff9b::/96"]);
    assert!(nat64.allows("64:ff9b::8.8.8.8".parse().unwrap()));
    for inner in ["10.0.0.1", "127.0.0.1", "192.168.0.1", "169.254.169.254"] {
        let address = format!("64:ff9b::{inner}");
        assert!(!nat64.allows(address.parse().unwrap()), "{address}");
    }
}

#[test]
fn t02_a_name_of_the_machine_itself_leads_nowhere_else() {
    let development = PushAddresses::new(OwnMachine::Allowed, Vec::new());
    for name in ["localhost", "LocalHost.", "a.localhost"] {
        assert!(development.allows_for(name, Ipv4Addr::LOCALHOST.into()));
        assert!(development.allows_for(name, Ipv6Addr::LOCALHOST.into()));
        assert!(!development.allows_for(name, Ipv4Addr::new(8, 8, 8, 8).into()));
    }
    assert!(!public().allows_for("localhost", Ipv4Addr::LOCALHOST.into()));
}

/// What the standard library can tell of an address: another list than ours, and a shorter one.
fn is_special_to_std(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_broadcast()
                || v4.is_documentation()
                || v4.is_unspecified()
                || v4.is_multicast()
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.to_ipv4().is_some()
        }
    }
}

proptest! {
    #[test]
    fn t04_nothing_is_allowed_that_another_list_calls_special(v4: u32, v6: u128) {
        for address in [IpAddr::from(Ipv4Addr::from_bits(v4)), IpAddr::from(Ipv6Addr::from_bits(v6))] {
            prop_assert!(!(is_special_to_std(address) && public().allows(address)), "{}", address);
        }
    }

    #[test]
    fn t04_an_address_within_an_address_is_never_allowed_where_it_is_not_allowed_alone(v4: u32, site: u64) {
        let inner = u128::from(v4);
        let site = u128::from(site) << 64;
        let everything_v6 = lab(&["::/0"]);
        let is_allowed = everything_v6.allows(Ipv4Addr::from_bits(v4).into());
        for (form, bits) in [
            ("mapped", 0xffff_0000_0000 | inner),
            ("translated", 0xffff_0000_0000_0000 | inner),
            ("NAT64", 0x64_ff9b << 96 | inner),
            ("local NAT64", 0x64_ff9b_0001 << 80 | inner),
            ("6to4", 0x2002 << 112 | inner << 80 | 1),
            ("Teredo", 0x2001_0000 << 96 | u128::from(!v4)),
            ("ISATAP", site | 0x5efe << 32 | inner),
        ] {
            let address = Ipv6Addr::from_bits(bits);
            prop_assert!(is_allowed || !everything_v6.allows(address.into()), "{} {}", form, address);
        }
    }

    #[test]
    fn t04_nat64_for_local_use_leads_nowhere_else_whatever_its_prefix(v4 in 0x0100_0000_u32..) {
        let inner = u128::from(v4);
        let prefix = 0x64_ff9b_0001_u128 << 80;
        let everything_v6 = lab(&["::/0"]);
        let is_allowed = everything_v6.allows(Ipv4Addr::from_bits(v4).into());
        for (length, bits) in [
            (48, (inner >> 16) << 64 | (inner & 0xffff) << 40 | 0x0808_0808),
            (56, (inner >> 24) << 64 | (inner & 0x00ff_ffff) << 32 | 0x0808_0808),
            (64, inner << 24 | 0x0008_0808),
        ] {
            let address = Ipv6Addr::from_bits(prefix | bits);
            prop_assert!(is_allowed || !everything_v6.allows(address.into()), "{} {}", length, address);
        }
    }
}

/// What has several readings, or one that no stream may have.
const AMBIGUOUS: &[&str] = &[
    "http://rp.example.com/",
    "ftp://rp.example.com/",
    "HTTPS:rp.example.com/",
    "https:rp.example.com/",
    "https:/rp.example.com/",
    "https:///rp.example.com/",
    "https://user@rp.example.com/",
    "https://rp.example.com@10.0.0.1/",
    "https://rp.example.com:443@10.0.0.1/",
    "https://10.0.0.1\\@rp.example.com/",
    "https://10.0.0.1\\.rp.example.com/",
    "https:\\\\rp.example.com/",
    "https://rp.example.com\\events",
    "https://rp.example.com/#part",
    "https://rp.example.com#@10.0.0.1/",
    "https://rp.example.com/\0",
    "https://rp.example.com/\r\nx: y",
    "https://rp.example.com/\tx",
    "https://rp.example.com /",
    " https://rp.example.com/",
    "https://rp.exa\u{0}mple.com/",
    "https://rp.example.com%00.10.0.0.1/",
    "https://rp%2eexample.com:0/",
    "https://rp.example.com:0/",
    "https://rp.example.com:65536/",
    "https://rp.example.com:-1/",
    "https://rp.example.com:4 43/",
    "https://[::1/",
    "https://::1/",
    "https://[::ffff:10.0.0.1]:8443/",
    "https://1.2.3.4.5/",
    "https://256.1.1.1/",
    "https://10.1/",
    "https://0xa.0.0.1/",
    "https://012.0.0.1/",
    "https://167772161/",
    "https://10.0.0.1./",
    "https://10。0。0。1/",
    "https://１０.0.0.1/",
    "https://⑩.0.0.1/",
    "https://%31%30.0.0.1/",
    "https://localhost%2e/",
    "https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
    "https:///",
    "https://",
];

#[test]
fn t08_what_parsers_of_urls_disagree_about_is_refused_or_means_one_thing() {
    for text in AMBIGUOUS {
        let judged = EndpointUrl::parse(*text)
            .ok()
            .map(|url| public().check(&url));
        assert!(!matches!(judged, Some(Ok(()))), "{text:?}");
    }
    let label = "x".repeat(63);
    let long = format!("https://{label}.example.com/{}", "y".repeat(2048 - 84));
    for text in [
        "https://rp.example.com/",
        "https://rp.example.com./",
        "https://RP.example.com:443/a/../b?c=d&e=%00",
        "https://rp.example.com:22/",
        "https://rp.example.com:25/",
        "https://rp.example.com:8443/@10.0.0.1?x=@10.0.0.1",
        "https://bücher.example/",
        "https://xn--bcher-kva.example/",
        "https://rp。example。com/",
        "https://8.8.8.8/",
        "https://0x8.8.8.8/",
        &long,
    ] {
        let endpoint = EndpointUrl::parse(text).unwrap();
        assert_eq!(public().check(&endpoint), Ok(()), "{text}");
        // What is sent is the URL as the parser writes it, and reading that again changes nothing.
        let written = endpoint.url().as_str();
        let again = EndpointUrl::parse(written).unwrap();
        assert_eq!(again.url(), endpoint.url());
        assert_eq!(again.url().as_str(), written);
        assert!(endpoint.host().is_ascii(), "{text}");
    }
    let longer = format!("{long}y");
    assert_eq!(EndpointUrl::parse(longer), Err(UriError::TooLong));
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

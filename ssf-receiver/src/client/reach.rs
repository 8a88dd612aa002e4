//! Where the documents of a Transmitter may lead.
//!
//! 1. The management token goes to the issuer's origin and to those of the endpoints in its metadata, and nowhere else.
//! 2. The documents of a public issuer lead to public addresses alone: else whoever controls them could have this process ask
//!    what is inside the network that it runs in. The issuer itself was chosen by the operator, and may be anywhere; one that
//!    is inside leads to what is inside.

use std::{error::Error, io, net::SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use ssf_types::{
    address::{is_localhost, is_public},
    metadata::TransmitterMetadata,
    uri::Issuer,
};
use tokio::net::lookup_host;
use url::{Host, Url};

/// Whether `url` has the origin of the issuer, or that of an endpoint that takes the management token.
pub(crate) fn is_named(metadata: &TransmitterMetadata, url: &Url) -> bool {
    let endpoints = [
        &metadata.configuration_endpoint,
        &metadata.status_endpoint,
        &metadata.add_subject_endpoint,
        &metadata.remove_subject_endpoint,
        &metadata.verification_endpoint,
    ];
    let named = endpoints.into_iter().flatten();
    let mut origins = named.map(|endpoint| endpoint.url().origin());
    url.origin() == metadata.issuer.to_url().origin()
        || origins.any(|origin| origin == url.origin())
}

/// Which addresses are asked, where a URL has an address and not a name; [`Names`] sees to the names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reach {
    /// Those that are public.
    Public,
    /// All: the issuer itself has one that is not public.
    Everywhere,
}

impl Reach {
    /// Where documents of `issuer` may lead.
    pub(crate) fn of(issuer: &Issuer) -> Self {
        if has_public_host(&issuer.to_url()) {
            Self::Public
        } else {
            Self::Everywhere
        }
    }

    /// Whether a request may go to `url`.
    pub(crate) fn allows(self, url: &Url) -> bool {
        match self {
            Self::Public => has_public_host(url),
            Self::Everywhere => true,
        }
    }
}

/// Whether a URL has a public address, or a name that may have one.
fn has_public_host(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => is_public(address.into()),
        Some(Host::Ipv6(address)) => is_public(address.into()),
        Some(Host::Domain(name)) => !is_localhost(name),
        None => false,
    }
}

/// What names lead to, as far as the documents of the issuer may.
pub(crate) struct Names {
    issuer: String,
}

/// A name leads where it must not.
#[derive(Debug, thiserror::Error)]
#[error(
    "the name leads to a loopback, link-local, private or reserved address, and that of the issuer does not"
)]
struct NotPublic;

impl Names {
    pub(crate) fn new(issuer: &Issuer) -> Self {
        let host = issuer.to_url();
        let issuer = host.host_str().unwrap_or_default().to_owned();
        Self { issuer }
    }
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let issuer = self.issuer.clone();
        Box::pin(async move {
            let found = look_up(name.as_str()).await?;
            let is_free = name.as_str() == issuer || all_public(&found);
            if !is_free && all_public(&look_up(&issuer).await?) {
                return Err(Box::new(NotPublic) as Box<dyn Error + Send + Sync>);
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

fn all_public(addresses: &[SocketAddr]) -> bool {
    addresses.iter().all(|address| is_public(address.ip()))
}

async fn look_up(host: &str) -> io::Result<Vec<SocketAddr>> {
    // A literal address of the issuer stands in brackets if it is one of IPv6.
    let host = host.trim_matches(['[', ']']);
    Ok(lookup_host((host, 0)).await?.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(issuer: &str) -> Reach {
        Reach::of(&Issuer::parse(issuer).unwrap())
    }

    fn allows(issuer: &str, url: &str) -> bool {
        reach(issuer).allows(&Url::parse(url).unwrap())
    }

    #[test]
    fn documents_of_a_public_issuer_lead_to_no_address_that_is_not() {
        for inside in [
            "http://127.0.0.1/jwks",
            "https://127.1/jwks",
            "https://2130706433/jwks",
            "http://localhost/jwks",
            "https://idp.localhost./jwks",
            "https://[::1]/jwks",
            "https://[::ffff:127.0.0.1]/jwks",
            "https://[fe80::1]/jwks",
            "https://[fd00:ec2::254]/jwks",
            "https://[64:ff9b::a00:1]/jwks",
            "https://[2002:a00:1::]/jwks",
            "https://0.0.0.0/jwks",
            "https://10.1.2.3/jwks",
            "https://100.64.0.1/jwks",
            "https://100.100.100.200/jwks",
            "https://168.63.129.16/jwks",
            "https://169.254.169.254/latest/meta-data",
            "https://172.31.255.255/jwks",
            "https://192.168.0.1/jwks",
            "https://198.19.0.1/jwks",
            "https://224.0.0.1/jwks",
            "https://255.255.255.255/jwks",
        ] {
            for issuer in ["https://idp.example.com", "https://9.9.9.9"] {
                assert!(!allows(issuer, inside), "{issuer} {inside}");
            }
        }
    }

    /// The URLs of a table of addresses, which has one a line.
    fn urls(table: &str) -> impl Iterator<Item = String> {
        let rows = table.lines().filter(|line| !line.starts_with('#'));
        rows.map(|row| {
            if row.contains(':') {
                format!("https://[{row}]/jwks")
            } else {
                format!("https://{row}/jwks")
            }
        })
    }

    #[test]
    fn the_addresses_that_they_lead_to_are_those_to_which_a_transmitter_pushes() {
        let table = include_str!("../../../ssf-types/tests/addresses/special.txt");
        for inside in urls(table) {
            assert!(!allows("https://idp.example.com", &inside), "{inside}");
        }
        let table = include_str!("../../../ssf-types/tests/addresses/public.txt");
        for outside in urls(table) {
            assert!(allows("https://idp.example.com", &outside), "{outside}");
        }
    }

    #[test]
    fn documents_of_a_public_issuer_lead_to_names_and_public_addresses() {
        for outside in [
            "https://keys.example.net/jwks",
            "https://9.9.9.9/jwks",
            "https://172.32.0.1/jwks",
            "https://100.128.0.1/jwks",
            "https://192.0.1.1/jwks",
            "https://[2606:4700::1]/jwks",
        ] {
            assert!(allows("https://idp.example.com", outside), "{outside}");
        }
    }

    #[test]
    fn an_issuer_that_is_inside_leads_to_what_is_inside() {
        for issuer in ["https://10.0.0.1", "http://localhost:8080", "http://[::1]"] {
            assert!(allows(issuer, "http://127.0.0.1/jwks"), "{issuer}");
        }
    }

    async fn resolved(issuer: &str, name: &str) -> Result<usize, String> {
        let names = Names::new(&Issuer::parse(issuer).unwrap());
        let found = names.resolve(name.parse().unwrap()).await;
        found
            .map(Iterator::count)
            .map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_one_of_an_issuer_that_is_inside() {
        assert!(resolved("http://127.0.0.1", "localhost").await.unwrap() >= 1);
        assert!(resolved("https://localhost", "localhost").await.unwrap() >= 1);
        let refused = resolved("https://9.9.9.9", "localhost").await.unwrap_err();
        assert!(refused.contains("private"), "{refused}");
    }

    #[test]
    fn the_token_goes_to_origins_that_the_metadata_names() {
        let issuer = Issuer::parse("https://idp.example.com/a").unwrap();
        let body =
            br#"{"issuer":"https://idp.example.com/a","jwks_uri":"https://keys.example.net/jwks",
            "status_endpoint":"https://api.example.com:8443/status"}"#;
        let metadata = TransmitterMetadata::parse(body, &issuer).unwrap();
        let named = |url: &str| is_named(&metadata, &Url::parse(url).unwrap());
        assert!(named("https://idp.example.com/poll/1"));
        assert!(named("https://api.example.com:8443/poll/1"));
        for url in [
            "http://idp.example.com/poll",
            "https://idp.example.com:8443/poll",
            "https://api.example.com/poll",
            "https://evil.example.com/poll",
            // Its keys are public: no token was ever sent there.
            "https://keys.example.net/poll",
        ] {
            assert!(!named(url), "{url}");
        }
    }
}

//! To which hosts the SETs of one Receiver may be pushed.
//!
//! Whoever has stolen a Receiver's token could move its stream to a host of its own, and would get what was meant for the
//! Receiver. A Receiver that is bound to hosts cannot be moved away from them, with whatever token.

use std::fmt;

use ssf_types::uri::EndpointUrl;
use url::Host;

use super::method::DeliveryMethod;

/// Most hosts of one Receiver: each is compared with each endpoint that it asks for.
pub const PUSH_HOSTS_MAX: usize = 16;

/// Hosts to which SETs may be pushed; none of them leaves the choice to the Receiver.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PushHosts(Vec<Host>);

/// The texts do not name hosts.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PushHostsError {
    /// One is no host.
    #[error(
        "a push host is a name such as app.example.com, or an address, without scheme, port and path"
    )]
    NoHost,
    /// There are more than [`PUSH_HOSTS_MAX`].
    #[error("a receiver has at most {PUSH_HOSTS_MAX} push hosts")]
    TooMany,
}

/// An `endpoint_url` leads to another host.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("delivery.endpoint_url must have one of the hosts that are registered for this receiver")]
pub struct ForeignHost;

impl PushHosts {
    /// Any host that the Transmitter's own rule allows.
    pub fn any() -> Self {
        Self::default()
    }

    /// Reads hosts as they stand in URLs: names in any spelling that a URL allows, IPv6 addresses in brackets.
    ///
    /// # Errors
    /// One is no host, or there are too many.
    pub fn parse<'a>(hosts: impl IntoIterator<Item = &'a str>) -> Result<Self, PushHostsError> {
        let mut read = Vec::new();
        for text in hosts {
            let host = Host::parse(text).map_err(|_| PushHostsError::NoHost)?;
            if !read.contains(&host) {
                read.push(host);
            }
            if read.len() > PUSH_HOSTS_MAX {
                return Err(PushHostsError::TooMany);
            }
        }
        Ok(Self(read))
    }

    /// Whether SETs may be pushed to `endpoint`; at each port of a host that is allowed.
    ///
    /// # Errors
    /// The host of the URL is none of these.
    pub fn check(&self, endpoint: &EndpointUrl) -> Result<(), ForeignHost> {
        let asked = endpoint.url().host().map(|host| host.to_owned());
        let is_own = asked.is_some_and(|host| self.0.contains(&host));
        if self.is_any() || is_own {
            Ok(())
        } else {
            Err(ForeignHost)
        }
    }

    /// Whether a stream may have this delivery; one that is polled goes nowhere.
    pub fn admit(&self, delivery: &DeliveryMethod) -> bool {
        match delivery {
            DeliveryMethod::Push(push) => self.check(&push.endpoint_url).is_ok(),
            DeliveryMethod::Poll => true,
        }
    }

    /// Whether the choice is the Receiver's.
    pub fn is_any(&self) -> bool {
        self.0.is_empty()
    }

    /// The hosts as they stand in URLs; names in ASCII.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(Host::to_string).collect()
    }
}

/// The hosts with blanks between them.
impl fmt::Display for PushHosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_allowed(hosts: &PushHosts, endpoint: &str) -> bool {
        hosts.check(&EndpointUrl::parse(endpoint).unwrap()).is_ok()
    }

    #[test]
    fn no_host_is_any_host() {
        assert!(is_allowed(&PushHosts::any(), "https://app.example.com/"));
        assert_eq!(PushHosts::parse([]), Ok(PushHosts::any()));
    }

    #[test]
    fn t13_an_endpoint_has_one_of_the_hosts_at_whatever_port_and_path() {
        let hosts = PushHosts::parse(["app.example.com", "BÜCHER.example", "[2001:DB8::1]"]);
        let hosts = hosts.unwrap();
        for endpoint in [
            "https://app.example.com/events",
            "https://APP.example.com:8443/other",
            "https://bücher.example/",
            "https://xn--bcher-kva.example/",
            "https://[2001:db8::1]/",
        ] {
            assert!(is_allowed(&hosts, endpoint), "{endpoint}");
        }
        for endpoint in [
            "https://example.com/",
            "https://evil.app.example.com/",
            "https://app.example.com.evil.example/",
            "https://app.example.com./",
            "https://app.example.comm/",
            "https://[2001:db8::2]/",
        ] {
            assert!(!is_allowed(&hosts, endpoint), "{endpoint}");
        }
    }

    #[test]
    fn what_is_no_host_alone_is_refused() {
        for text in [
            "",
            "https://app.example.com",
            "app.example.com:443",
            "a/b",
            "a b",
        ] {
            assert_eq!(
                PushHosts::parse([text]),
                Err(PushHostsError::NoHost),
                "{text:?}"
            );
        }
    }

    #[test]
    fn hosts_are_few_and_each_is_there_once() {
        let names: Vec<String> = (0..=PUSH_HOSTS_MAX)
            .map(|number| format!("h{number}.example"))
            .collect();
        let some = names.iter().map(String::as_str);
        assert_eq!(PushHosts::parse(some.clone()), Err(PushHostsError::TooMany));
        let most = PushHosts::parse(some.take(PUSH_HOSTS_MAX)).unwrap();
        assert_eq!(most.names().len(), PUSH_HOSTS_MAX);
        let twice = PushHosts::parse(["a.example", "A.EXAMPLE"]).unwrap();
        assert_eq!(twice.to_string(), "a.example");
        assert_eq!(PushHosts::parse(most.to_string().split(' ')), Ok(most));
    }
}

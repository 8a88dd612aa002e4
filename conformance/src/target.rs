//! The Transmitter under test, and the URLs that follow from its issuer.

use url::Url;

/// Where metadata is found (SSF 1.0 §7.2).
const SSF_SEGMENT: &str = "/.well-known/ssf-configuration";

/// Where RISC transmitters had theirs (SSF 1.0 §7.2.2).
const RISC_SEGMENT: &str = "/.well-known/risc-configuration";

/// A path that no tenant has, to see how a failing request is answered.
pub(crate) const UNKNOWN_TENANT: &str = "/ssf-conformance-no-such-tenant";

/// The text does not name an issuer that can be tested.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// The text is not an absolute URL.
    #[error("the issuer must be an absolute URL such as https://tr.example.com")]
    NotAUrl,
    /// The scheme is neither `https` nor, on this machine, `http`.
    #[error("the issuer must begin with https:// (http:// is for loopback addresses only)")]
    NotHttps,
    /// The URL has a user name or a password.
    #[error("the issuer must not hold a user name or a password")]
    Credentials,
    /// An issuer has neither query nor fragment (SSF 1.0 §7.1).
    #[error("the issuer must have neither query nor fragment: give it as the metadata has it")]
    QueryOrFragment,
}

/// The issuer under test.
#[derive(Clone, Debug)]
pub struct Target {
    issuer: String,
    url: Url,
}

impl Target {
    /// Reads an issuer; its bytes are kept, because they are compared (SSF 1.0 §7.2.4).
    ///
    /// # Errors
    /// Says which rule the text breaks.
    pub fn parse(issuer: &str) -> Result<Self, TargetError> {
        let url = Url::parse(issuer).map_err(|_| TargetError::NotAUrl)?;
        let plain_on_loopback = url.scheme() == "http" && ssf_types::uri::is_loopback(&url);
        if url.scheme() != "https" && !plain_on_loopback {
            return Err(TargetError::NotHttps);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TargetError::Credentials);
        }
        if issuer.contains(['?', '#']) {
            return Err(TargetError::QueryOrFragment);
        }
        Ok(Self {
            issuer: issuer.to_owned(),
            url,
        })
    }

    /// The issuer, byte for byte as it was given.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The issuer as a URL, which may be normalised and is never compared.
    #[cfg(feature = "cli")]
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Whether the Transmitter is spoken to without TLS, on this machine; nothing about `https` can then be judged.
    pub fn is_plain(&self) -> bool {
        self.url.scheme() == "http"
    }

    /// Whether the Transmitter runs on this machine.
    pub fn is_loopback(&self) -> bool {
        ssf_types::uri::is_loopback(&self.url)
    }

    /// Whether a URL that the Transmitter gives may be asked, and be shown tokens: a Transmitter with TLS must not lead
    /// its Receivers, or a tester, to a place without.
    pub fn may_lead_to(&self, url: &Url) -> bool {
        let plain = self.is_plain() && url.scheme() == "http" && ssf_types::uri::is_loopback(url);
        url.scheme() == "https" || plain
    }

    /// Where the metadata has to be: the well-known segment stands between the authority and the issuer's path,
    /// which loses its last slash (SSF 1.0 §7.2.1).
    pub fn metadata_url(&self) -> Url {
        self.with_path(&format!("{SSF_SEGMENT}{}", self.path()))
    }

    /// Where those look who append the segment to the issuer instead; none if the issuer has no path.
    pub fn appended_url(&self) -> Option<Url> {
        let path = self.path();
        (!path.is_empty()).then(|| self.with_path(&format!("{path}{SSF_SEGMENT}")))
    }

    /// Where the metadata of an issuer would be that does not exist.
    pub fn unknown_tenant_url(&self) -> Url {
        self.with_path(&format!("{SSF_SEGMENT}{}{UNKNOWN_TENANT}", self.path()))
    }

    /// Where a RISC transmitter of this issuer would have its metadata (SSF 1.0 §7.2.2).
    pub fn risc_url(&self) -> Url {
        self.with_path(&format!("{RISC_SEGMENT}{}", self.path()))
    }

    fn path(&self) -> &str {
        let path = self.url.path();
        path.strip_suffix('/').unwrap_or(path)
    }

    fn with_path(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(path);
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(issuer: &str) -> Target {
        Target::parse(issuer).unwrap()
    }

    #[test]
    fn the_segment_is_inserted_in_front_of_the_path() {
        for (issuer, url) in [
            ("https://h", "https://h/.well-known/ssf-configuration"),
            ("https://h/", "https://h/.well-known/ssf-configuration"),
            (
                "https://h/a/b",
                "https://h/.well-known/ssf-configuration/a/b",
            ),
            (
                "https://h:8443/t1/",
                "https://h:8443/.well-known/ssf-configuration/t1",
            ),
        ] {
            assert_eq!(target(issuer).metadata_url().as_str(), url);
        }
    }

    #[test]
    fn the_wrong_place_exists_for_issuers_with_a_path_only() {
        assert_eq!(target("https://h/").appended_url(), None);
        assert_eq!(
            target("https://h/a/").appended_url().unwrap().as_str(),
            "https://h/a/.well-known/ssf-configuration"
        );
    }

    #[test]
    fn an_unknown_tenant_is_below_the_issuer() {
        assert_eq!(
            target("https://h/a").unknown_tenant_url().as_str(),
            "https://h/.well-known/ssf-configuration/a/ssf-conformance-no-such-tenant"
        );
    }

    #[test]
    fn what_is_no_issuer_is_refused_with_what_to_fix() {
        for (text, error) in [
            ("tr.example.com", TargetError::NotAUrl),
            ("http://tr.example.com", TargetError::NotHttps),
            ("ftp://127.0.0.1", TargetError::NotHttps),
            ("https://u:p@h", TargetError::Credentials),
            ("https://h/?a", TargetError::QueryOrFragment),
            ("https://h/#a", TargetError::QueryOrFragment),
        ] {
            assert_eq!(Target::parse(text).unwrap_err(), error, "{text}");
        }
    }

    #[test]
    fn an_issuer_without_tls_is_taken_on_loopback() {
        assert!(target("http://127.0.0.1:8411").is_plain());
        assert!(!target("https://127.0.0.1:8411").is_plain());
    }
}

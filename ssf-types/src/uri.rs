//! URIs that were checked once: issuers, endpoints and event types.
//!
//! The text is kept byte for byte, because issuers are compared that way (SSF 1.0 §7.2.4).

use std::fmt;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::event::Event;

/// Longest URI that is accepted, in bytes; servers rarely take longer ones.
pub const URI_BYTES_MAX: usize = 2048;

/// The text is not the URI that was asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UriError {
    /// The text has more than [`URI_BYTES_MAX`] bytes.
    #[error("a URI has at most {URI_BYTES_MAX} bytes")]
    TooLong,
    /// The text has a blank or a control character, which URL libraries skip and log lines break at.
    #[error("a URI has no blanks and no control characters")]
    Character,
    /// The text is not an absolute URI.
    #[error("this is not an absolute URI")]
    NotAbsolute,
    /// The scheme gives no protection on the way.
    #[error("the scheme must be https (http is for loopback addresses only)")]
    NotHttps,
    /// The URI has a user name or a password, which ends up in logs.
    #[error("the URI must not hold a user name or a password")]
    Credentials,
    /// The URI has a query where none is allowed.
    #[error("the URI must not have a query")]
    Query,
    /// The URI has a fragment where none is allowed.
    #[error("the URI must not have a fragment")]
    Fragment,
}

/// Whether `url` stays on this machine, so that plain `http` cannot be overheard.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn checked_uri(text: &str) -> Result<Url, UriError> {
    if text.len() > URI_BYTES_MAX {
        return Err(UriError::TooLong);
    }
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(UriError::Character);
    }
    Url::parse(text).map_err(|_| UriError::NotAbsolute)
}

fn checked_url(text: &str) -> Result<Url, UriError> {
    let url = checked_uri(text)?;
    // Browsers mend `https:h`, `https:///h` and `https:\\h`; whoever compares bytes must not.
    let authority = text
        .get(url.scheme().len()..)
        .and_then(|rest| rest.strip_prefix("://"))
        .and_then(|rest| rest.split(['/', '?', '#']).next())
        .filter(|authority| !authority.is_empty() && !text.contains('\\'))
        .ok_or(UriError::NotAbsolute)?;
    if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(&url)) {
        return Err(UriError::NotHttps);
    }
    // An empty user name is dropped by the parser, and would be there in the text that is compared and sent on.
    if authority.contains('@') {
        return Err(UriError::Credentials);
    }
    if text.contains('#') {
        return Err(UriError::Fragment);
    }
    Ok(url)
}

/// Names a Transmitter: an `https` URL without query and fragment (SSF 1.0 §7.1).
///
/// `http` is accepted for loopback addresses, for development. At most [`URI_BYTES_MAX`] bytes. Equality is that of the
/// bytes: `https://h` and `https://h/` are two issuers.
///
/// ```
/// # use ssf_types::uri::{Issuer, UriError};
/// let issuer = Issuer::parse("https://tr.example.com")?;
/// assert_ne!(issuer, Issuer::parse("https://tr.example.com/")?);
/// assert_eq!(Issuer::parse("https://tr.example.com?a=b"), Err(UriError::Query));
/// # Ok::<(), UriError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Issuer(String);

impl Issuer {
    /// Checks `text`.
    ///
    /// # Errors
    /// Says which rule the text breaks.
    pub fn parse(text: impl Into<String>) -> Result<Self, UriError> {
        let text = text.into();
        checked_url(&text)?;
        if text.contains('?') {
            return Err(UriError::Query);
        }
        Ok(Self(text))
    }

    /// The issuer as it stands on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The issuer as a URL; parsing may normalise it, so never compare this.
    ///
    /// # Panics
    /// Never: [`Issuer::parse`] has parsed the same text.
    #[expect(clippy::expect_used, reason = "parse() accepted this very text")]
    pub fn to_url(&self) -> Url {
        Url::parse(&self.0).expect("an issuer is a URL")
    }
}

/// Where requests go: an `https` URL without fragment and credentials; a query is allowed (SSF 1.0 §7.1).
///
/// `http` is accepted for loopback addresses, for development. At most [`URI_BYTES_MAX`] bytes. Printing it for debugging
/// shows scheme and host alone.
///
/// ```
/// # use ssf_types::uri::EndpointUrl;
/// let status = EndpointUrl::parse("https://tr.example.com/ssf/status?tenant=7")?;
/// assert_eq!(
///     status.with_query("stream_id", "f67e+39a0").as_str(),
///     "https://tr.example.com/ssf/status?tenant=7&stream_id=f67e%2B39a0"
/// );
/// # Ok::<(), ssf_types::uri::UriError>(())
/// ```
#[derive(Clone, Eq, Hash, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EndpointUrl {
    text: String,
    url: Url,
}

impl EndpointUrl {
    /// Checks `text`.
    ///
    /// # Errors
    /// Says which rule the text breaks.
    pub fn parse(text: impl Into<String>) -> Result<Self, UriError> {
        let text = text.into();
        let url = checked_url(&text)?;
        Ok(Self { text, url })
    }

    /// The URL as it stands on the wire.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The URL, for an HTTP client.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The host, which may be logged; path and query may hold secrets.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// This URL with one more query parameter, whether it has a query already or not (SSF 1.0 §8.1.1.2).
    pub fn with_query(&self, name: &str, value: &str) -> Url {
        let mut url = self.url.clone();
        url.query_pairs_mut().append_pair(name, value);
        url
    }
}

impl fmt::Debug for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EndpointUrl({}://{}/…)", self.url.scheme(), self.host())
    }
}

/// Names an event type: an absolute URI of any scheme and at most [`URI_BYTES_MAX`] bytes (RFC 8417 §2.2).
///
/// Types are compared byte for byte.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventTypeUri(String);

impl EventTypeUri {
    /// Checks `text`.
    ///
    /// # Errors
    /// Says which rule the text breaks.
    pub fn parse(text: impl Into<String>) -> Result<Self, UriError> {
        let text = text.into();
        // Nearly all are of our own table, and parsing a URI costs more than looking there.
        if !Event::EVENT_TYPES.contains(&text.as_str()) {
            checked_uri(&text)?;
        }
        Ok(Self(text))
    }

    /// Takes a URI of our own event table, which needs no check.
    pub(crate) fn of_table(uri: &str) -> Self {
        Self(uri.to_owned())
    }

    /// The URI as it stands on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Issuer {
    type Error = UriError;

    fn try_from(text: String) -> Result<Self, UriError> {
        Self::parse(text)
    }
}

impl From<Issuer> for String {
    fn from(issuer: Issuer) -> Self {
        issuer.0
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for EndpointUrl {
    type Error = UriError;

    fn try_from(text: String) -> Result<Self, UriError> {
        Self::parse(text)
    }
}

impl From<EndpointUrl> for String {
    fn from(endpoint: EndpointUrl) -> Self {
        endpoint.text
    }
}

impl TryFrom<String> for EventTypeUri {
    type Error = UriError;

    fn try_from(text: String) -> Result<Self, UriError> {
        Self::parse(text)
    }
}

impl From<EventTypeUri> for String {
    fn from(uri: EventTypeUri) -> Self {
        uri.0
    }
}

impl fmt::Display for EventTypeUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_of_our_own_table_is_a_uri() {
        for uri in Event::EVENT_TYPES {
            assert!(checked_uri(uri).is_ok(), "{uri}");
        }
    }

    #[test]
    fn an_issuer_keeps_its_bytes() {
        let issuer = Issuer::parse("https://TR.example.com/a/").unwrap();
        assert_eq!(issuer.as_str(), "https://TR.example.com/a/");
        assert_ne!(issuer, Issuer::parse("https://tr.example.com/a/").unwrap());
    }

    #[test]
    fn an_issuer_without_tls_is_for_loopback_only() {
        assert!(Issuer::parse("http://127.0.0.1:8411").is_ok());
        assert!(Issuer::parse("http://[::1]:8411").is_ok());
        assert!(Issuer::parse("http://localhost:8411").is_ok());
        assert_eq!(
            Issuer::parse("http://tr.example.com"),
            Err(UriError::NotHttps)
        );
        assert_eq!(
            Issuer::parse("http://127.0.0.1.example.com"),
            Err(UriError::NotHttps)
        );
    }

    #[test]
    fn an_issuer_has_neither_query_nor_fragment() {
        assert_eq!(
            Issuer::parse("https://tr.example.com/?a=b"),
            Err(UriError::Query)
        );
        assert_eq!(
            Issuer::parse("https://tr.example.com/#a"),
            Err(UriError::Fragment)
        );
        assert_eq!(
            Issuer::parse("https://tr.example.com/?"),
            Err(UriError::Query)
        );
    }

    #[test]
    fn a_url_with_credentials_is_refused_be_they_empty() {
        for text in [
            "https://u:p@rp.example.com/",
            "https://u@rp.example.com",
            "https://@rp.example.com",
            "https://:@rp.example.com?a=b",
        ] {
            assert_eq!(EndpointUrl::parse(text), Err(UriError::Credentials));
        }
        assert!(EndpointUrl::parse("https://rp.example.com/@alice?to=bob@example.com").is_ok());
    }

    #[test]
    fn text_that_a_browser_would_mend_is_refused() {
        for text in [
            " https://tr.example.com",
            "https://tr.example.com\n",
            "https://tr.exa\tmple.com",
            "https://tr.example.com/a b",
            "https://tr.example.com/\u{0}",
        ] {
            assert_eq!(Issuer::parse(text), Err(UriError::Character), "{text:?}");
            assert_eq!(EventTypeUri::parse(text), Err(UriError::Character));
        }
        for text in [
            "https:tr.example.com",
            "https:/tr.example.com",
            "https:/tr.example.com/://",
            "https:///tr.example.com",
            "https:\\\\tr.example.com",
            "https://tr.example.com\\a",
        ] {
            assert_eq!(Issuer::parse(text), Err(UriError::NotAbsolute), "{text:?}");
            assert_eq!(EndpointUrl::parse(text), Err(UriError::NotAbsolute));
        }
    }

    #[test]
    fn a_uri_has_at_most_2048_bytes() {
        let uri = |length: usize| format!("urn:a:{}", "x".repeat(length - 6));
        assert!(EventTypeUri::parse(uri(2048)).is_ok());
        assert_eq!(EventTypeUri::parse(uri(2049)), Err(UriError::TooLong));
    }

    #[test]
    fn printing_an_endpoint_for_debugging_hides_path_and_query() {
        let endpoint = EndpointUrl::parse("https://rp.example.com/push/s3cret?k=s3cret").unwrap();
        assert!(!format!("{endpoint:?}").contains("s3cret"));
    }

    #[test]
    fn a_query_parameter_is_added_to_a_url_that_has_a_query_already() {
        let endpoint = EndpointUrl::parse("https://tr.example.com/status?v=1").unwrap();
        assert_eq!(
            endpoint.with_query("stream_id", "a+/=").as_str(),
            "https://tr.example.com/status?v=1&stream_id=a%2B%2F%3D"
        );
    }

    #[test]
    fn an_event_type_is_an_absolute_uri() {
        assert!(EventTypeUri::parse("urn:example:event").is_ok());
        assert_eq!(
            EventTypeUri::parse("session-revoked"),
            Err(UriError::NotAbsolute)
        );
    }
}

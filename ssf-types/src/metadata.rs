//! What a Transmitter tells about itself, and where (SSF 1.0 §7).

use serde::Serialize;
use url::Url;

use crate::{
    json::{self, JsonError, Members},
    uri::{EndpointUrl, Issuer},
};

/// The path segment under which metadata is found (SSF 1.0 §7.2).
pub const WELL_KNOWN: &str = "/.well-known/ssf-configuration";

/// The version that this crate implements, as `spec_version` says it.
pub const SPEC_VERSION: &str = "1_0";

/// What `spec_version` means when it is absent (SSF 1.0 §7.1).
pub const SPEC_VERSION_DEFAULT: &str = "1_0-ID1";

/// Where the metadata of `issuer` is: the well-known segment goes behind the authority, in front of the issuer's path,
/// which loses its last slash (SSF 1.0 §7.2.1).
///
/// ```
/// # use ssf_types::{metadata::well_known_url, uri::Issuer};
/// let issuer = Issuer::parse("https://tr.example.com/issuer1/")?;
/// assert_eq!(
///     well_known_url(&issuer).as_str(),
///     "https://tr.example.com/.well-known/ssf-configuration/issuer1"
/// );
/// # Ok::<(), ssf_types::uri::UriError>(())
/// ```
pub fn well_known_url(issuer: &Issuer) -> Url {
    let mut url = issuer.to_url();
    url.set_path(&well_known_path(issuer));
    url
}

/// The path of [`well_known_url`], for a Transmitter's routes.
pub fn well_known_path(issuer: &Issuer) -> String {
    let url = issuer.to_url();
    let path = url.path();
    format!("{WELL_KNOWN}{}", path.strip_suffix('/').unwrap_or(path))
}

/// A Transmitter's metadata (SSF 1.0 §7.1). Lists that would be empty are left out.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TransmitterMetadata {
    /// The version that is implemented; absent means [`SPEC_VERSION_DEFAULT`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec_version: Option<String>,
    /// The issuer, byte for byte.
    pub issuer: Issuer,
    /// Where the public keys are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<EndpointUrl>,
    /// URNs of the delivery methods.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub delivery_methods_supported: Vec<String>,
    /// Where streams are created, read, changed and deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configuration_endpoint: Option<EndpointUrl>,
    /// Where the status of streams is read and changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_endpoint: Option<EndpointUrl>,
    /// Where subjects are added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub add_subject_endpoint: Option<EndpointUrl>,
    /// Where subjects are removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remove_subject_endpoint: Option<EndpointUrl>,
    /// Where verification is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification_endpoint: Option<EndpointUrl>,
    /// Members of complex subjects that a Receiver has to understand.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub critical_subject_members: Vec<String>,
    /// How management requests are authorised.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authorization_schemes: Vec<AuthorizationScheme>,
    /// What a new stream covers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_subjects: Option<DefaultSubjects>,
}

/// One way of authorising management requests (SSF 1.0 §7.1.1).
#[derive(Clone, Debug, Eq, PartialEq, Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct AuthorizationScheme {
    /// `urn:ietf:rfc:6749`, for example.
    pub spec_urn: String,
}

impl AuthorizationScheme {
    /// Bearer tokens (RFC 6750).
    pub fn bearer() -> Self {
        Self {
            spec_urn: "urn:ietf:rfc:6750".to_owned(),
        }
    }
}

/// Which subjects a new stream covers (SSF 1.0 §7.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum DefaultSubjects {
    /// All that are appropriate for the stream.
    All,
    /// None until they are added.
    None,
}

impl TransmitterMetadata {
    /// Tells the issuer and the version.
    pub fn new(issuer: Issuer) -> Self {
        Self {
            spec_version: Some(SPEC_VERSION.to_owned()),
            issuer,
            jwks_uri: None,
            delivery_methods_supported: Vec::new(),
            configuration_endpoint: None,
            status_endpoint: None,
            add_subject_endpoint: None,
            remove_subject_endpoint: None,
            verification_endpoint: None,
            critical_subject_members: Vec::new(),
            authorization_schemes: Vec::new(),
            default_subjects: None,
        }
    }

    /// Reads a metadata document and checks that it is that of `issuer` (SSF 1.0 §7.2.4).
    ///
    /// # Errors
    /// Says which member is wrong; `issuer` is if it is not, byte for byte, the one that was asked.
    pub fn parse(body: &[u8], issuer: &Issuer) -> Result<Self, JsonError> {
        let mut members = Members::parse(json::check(body)?)?;
        let found: String = members.required("issuer", "a string")?;
        if found != issuer.as_str() {
            return Err(JsonError::invalid(
                "issuer",
                "byte for byte the issuer whose metadata was asked for",
            ));
        }
        let urls = "an https URL without credentials and fragment";
        let strings = "an array of strings";
        let mut endpoint = |name| members.optional(name, urls);
        Ok(Self {
            jwks_uri: endpoint("jwks_uri")?,
            configuration_endpoint: endpoint("configuration_endpoint")?,
            status_endpoint: endpoint("status_endpoint")?,
            add_subject_endpoint: endpoint("add_subject_endpoint")?,
            remove_subject_endpoint: endpoint("remove_subject_endpoint")?,
            verification_endpoint: endpoint("verification_endpoint")?,
            issuer: issuer.clone(),
            spec_version: members.optional("spec_version", "a string")?,
            delivery_methods_supported: members
                .optional("delivery_methods_supported", strings)?
                .unwrap_or_default(),
            critical_subject_members: members
                .optional("critical_subject_members", strings)?
                .unwrap_or_default(),
            authorization_schemes: members
                .optional("authorization_schemes", "an array of objects with spec_urn")?
                .unwrap_or_default(),
            default_subjects: members.optional("default_subjects", "ALL or NONE")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer(text: &str) -> Issuer {
        Issuer::parse(text).unwrap()
    }

    #[test]
    fn the_well_known_segment_goes_in_front_of_the_issuers_path() {
        for (text, url) in [
            (
                "https://tr.example.com",
                "https://tr.example.com/.well-known/ssf-configuration",
            ),
            (
                "https://tr.example.com/",
                "https://tr.example.com/.well-known/ssf-configuration",
            ),
            (
                "https://tr.example.com/a/b",
                "https://tr.example.com/.well-known/ssf-configuration/a/b",
            ),
            (
                "https://tr.example.com/a/",
                "https://tr.example.com/.well-known/ssf-configuration/a",
            ),
            (
                "http://127.0.0.1:8411/a",
                "http://127.0.0.1:8411/.well-known/ssf-configuration/a",
            ),
        ] {
            assert_eq!(well_known_url(&issuer(text)).as_str(), url);
        }
    }

    #[test]
    fn metadata_survives_a_round_trip() {
        let json = r#"{"spec_version":"1_0","issuer":"https://tr.example.com","jwks_uri":"https://tr.example.com/jwks.json","delivery_methods_supported":["urn:ietf:rfc:8935"],"configuration_endpoint":"https://tr.example.com/ssf/mgmt/stream","critical_subject_members":["tenant","user"],"authorization_schemes":[{"spec_urn":"urn:ietf:rfc:6749"}],"default_subjects":"NONE"}"#;
        let metadata =
            TransmitterMetadata::parse(json.as_bytes(), &issuer("https://tr.example.com")).unwrap();
        assert_eq!(serde_json::to_string(&metadata).unwrap(), json);
    }

    #[test]
    fn metadata_of_another_issuer_is_refused() {
        let json = br#"{"issuer":"https://tr.example.com/"}"#;
        assert!(TransmitterMetadata::parse(json, &issuer("https://tr.example.com/")).is_ok());
        assert!(TransmitterMetadata::parse(json, &issuer("https://tr.example.com")).is_err());
    }

    #[test]
    fn an_endpoint_without_tls_is_refused() {
        let json =
            br#"{"issuer":"https://tr.example.com","jwks_uri":"http://tr.example.com/jwks.json"}"#;
        let error =
            TransmitterMetadata::parse(json, &issuer("https://tr.example.com")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "jwks_uri must be an https URL without credentials and fragment"
        );
    }

    #[test]
    fn unknown_members_are_ignored_and_a_bare_string_is_no_array() {
        let parse = |json: &str| {
            TransmitterMetadata::parse(json.as_bytes(), &issuer("https://tr.example.com"))
        };
        assert!(parse(r#"{"issuer":"https://tr.example.com","x_foo":1}"#).is_ok());
        assert!(parse(r#"{"issuer":"https://tr.example.com","delivery_methods_supported":"urn:ietf:rfc:8935"}"#).is_err());
    }
}

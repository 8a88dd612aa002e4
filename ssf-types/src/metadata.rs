//! What a Transmitter tells about itself, and where (SSF 1.0 §7).

mod scheme;
mod version;
mod well_known;

use serde::Serialize;
use serde_json::value::RawValue;

pub use self::{
    scheme::AuthorizationScheme,
    version::SpecVersion,
    well_known::{WELL_KNOWN, WellKnown},
};
use crate::{
    json::{self, Extra, JsonError, Members, closed_list},
    subject::MEMBER_NAME_BYTES_MAX,
    uri::{EndpointUrl, Issuer, URI_BYTES_MAX},
};

/// Most items in one list of the metadata; the lists of SSF 1.0 have use for ten.
pub const LIST_MAX: usize = 64;

/// Longest `spec_version` that is accepted, in bytes; `1_0-ID3` has seven.
pub const SPEC_VERSION_BYTES_MAX: usize = 64;

/// A Transmitter's metadata (SSF 1.0 §7.1).
///
/// On the wire one JSON object in `application/json`. A list without items is left out (SSF 1.0 §7.2.3). What a Transmitter
/// does not offer, it does not name.
///
/// ```
/// # use ssf_types::{metadata::{SpecVersion, TransmitterMetadata}, uri::Issuer};
/// let issuer = Issuer::parse("https://tr.example.com")?;
/// let body = br#"{"issuer":"https://tr.example.com","jwks_uri":"https://tr.example.com/jwks.json"}"#;
/// let metadata = TransmitterMetadata::parse(body, &issuer)?;
/// assert_eq!(metadata.version(), SpecVersion::WHEN_ABSENT);
/// assert_eq!(metadata.status_endpoint, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TransmitterMetadata {
    /// The version that is implemented; [`version`](Self::version) knows what its absence means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec_version: Option<SpecVersion>,
    /// The issuer: byte for byte the `iss` of streams and SETs.
    pub issuer: Issuer,
    /// Where the public keys are; a Transmitter that signs has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<EndpointUrl>,
    /// URNs of the delivery methods, such as [`DELIVERY_PUSH`](crate::stream::DELIVERY_PUSH).
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
    /// Members of complex subjects that a Receiver has to understand, or else discard the event (SSF 1.0 §3.6).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub critical_subject_members: Vec<String>,
    /// How management requests, and polls, are authorised.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authorization_schemes: Vec<AuthorizationScheme>,
    /// What a new stream covers; without it, nothing is known about that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_subjects: Option<DefaultSubjects>,
    /// Members that SSF 1.0 does not define.
    #[serde(flatten)]
    pub extra: Extra,
    /// Lists that were there without items, against SSF 1.0 §7.2.3; they are read as absent, and never written.
    #[serde(skip)]
    pub empty_lists: Vec<&'static str>,
}

closed_list! {
    /// Which subjects a new stream covers (SSF 1.0 §7.1). Written and read in upper case only.
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    pub enum DefaultSubjects {
        /// All that are appropriate for the stream.
        All = "ALL",
        /// None until they are added.
        None = "NONE",
    }
}

impl TransmitterMetadata {
    /// Tells the issuer and the version, [`SpecVersion::SSF_1_0`].
    pub fn new(issuer: Issuer) -> Self {
        Self {
            spec_version: Some(SpecVersion::SSF_1_0),
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
            extra: Extra::default(),
            empty_lists: Vec::new(),
        }
    }

    /// The version that is implemented, be it said or not.
    pub fn version(&self) -> SpecVersion {
        let said = self.spec_version.clone();
        said.unwrap_or(SpecVersion::WHEN_ABSENT)
    }

    /// Reads a metadata document and checks that it is that of `issuer` (SSF 1.0 §7.2.4).
    ///
    /// # Errors
    /// Says which member is wrong; `issuer` is if it is not, byte for byte, the one that was asked.
    pub fn parse(body: &[u8], issuer: &Issuer) -> Result<Self, JsonError> {
        let mut members = Members::parse(json::check(body)?)?;
        let found: String = members.required("issuer", "a string")?;
        same_issuer(&found, issuer)?;
        let mut lists = Lists(Vec::new());
        let methods = lists.strings(&mut members, "delivery_methods_supported", URI_BYTES_MAX)?;
        let critical = lists.strings(
            &mut members,
            "critical_subject_members",
            MEMBER_NAME_BYTES_MAX,
        )?;
        let schemes = lists.take(&mut members, "authorization_schemes", |raw, at| {
            AuthorizationScheme::read(raw.get()).map_err(|error| error.within(at))
        })?;
        let urls = "an https URL without credentials and fragment";
        let mut endpoint = |name| members.optional(name, urls);
        Ok(Self {
            issuer: issuer.clone(),
            jwks_uri: endpoint("jwks_uri")?,
            configuration_endpoint: endpoint("configuration_endpoint")?,
            status_endpoint: endpoint("status_endpoint")?,
            add_subject_endpoint: endpoint("add_subject_endpoint")?,
            remove_subject_endpoint: endpoint("remove_subject_endpoint")?,
            verification_endpoint: endpoint("verification_endpoint")?,
            spec_version: spec_version(&mut members)?,
            delivery_methods_supported: methods,
            critical_subject_members: critical,
            authorization_schemes: schemes,
            default_subjects: members.optional("default_subjects", "ALL or NONE")?,
            extra: members.rest(),
            empty_lists: lists.0,
        })
    }
}

/// Whether the document is that of the issuer that was asked; a slash too many is told, because it is the usual fault.
fn same_issuer(found: &str, asked: &Issuer) -> Result<(), JsonError> {
    let asked = asked.as_str();
    if found == asked {
        return Ok(());
    }
    let slash_alone =
        found.strip_suffix('/').unwrap_or(found) == asked.strip_suffix('/').unwrap_or(asked);
    let expected = if slash_alone {
        "byte for byte the issuer whose metadata was asked for; they differ in the slash at the end alone"
    } else {
        "byte for byte the issuer whose metadata was asked for"
    };
    Err(JsonError::invalid("issuer", expected))
}

fn spec_version(members: &mut Members<'_>) -> Result<Option<SpecVersion>, JsonError> {
    let expected = "a string of at most 64 bytes";
    let text: Option<String> = members.optional("spec_version", expected)?;
    if text
        .as_ref()
        .is_some_and(|text| text.len() > SPEC_VERSION_BYTES_MAX)
    {
        return Err(JsonError::invalid("spec_version", expected));
    }
    Ok(text.map(SpecVersion::from))
}

/// Takes lists out, and remembers which were empty.
struct Lists(Vec<&'static str>);

impl Lists {
    /// Takes out a list whose items `read` reads; it gets an item and the item's place, for its errors.
    fn take<T>(
        &mut self,
        members: &mut Members<'_>,
        name: &'static str,
        read: impl Fn(&RawValue, &str) -> Result<T, JsonError>,
    ) -> Result<Vec<T>, JsonError> {
        let Some(raw) = members.take(name) else {
            return Ok(Vec::new());
        };
        let items: Vec<&RawValue> = serde_json::from_str(raw.get())
            .ok()
            .filter(|items: &Vec<_>| items.len() <= LIST_MAX)
            .ok_or_else(|| JsonError::invalid(name, "an array of at most 64 items"))?;
        if items.is_empty() {
            self.0.push(name);
        }
        let item = |(at, item): (usize, &&RawValue)| {
            read(item, &at.to_string()).map_err(|error| error.within(name))
        };
        items.iter().enumerate().map(item).collect()
    }

    fn strings(
        &mut self,
        members: &mut Members<'_>,
        name: &'static str,
        bytes_max: usize,
    ) -> Result<Vec<String>, JsonError> {
        self.take(members, name, |raw, at| {
            serde_json::from_str(raw.get())
                .ok()
                .filter(|text: &String| (1..=bytes_max).contains(&text.len()))
                .ok_or_else(|| {
                    let expected = format!("a string of 1 to {bytes_max} bytes");
                    JsonError::invalid(at, expected)
                })
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn issuer() -> Issuer {
        Issuer::parse("https://tr.example.com").unwrap()
    }

    fn parse(members: &str) -> Result<TransmitterMetadata, String> {
        let json = format!(r#"{{"issuer":"https://tr.example.com"{members}}}"#);
        TransmitterMetadata::parse(json.as_bytes(), &issuer()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_document_of_ssf_1_0_survives_a_round_trip() {
        let json = r#"{"spec_version":"1_0","issuer":"https://tr.example.com","jwks_uri":"https://tr.example.com/jwks.json","delivery_methods_supported":["urn:ietf:rfc:8935","urn:ietf:rfc:8936"],"configuration_endpoint":"https://tr.example.com/ssf/mgmt/stream","status_endpoint":"https://tr.example.com/ssf/mgmt/status","add_subject_endpoint":"https://tr.example.com/ssf/mgmt/subject:add","remove_subject_endpoint":"https://tr.example.com/ssf/mgmt/subject:remove","verification_endpoint":"https://tr.example.com/ssf/mgmt/verification","critical_subject_members":["tenant","user"],"authorization_schemes":[{"spec_urn":"urn:ietf:rfc:6749"},{"spec_urn":"urn:ietf:rfc:8705"}],"default_subjects":"NONE"}"#;
        let metadata = TransmitterMetadata::parse(json.as_bytes(), &issuer()).unwrap();
        assert_eq!(metadata.version(), SpecVersion::SSF_1_0);
        assert_eq!(
            metadata.authorization_schemes,
            [
                AuthorizationScheme::oauth(),
                AuthorizationScheme::mutual_tls()
            ]
        );
        assert_eq!(metadata.default_subjects, Some(DefaultSubjects::None));
        assert_eq!(serde_json::to_string(&metadata).unwrap(), json);
    }

    #[test]
    fn the_default_subjects_are_all_or_none() {
        let subjects = |json: &str| serde_json::from_str::<DefaultSubjects>(json).ok();
        assert_eq!(subjects(r#""ALL""#), Some(DefaultSubjects::All));
        assert_eq!(subjects(r#""NONE""#), Some(DefaultSubjects::None));
        for json in [r#""all""#, r#""SOME""#, r#"{"ALL":null}"#, "null"] {
            assert_eq!(subjects(json), None, "{json}");
        }
    }

    #[test]
    fn metadata_of_another_issuer_is_refused() {
        for other in ["https://TR.example.com", "https://tr.example.com:443"] {
            let json = format!(r#"{{"issuer":"{other}"}}"#);
            let error = TransmitterMetadata::parse(json.as_bytes(), &issuer()).unwrap_err();
            assert_eq!(
                error.to_string(),
                "issuer must be byte for byte the issuer whose metadata was asked for"
            );
        }
    }

    #[test]
    fn a_slash_too_many_is_told() {
        let json = br#"{"issuer":"https://tr.example.com/"}"#;
        let error = TransmitterMetadata::parse(json, &issuer()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "issuer must be byte for byte the issuer whose metadata was asked for; they differ in the slash at the end alone"
        );
    }

    #[test]
    fn an_issuer_with_a_slash_at_its_end_is_one_of_its_own() {
        let issuer = Issuer::parse("https://tr.example.com/").unwrap();
        let json = br#"{"issuer":"https://tr.example.com/"}"#;
        assert_eq!(
            TransmitterMetadata::parse(json, &issuer).unwrap().issuer,
            issuer
        );
    }

    #[test]
    fn an_endpoint_without_tls_is_refused() {
        for member in [
            "jwks_uri",
            "configuration_endpoint",
            "status_endpoint",
            "add_subject_endpoint",
            "remove_subject_endpoint",
            "verification_endpoint",
        ] {
            assert_eq!(
                parse(&format!(r#","{member}":"http://tr.example.com/x""#)),
                Err(format!(
                    "{member} must be an https URL without credentials and fragment"
                ))
            );
        }
    }

    #[test]
    fn without_a_version_the_first_draft_is_meant() {
        assert_eq!(parse("").unwrap().spec_version, None);
        assert_eq!(parse("").unwrap().version(), SpecVersion::WHEN_ABSENT);
        let long = format!(r#","spec_version":"{}""#, "1".repeat(65));
        assert_eq!(
            parse(&long),
            Err("spec_version must be a string of at most 64 bytes".into())
        );
    }

    #[test]
    fn empty_lists_are_read_told_and_not_written() {
        let metadata =
            parse(r#","authorization_schemes":[],"delivery_methods_supported":[]"#).unwrap();
        assert_eq!(
            metadata.empty_lists,
            ["delivery_methods_supported", "authorization_schemes"]
        );
        assert_eq!(
            serde_json::to_string(&metadata).unwrap(),
            r#"{"issuer":"https://tr.example.com"}"#
        );
    }

    #[test]
    fn members_that_are_not_defined_keep_their_bytes() {
        let members = r#","authorization_schemes":[{"spec_urn":"urn:ietf:rfc:6749","x_url":"https://as.example"}],"x_foo":{"b":1.0,"a":1e2}"#;
        let metadata = parse(members).unwrap();
        assert_eq!(
            serde_json::to_string(&metadata).unwrap(),
            format!(r#"{{"issuer":"https://tr.example.com"{members}}}"#)
        );
    }

    #[test]
    fn a_wrong_member_is_named_with_its_place() {
        for (members, expected) in [
            (
                r#","delivery_methods_supported":"urn:ietf:rfc:8935""#,
                "delivery_methods_supported must be an array of at most 64 items",
            ),
            (
                r#","delivery_methods_supported":["urn:ietf:rfc:8935",""]"#,
                "delivery_methods_supported.1 must be a string of 1 to 2048 bytes",
            ),
            (
                r#","critical_subject_members":[7]"#,
                "critical_subject_members.0 must be a string of 1 to 64 bytes",
            ),
            (
                r#","authorization_schemes":[{}]"#,
                "authorization_schemes.0.spec_urn is missing",
            ),
            (
                r#","authorization_schemes":["urn:ietf:rfc:6749"]"#,
                "authorization_schemes.0 must be an object",
            ),
            (
                r#","default_subjects":"all""#,
                "default_subjects must be ALL or NONE",
            ),
        ] {
            assert_eq!(parse(members), Err(expected.to_owned()));
        }
    }

    #[test]
    fn a_list_has_at_most_64_items() {
        let list = |count: usize| {
            format!(
                r#","critical_subject_members":[{}]"#,
                vec![r#""user""#; count].join(",")
            )
        };
        assert_eq!(parse(&list(64)).unwrap().critical_subject_members.len(), 64);
        assert_eq!(
            parse(&list(65)),
            Err("critical_subject_members must be an array of at most 64 items".into())
        );
    }

    prop_compose! {
        fn any_endpoint()(path in prop::option::of("/[a-z0-9/:]{0,12}")) -> Option<EndpointUrl> {
            path.map(|path| EndpointUrl::parse(format!("https://tr.example.com{path}")).unwrap())
        }
    }

    proptest! {
        #[test]
        fn metadata_survives_a_round_trip(
            endpoints in prop::collection::vec(any_endpoint(), 6),
            version in prop::option::of("[0-9]_[0-9](-ID[0-9])?|[a-z]{0,9}"),
            methods in prop::collection::vec("\\PC{1,20}", 0..4),
            critical in prop::collection::vec("[a-z_]{1,20}", 0..4),
            schemes in prop::collection::vec("urn:[a-z0-9:]{1,20}", 0..4),
            default_subjects in prop::option::of(prop::sample::select(vec![DefaultSubjects::All, DefaultSubjects::None])),
        ) {
            let mut metadata = TransmitterMetadata::new(issuer());
            let mut endpoints = endpoints.into_iter();
            metadata.jwks_uri = endpoints.next().unwrap();
            metadata.configuration_endpoint = endpoints.next().unwrap();
            metadata.status_endpoint = endpoints.next().unwrap();
            metadata.add_subject_endpoint = endpoints.next().unwrap();
            metadata.remove_subject_endpoint = endpoints.next().unwrap();
            metadata.verification_endpoint = endpoints.next().unwrap();
            metadata.spec_version = version.map(SpecVersion::from);
            metadata.delivery_methods_supported = methods;
            metadata.critical_subject_members = critical;
            metadata.authorization_schemes = schemes.into_iter().map(AuthorizationScheme::new).collect();
            metadata.default_subjects = default_subjects;
            let json = serde_json::to_vec(&metadata).unwrap();
            prop_assert_eq!(TransmitterMetadata::parse(&json, &issuer()), Ok(metadata));
        }
    }
}

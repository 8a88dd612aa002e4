//! Subjects: who or what an event is about (RFC 9493, SSF 1.0 §3).

mod address;
mod build;
pub mod canonical;
mod format;
pub mod matching;
mod other;
#[cfg(test)]
mod properties;
mod rules;
mod value;

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeMap};
use serde_json::value::RawValue;

pub(crate) use self::value::value_form;
pub use self::{
    format::SimpleSubject,
    other::{OTHER_SUBJECT_BYTES_MAX, OtherSubject},
    rules::{SUBJECT_BYTES_MAX, SUBJECT_LIST_MAX},
};
use crate::json::{self, JsonError, Members};

/// The members of a complex subject that SSF 1.0 §3.3 names, in its order. Others may be agreed.
pub const COMPLEX_MEMBERS: [&str; 7] = [
    "user",
    "device",
    "session",
    "application",
    "tenant",
    "org_unit",
    "group",
];

/// Most members of a complex subject, those that the specification does not name included.
pub const COMPLEX_MEMBERS_MAX: usize = 16;

/// Longest name of a member of a complex subject, in bytes.
pub const MEMBER_NAME_BYTES_MAX: usize = 64;

/// A subject identifier: simple, or complex (SSF 1.0 §3.1.4).
///
/// On the wire it is a JSON object whose `format` tells how to read the rest. Members that the format does not
/// define are ignored (SSF 1.0 §4.2.3). Printing it for debugging shows formats and no identifiers.
///
/// ```
/// use ssf_types::subject::Subject;
///
/// let json = r#"{"format":"complex","user":{"format":"email","email":"bar@example.com"}}"#;
/// let subject: Subject = serde_json::from_str(json)?;
/// assert_eq!(serde_json::to_string(&subject)?, json);
/// assert_eq!(format!("{subject:?}"), r#"complex {"user": email(…)}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub enum Subject {
    /// One identifier of one principal.
    Simple(SimpleSubject),
    /// Several principals taken together, such as a user on a device.
    Complex(ComplexSubject),
}

impl Subject {
    /// Reads a subject from the text of a JSON object that [`json::check`] has passed.
    ///
    /// # Errors
    /// Names the faulty member, never its value.
    pub fn read(json: &str) -> Result<Self, JsonError> {
        let mut members = Members::parse(json)?;
        let format: String = members.required("format", "a string")?;
        if format == ComplexSubject::FORMAT {
            return ComplexSubject::read(members).map(Self::Complex);
        }
        SimpleSubject::read(&format, members, json).map(Self::Simple)
    }

    /// Checks the rules of every format in it, which a subject that was read obeys and one that was put together may not.
    ///
    /// # Errors
    /// Names the faulty member, never its value.
    pub fn check(&self) -> Result<(), JsonError> {
        match self {
            Self::Simple(simple) => simple.check(),
            Self::Complex(complex) => complex
                .members()
                .try_for_each(|(name, member)| member.check().map_err(|error| error.within(name))),
        }
    }

    /// The value of `format`.
    pub fn format(&self) -> &str {
        match self {
            Self::Simple(simple) => simple.format(),
            Self::Complex(_) => ComplexSubject::FORMAT,
        }
    }

    /// The subject of the SSF framework events: the stream itself (SSF 1.0 §8.1.4.1, §8.1.5).
    pub fn stream(id: &crate::id::StreamId) -> Self {
        Self::Simple(SimpleSubject::Opaque {
            id: id.as_str().to_owned(),
        })
    }
}

/// A complex subject: a conjunction of simple ones, by member name (SSF 1.0 §3.3).
///
/// ```
/// use ssf_types::subject::{ComplexSubject, SimpleSubject};
///
/// let laptop = ComplexSubject::new([
///     ("user", SimpleSubject::email("bar@example.com")?),
///     ("device", SimpleSubject::iss_sub("https://mdm.example.com", "e9297990")?),
/// ])?;
/// assert_eq!(laptop.member("user").map(SimpleSubject::format), Some("email"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct ComplexSubject(BTreeMap<String, SimpleSubject>);

/// The complex subject has too few or too many members, or one with an impossible name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "a complex subject has 1 to {COMPLEX_MEMBERS_MAX} members, no two of one name, none called format"
)]
pub struct ComplexSubjectError;

impl ComplexSubject {
    /// The value of `format`.
    pub const FORMAT: &'static str = "complex";

    /// Makes a complex subject from members such as `("user", …)`.
    ///
    /// # Errors
    /// There are no members, more than [`COMPLEX_MEMBERS_MAX`], two of one name, or one whose name is `format`, empty or
    /// too long.
    pub fn new<N: Into<String>>(
        members: impl IntoIterator<Item = (N, SimpleSubject)>,
    ) -> Result<Self, ComplexSubjectError> {
        let mut complex = BTreeMap::new();
        for (name, subject) in members {
            let name: String = name.into();
            let fits = !name.is_empty() && name.len() <= MEMBER_NAME_BYTES_MAX && name != "format";
            // The later of two would hide the earlier one, and with it whom the event is about.
            let is_new = complex.insert(name, subject).is_none();
            if !fits || !is_new || complex.len() > COMPLEX_MEMBERS_MAX {
                return Err(ComplexSubjectError);
            }
        }
        if complex.is_empty() {
            return Err(ComplexSubjectError);
        }
        Ok(Self(complex))
    }

    fn read(members: Members<'_>) -> Result<Self, JsonError> {
        let faulty = || {
            let expected = "that of a subject with 1 to 16 members, if it is complex";
            JsonError::invalid("format", expected)
        };
        let mut read = Vec::new();
        for (name, raw) in members {
            // Before a name without end gets into an error.
            if name.len() > MEMBER_NAME_BYTES_MAX || read.len() == COMPLEX_MEMBERS_MAX {
                return Err(faulty());
            }
            let member =
                SimpleSubject::read_json(raw.get()).map_err(|error| error.within(&name))?;
            read.push((name.into_owned(), member));
        }
        Self::new(read).map_err(|_| faulty())
    }

    /// The member `name`: one of [`COMPLEX_MEMBERS`] or another.
    pub fn member(&self, name: &str) -> Option<&SimpleSubject> {
        self.0.get(name)
    }

    /// All members, sorted by name.
    pub fn members(&self) -> impl Iterator<Item = (&str, &SimpleSubject)> {
        self.0
            .iter()
            .map(|(name, subject)| (name.as_str(), subject))
    }
}

impl From<OtherSubject> for SimpleSubject {
    fn from(other: OtherSubject) -> Self {
        Self::Other(other)
    }
}

impl From<OtherSubject> for Subject {
    fn from(other: OtherSubject) -> Self {
        Self::Simple(other.into())
    }
}

impl From<SimpleSubject> for Subject {
    fn from(simple: SimpleSubject) -> Self {
        Self::Simple(simple)
    }
}

impl From<ComplexSubject> for Subject {
    fn from(complex: ComplexSubject) -> Self {
        Self::Complex(complex)
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Simple(simple) => simple.fmt(f),
            Self::Complex(complex) => complex.fmt(f),
        }
    }
}

impl fmt::Debug for ComplexSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("complex ")?;
        f.debug_map().entries(&self.0).finish()
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Simple(simple) => simple.serialize(serializer),
            Self::Complex(complex) => complex.serialize(serializer),
        }
    }
}

impl Serialize for ComplexSubject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len() + 1))?;
        map.serialize_entry("format", Self::FORMAT)?;
        for (name, subject) in &self.0 {
            map.serialize_entry(name, subject)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        json::check(raw.get().as_bytes())
            .and_then(Self::read)
            .map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for SimpleSubject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        json::check(raw.get().as_bytes())
            .and_then(Self::read_json)
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(json: &str) {
        let subject: Subject = serde_json::from_str(json).unwrap();
        let expected: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_value(&subject).unwrap(), expected);
    }

    fn error(json: &str) -> String {
        Subject::read(json).unwrap_err().to_string()
    }

    #[test]
    fn every_format_survives_a_round_trip() {
        for json in [
            r#"{"format":"account","uri":"acct:user@example.com"}"#,
            r#"{"format":"email","email":"user@example.com"}"#,
            r#"{"format":"iss_sub","iss":"https://idp.example.com/","sub":"145234573"}"#,
            r#"{"format":"opaque","id":"11112222333344445555"}"#,
            r#"{"format":"phone_number","phone_number":"+12065550100"}"#,
            r#"{"format":"did","url":"did:example:123456/did/url/path?versionId=1"}"#,
            r#"{"format":"uri","uri":"urn:uuid:4e851e98-83c4-4743-a5da-150ecb53042f"}"#,
            r#"{"format":"aliases","identifiers":[{"format":"email","email":"a@b.example"},{"format":"opaque","id":"7"}]}"#,
            r#"{"format":"jwt_id","iss":"https://idp.example.com/123456789/","jti":"B70BA622"}"#,
            r#"{"format":"saml_assertion_id","issuer":"https://idp.example.com/","assertion_id":"_8e8dc5f6"}"#,
            r#"{"format":"ip-addresses","ip-addresses":["10.29.37.75","2001:0db8:0000:0000:0000:8a2e:0370:7334"]}"#,
            r#"{"format":"oauth_token","token_type":"refresh_token","token_identifier_alg":"hash_SHA256","token":"7265667265736820746F6B656E20737472696E67"}"#,
            r#"{"format":"oauth_client","client_id":"636C69656E74206964"}"#,
            r#"{"format":"scim","uri":"/Users/44f6142df96bd6ab61e7521d9","externalId":"jdoe"}"#,
            r#"{"format":"complex","user":{"format":"email","email":"bar@example.com"},"tenant":{"format":"iss_sub","iss":"https://example.com/idp1","sub":"1234"}}"#,
            r#"{"format":"catalog_item","catalog_id":"c0384/winter/2354122"}"#,
        ] {
            round_trip(json);
        }
    }

    #[test]
    fn a_subject_without_format_is_refused() {
        assert_eq!(
            error(r#"{"email":"user@example.com"}"#),
            "format is missing"
        );
        assert_eq!(error(r#"{"format":7}"#), "format must be a string");
    }

    #[test]
    fn required_members_are_there_and_not_empty() {
        assert_eq!(error(r#"{"format":"email"}"#), "email is missing");
        assert_eq!(
            error(r#"{"format":"opaque","id":""}"#),
            "id must be a string of 1 to 2048 bytes"
        );
        assert_eq!(
            error(r#"{"format":"opaque","id":null}"#),
            "id must be a string of 1 to 2048 bytes"
        );
        assert_eq!(
            error(r#"{"format":"iss_sub","iss":"https://idp.example.com"}"#),
            "sub is missing"
        );
    }

    #[test]
    fn identifiers_have_the_form_that_their_format_asks_for() {
        for json in [
            r#"{"format":"account","uri":"mailto:user@example.com"}"#,
            r#"{"format":"account","uri":"acct:user@example.com/path"}"#,
            r#"{"format":"account","uri":"acct:user@example.com?query"}"#,
            r#"{"format":"account","uri":"acct:user@example.com#fragment"}"#,
            r#"{"format":"email","email":"User <user@example.com>"}"#,
            r#"{"format":"email","email":"user"}"#,
            r#"{"format":"phone_number","phone_number":"+1 206 555 0100"}"#,
            r#"{"format":"phone_number","phone_number":"12065550100"}"#,
            r#"{"format":"did","url":"https://example.com"}"#,
            r#"{"format":"uri","uri":"no-scheme"}"#,
            r#"{"format":"uri","uri":" urn:example:7"}"#,
            r#"{"format":"uri","uri":"urn:exam\nple:7"}"#,
            r#"{"format":"account","uri":"acct:us er@example.com"}"#,
            r#"{"format":"did","url":"did:Example:7"}"#,
            r#"{"format":"did","url":"did:example:a b"}"#,
            r#"{"format":"ip-addresses","ip-addresses":"10.29.37.75"}"#,
            r#"{"format":"ip-addresses","ip-addresses":["10.29.37"]}"#,
            r#"{"format":"ip-addresses","ip-addresses":[]}"#,
            r#"{"format":"aliases","identifiers":[]}"#,
            r#"{"format":"aliases","identifiers":{}}"#,
            r#"{"format":"oauth_token","token_type":"id_token","token_identifier_alg":"plain","token":"7"}"#,
            r#"{"format":"oauth_token","token_type":"access_token","token_identifier_alg":"hash_","token":"7"}"#,
            r#"{"format":"oauth_token","token_type":"access_token","token_identifier_alg":"sha256","token":"7"}"#,
            r#"{"format":"oauth_token","token_type":"access_token","token_identifier_alg":"plain"}"#,
            r#"{"format":"oauth_client","client_id":""}"#,
            r#"{"format":"scim","externalId":"jdoe"}"#,
            r#"{"format":"scim","uri":"/Users/7","externalId":7}"#,
        ] {
            assert!(Subject::read(json).is_err(), "{json}");
        }
    }

    #[test]
    fn addresses_are_read_in_any_form_and_written_in_full() {
        for address in [
            "2001:db8::8a2e:370:7334",
            "2001:DB8:0:0:0:8A2E:370:7334",
            "2001:0db8:0000:0000:0000:8a2e:0370:7334",
            "2001:db8::8a2e:3.112.115.52",
        ] {
            let json = format!(r#"{{"format":"ip-addresses","ip-addresses":["{address}"]}}"#);
            assert_eq!(
                serde_json::to_string(&Subject::read(&json).unwrap()).unwrap(),
                r#"{"format":"ip-addresses","ip-addresses":["2001:0db8:0000:0000:0000:8a2e:0370:7334"]}"#
            );
        }
    }

    #[test]
    fn an_address_with_a_zone_says_nothing_to_another_machine() {
        let json = r#"{"format":"ip-addresses","ip-addresses":["fe80::1%2"]}"#;
        assert_eq!(
            error(json),
            "ip-addresses must be an array of 1 to 32 IP addresses"
        );
    }

    #[test]
    fn the_fault_of_an_alias_is_told_with_its_place() {
        assert_eq!(
            error(
                r#"{"format":"aliases","identifiers":[{"format":"opaque","id":"1"},{"format":"email"}]}"#
            ),
            "identifiers.1.email is missing"
        );
    }

    #[test]
    fn what_was_put_together_by_hand_can_be_checked() {
        let user = SimpleSubject::Email {
            email: "user".into(),
        };
        let complex = ComplexSubject::new([("user", user.clone())]).unwrap();
        assert_eq!(
            Subject::from(user).check().unwrap_err().to_string(),
            "email must be an address such as a@b.example"
        );
        assert_eq!(
            Subject::from(complex).check().unwrap_err().to_string(),
            "user.email must be an address such as a@b.example"
        );
        assert!(
            Subject::from(SimpleSubject::opaque("7").unwrap())
                .check()
                .is_ok()
        );
    }

    #[test]
    fn aliases_and_complex_subjects_do_not_nest() {
        assert!(Subject::read(
            r#"{"format":"aliases","identifiers":[{"format":"aliases","identifiers":[{"format":"opaque","id":"1"}]}]}"#
        )
        .is_err());
        assert!(Subject::read(
            r#"{"format":"complex","user":{"format":"complex","user":{"format":"opaque","id":"1"}}}"#
        )
        .is_err());
    }

    #[test]
    fn a_complex_subject_has_members_that_are_subjects() {
        assert!(Subject::read(r#"{"format":"complex"}"#).is_err());
        assert_eq!(
            error(r#"{"format":"complex","user":"x"}"#),
            "user must be an object"
        );
        assert_eq!(
            error(r#"{"format":"complex","user":{"format":"email"}}"#),
            "user.email is missing"
        );
    }

    #[test]
    fn a_complex_subject_has_few_members_with_short_names() {
        let name = "x".repeat(65);
        let long = error(&format!(r#"{{"format":"complex","{name}":7}}"#));
        assert!(!long.contains(&name), "{long}");
        let member = |n| format!(r#""m{n}":{{"format":"opaque","id":"1"}}"#);
        let complex = |count| {
            let members: Vec<String> = (0..count).map(member).collect();
            Subject::read(&format!(r#"{{"format":"complex",{}}}"#, members.join(",")))
        };
        assert!(complex(16).is_ok());
        assert!(complex(17).is_err());
    }

    #[test]
    fn a_complex_subject_has_each_member_once() {
        let id = |id: &str| SimpleSubject::opaque(id).unwrap();
        assert_eq!(
            ComplexSubject::new([("user", id("1")), ("user", id("2"))]),
            Err(ComplexSubjectError)
        );
        let none: [(&str, SimpleSubject); 0] = [];
        assert_eq!(ComplexSubject::new(none), Err(ComplexSubjectError));
    }

    #[test]
    fn lists_and_strings_end_somewhere() {
        let id = "x".repeat(2049);
        assert!(Subject::read(&format!(r#"{{"format":"opaque","id":"{id}"}}"#)).is_err());
        let many = vec![r#"{"format":"opaque","id":"1"}"#; 33].join(",");
        assert!(
            Subject::read(&format!(r#"{{"format":"aliases","identifiers":[{many}]}}"#)).is_err()
        );
    }

    #[test]
    fn members_that_the_format_does_not_define_are_ignored() {
        let subject = Subject::read(r#"{"format":"opaque","id":"1","x_foo":true}"#).unwrap();
        assert_eq!(subject, SimpleSubject::Opaque { id: "1".into() }.into());
    }

    #[test]
    fn printing_a_subject_for_debugging_hides_who_it_is() {
        let subject = Subject::read(
            r#"{"format":"complex","user":{"format":"email","email":"alice@example.com"}}"#,
        )
        .unwrap();
        let printed = format!("{subject:?}");
        assert!(
            printed.contains("email") && !printed.contains("alice"),
            "{printed}"
        );
    }
}

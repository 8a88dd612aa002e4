//! Constructors that check what they are given.

use std::net::IpAddr;

use super::SimpleSubject;
use crate::json::JsonError;

/// Constructors; each checks the rules of its format, and its error names the faulty member.
impl SimpleSubject {
    /// Makes an `account` from a URI such as `acct:user@host` (RFC 9493 §3.2.1).
    ///
    /// # Errors
    /// `uri` is no `acct:` URI.
    pub fn account(uri: impl Into<String>) -> Result<Self, JsonError> {
        Self::Account { uri: uri.into() }.checked()
    }

    /// Makes an `email` from an address alone (RFC 9493 §3.2.2).
    ///
    /// # Errors
    /// `email` is no addr-spec, or is too long.
    pub fn email(email: impl Into<String>) -> Result<Self, JsonError> {
        let email = email.into();
        Self::Email { email }.checked()
    }

    /// Makes an `iss_sub` from an issuer and its name for the subject (RFC 9493 §3.2.3).
    ///
    /// # Errors
    /// One of them is empty or too long.
    pub fn iss_sub(iss: impl Into<String>, sub: impl Into<String>) -> Result<Self, JsonError> {
        let (iss, sub) = (iss.into(), sub.into());
        Self::IssSub { iss, sub }.checked()
    }

    /// Makes an `opaque` from a string whose meaning was agreed (RFC 9493 §3.2.4).
    ///
    /// # Errors
    /// `id` is empty or too long.
    pub fn opaque(id: impl Into<String>) -> Result<Self, JsonError> {
        Self::Opaque { id: id.into() }.checked()
    }

    /// Makes a `phone_number` from an E.164 number with its plus sign (RFC 9493 §3.2.5).
    ///
    /// # Errors
    /// `phone_number` is no such number, or has blanks.
    pub fn phone_number(phone_number: impl Into<String>) -> Result<Self, JsonError> {
        let phone_number = phone_number.into();
        Self::PhoneNumber { phone_number }.checked()
    }

    /// Makes a `did` from a DID URL (RFC 9493 §3.2.6).
    ///
    /// # Errors
    /// `url` is no DID URL.
    pub fn did(url: impl Into<String>) -> Result<Self, JsonError> {
        Self::Did { url: url.into() }.checked()
    }

    /// Makes a `uri` (RFC 9493 §3.2.7).
    ///
    /// # Errors
    /// `uri` is not absolute.
    pub fn uri(uri: impl Into<String>) -> Result<Self, JsonError> {
        Self::Uri { uri: uri.into() }.checked()
    }

    /// Makes `aliases` from several identifiers of one subject (RFC 9493 §3.2.8).
    ///
    /// # Errors
    /// There are none or too many, one of them is `aliases` itself, or one breaks the rules of its format.
    pub fn aliases(identifiers: impl IntoIterator<Item = Self>) -> Result<Self, JsonError> {
        let identifiers = identifiers.into_iter().collect();
        Self::Aliases { identifiers }.checked()
    }

    /// Makes a `jwt_id` from the issuer and the `jti` of a JWT (SSF 1.0 §3.5.1).
    ///
    /// # Errors
    /// One of them is empty or too long.
    pub fn jwt_id(iss: impl Into<String>, jti: impl Into<String>) -> Result<Self, JsonError> {
        let (iss, jti) = (iss.into(), jti.into());
        Self::JwtId { iss, jti }.checked()
    }

    /// Makes a `saml_assertion_id` from the issuer and the `ID` of an assertion (SSF 1.0 §3.5.2).
    ///
    /// # Errors
    /// One of them is empty or too long.
    pub fn saml_assertion_id(
        issuer: impl Into<String>,
        assertion_id: impl Into<String>,
    ) -> Result<Self, JsonError> {
        let (issuer, assertion_id) = (issuer.into(), assertion_id.into());
        Self::SamlAssertionId {
            issuer,
            assertion_id,
        }
        .checked()
    }

    /// Makes `ip-addresses` from the addresses of a device (SSF 1.0 §3.5.3).
    ///
    /// # Errors
    /// There are none or too many.
    pub fn ip_addresses(addresses: impl IntoIterator<Item = IpAddr>) -> Result<Self, JsonError> {
        let ip_addresses = addresses.into_iter().collect();
        Self::IpAddresses { ip_addresses }.checked()
    }

    /// Makes a `scim` from the place of a resource and its name at the client, if it has one (RFC 9967 §2.1).
    ///
    /// # Errors
    /// One of them is empty or too long.
    pub fn scim(uri: impl Into<String>, external_id: Option<String>) -> Result<Self, JsonError> {
        let uri = uri.into();
        Self::Scim { uri, external_id }.checked()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(subject: Result<SimpleSubject, JsonError>) -> String {
        serde_json::to_string(&subject.unwrap()).unwrap()
    }

    fn told(subject: Result<SimpleSubject, JsonError>) -> String {
        subject.unwrap_err().to_string()
    }

    #[test]
    fn each_constructor_makes_its_format() {
        let addresses =
            ["10.29.37.75", "2001:db8::8a2e:370:7334"].map(|text| text.parse().unwrap());
        for (subject, json) in [
            (
                SimpleSubject::account("acct:user@example.com"),
                r#"{"format":"account","uri":"acct:user@example.com"}"#,
            ),
            (
                SimpleSubject::email("user@example.com"),
                r#"{"format":"email","email":"user@example.com"}"#,
            ),
            (
                SimpleSubject::iss_sub("https://idp.example.com/", "145234573"),
                r#"{"format":"iss_sub","iss":"https://idp.example.com/","sub":"145234573"}"#,
            ),
            (
                SimpleSubject::opaque("7"),
                r#"{"format":"opaque","id":"7"}"#,
            ),
            (
                SimpleSubject::phone_number("+12065550100"),
                r#"{"format":"phone_number","phone_number":"+12065550100"}"#,
            ),
            (
                SimpleSubject::did("did:example:123456"),
                r#"{"format":"did","url":"did:example:123456"}"#,
            ),
            (
                SimpleSubject::uri("urn:example:7"),
                r#"{"format":"uri","uri":"urn:example:7"}"#,
            ),
            (
                SimpleSubject::opaque("7").and_then(|id| SimpleSubject::aliases([id])),
                r#"{"format":"aliases","identifiers":[{"format":"opaque","id":"7"}]}"#,
            ),
            (
                SimpleSubject::jwt_id("https://idp.example.com", "B70BA622"),
                r#"{"format":"jwt_id","iss":"https://idp.example.com","jti":"B70BA622"}"#,
            ),
            (
                SimpleSubject::saml_assertion_id("https://idp.example.com", "_8e8dc5f6"),
                r#"{"format":"saml_assertion_id","issuer":"https://idp.example.com","assertion_id":"_8e8dc5f6"}"#,
            ),
            (
                SimpleSubject::ip_addresses(addresses),
                r#"{"format":"ip-addresses","ip-addresses":["10.29.37.75","2001:0db8:0000:0000:0000:8a2e:0370:7334"]}"#,
            ),
            (
                SimpleSubject::scim("/Users/7", Some("jdoe".into())),
                r#"{"format":"scim","uri":"/Users/7","externalId":"jdoe"}"#,
            ),
        ] {
            assert_eq!(written(subject), json);
        }
    }

    #[test]
    fn each_constructor_refuses_what_its_format_does_not_allow() {
        assert_eq!(
            told(SimpleSubject::account("user@example.com")),
            "uri must be an acct: URI"
        );
        assert_eq!(
            told(SimpleSubject::email("user")),
            "email must be an address such as a@b.example"
        );
        let any = "must be a string of 1 to 2048 bytes";
        assert_eq!(told(SimpleSubject::iss_sub("", "7")), format!("iss {any}"));
        assert_eq!(told(SimpleSubject::iss_sub("7", "")), format!("sub {any}"));
        assert_eq!(
            told(SimpleSubject::opaque("x".repeat(2049))),
            format!("id {any}")
        );
        assert_eq!(
            told(SimpleSubject::phone_number("+1 206 555 0100")),
            "phone_number must be an E.164 number: +, then 2 to 15 digits, without blanks"
        );
        assert_eq!(
            told(SimpleSubject::did("example:7")),
            "url must be a DID URL"
        );
        assert_eq!(
            told(SimpleSubject::uri("/7")),
            "uri must be an absolute URI"
        );
        assert_eq!(told(SimpleSubject::jwt_id("i", "")), format!("jti {any}"));
        assert_eq!(
            told(SimpleSubject::saml_assertion_id("", "a")),
            format!("issuer {any}")
        );
        assert_eq!(
            told(SimpleSubject::ip_addresses([])),
            "ip-addresses must be an array of 1 to 32 IP addresses"
        );
        assert_eq!(told(SimpleSubject::scim("", None)), format!("uri {any}"));
        assert_eq!(
            told(SimpleSubject::scim("/Users/7", Some(String::new()))),
            format!("externalId {any}")
        );
    }

    #[test]
    fn aliases_are_checked_one_by_one() {
        let id = || SimpleSubject::opaque("7").unwrap();
        assert_eq!(
            told(SimpleSubject::aliases([])),
            "identifiers must be an array of 1 to 32 subject identifiers"
        );
        assert!(SimpleSubject::aliases(std::iter::repeat_with(id).take(32)).is_ok());
        assert!(SimpleSubject::aliases(std::iter::repeat_with(id).take(33)).is_err());
        let inner = SimpleSubject::aliases([id()]).unwrap();
        assert_eq!(
            told(SimpleSubject::aliases([id(), inner])),
            "identifiers.1.format must be other than aliases inside aliases"
        );
        let broken = SimpleSubject::Opaque { id: String::new() };
        assert_eq!(
            told(SimpleSubject::aliases([id(), broken])),
            "identifiers.1.id must be a string of 1 to 2048 bytes"
        );
    }
}

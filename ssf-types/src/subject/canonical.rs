//! Two canonical forms of a simple subject: one decides what a stream gets, the other what dies.
//!
//! A *matching form* follows the letter of SSF 1.0 §8.1.3.1, "exactly identical", and lower-cases nothing but the
//! domain of an address. A *revocation key* is deliberately wider: where two spellings may mean one person, revoking
//! one of them has to end the sessions of the other.

use std::{borrow::Cow, net::IpAddr};

use idna::AsciiDenyList;
use unicode_normalization::UnicodeNormalization;

use super::{SimpleSubject, address, value::value_form};

/// Joins fields so that no two lists of fields give the same text, whatever the fields hold.
fn joined<'a>(fields: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = String::new();
    join_onto(&mut text, fields);
    text
}

/// The same, behind what `text` holds.
fn join_onto<'a>(text: &mut String, fields: impl IntoIterator<Item = &'a str>) {
    for field in fields {
        text.push_str(itoa::Buffer::new().format(field.len()));
        text.push(':');
        text.push_str(field);
    }
}

impl SimpleSubject {
    /// The form in which identical subjects are equal (SSF 1.0 §8.1.3.1).
    ///
    /// Strings count code point by code point, except that the domain of an address is lower-cased and IP addresses
    /// are a set. For `aliases` it is the form of the whole list; matching compares the entries one by one.
    pub fn matching_form(&self) -> String {
        match self {
            Self::Account { uri } => joined(["account", &domain_lowered(uri)]),
            Self::Email { email } => joined(["email", &domain_lowered(email)]),
            Self::IssSub { iss, sub } => joined(["iss_sub", iss, sub]),
            Self::Opaque { id } => joined(["opaque", id]),
            Self::PhoneNumber { phone_number } => joined(["phone_number", phone_number]),
            Self::Did { url } => joined(["did", url]),
            Self::Uri { uri } => joined(["uri", uri]),
            Self::JwtId { iss, jti } => joined(["jwt_id", iss, jti]),
            Self::SamlAssertionId {
                issuer,
                assertion_id,
            } => joined(["saml_assertion_id", issuer, assertion_id]),
            Self::IpAddresses { ip_addresses } => addresses_form(ip_addresses),
            Self::Aliases { identifiers } => {
                sorted_form(identifiers.iter().map(Self::matching_form).collect())
            }
            Self::OauthToken {
                token_type,
                token_identifier_alg,
                token,
            } => joined(["oauth_token", token_type, token_identifier_alg, token]),
            Self::OauthClient { client_id } => joined(["oauth_client", client_id]),
            Self::Scim { uri, external_id } => {
                joined(["scim", uri].into_iter().chain(external_id.as_deref()))
            }
            Self::Other(other) => joined(["", &value_form(other.json(), str::to_owned)]),
        }
    }

    /// The form under which a revocation is kept and looked up.
    ///
    /// Text is in Unicode's NFC; an address is without case, without needless quotes and with its domain as A-labels; an
    /// issuer loses its last slash, a phone number its blanks, and a `scim` resource its first slash and what its client
    /// calls it. For `aliases` it is the form of the whole list; a revocation uses the entries one by one.
    pub fn revocation_key(&self) -> String {
        let mut text = String::new();
        self.write_revocation_key(&mut text);
        text
    }

    /// Adds the [`revocation_key`](Self::revocation_key) to what `text` holds, for those who make many.
    pub fn write_revocation_key(&self, text: &mut String) {
        match self {
            Self::Account { uri } => join_onto(text, ["account", &address_key(uri)]),
            Self::Email { email } => join_onto(text, ["email", &address_key(email)]),
            Self::IssSub { iss, sub } => join_onto(text, ["iss_sub", &issuer_key(iss), &nfc(sub)]),
            Self::Opaque { id } => join_onto(text, ["opaque", &nfc(id)]),
            Self::PhoneNumber { phone_number } => {
                join_onto(text, ["phone_number", &without_blanks(phone_number)]);
            }
            Self::Did { url } => join_onto(text, ["did", &nfc(url)]),
            Self::Uri { uri } => join_onto(text, ["uri", &nfc(uri)]),
            Self::JwtId { iss, jti } => join_onto(text, ["jwt_id", &issuer_key(iss), &nfc(jti)]),
            Self::SamlAssertionId {
                issuer,
                assertion_id,
            } => {
                let (issuer, id) = (issuer_key(issuer), nfc(assertion_id));
                join_onto(text, ["saml_assertion_id", &issuer, &id]);
            }
            Self::IpAddresses { ip_addresses } => text.push_str(&addresses_form(ip_addresses)),
            Self::Aliases { identifiers } => {
                let forms = identifiers.iter().map(Self::revocation_key).collect();
                text.push_str(&sorted_form(forms));
            }
            Self::OauthToken {
                token_type,
                token_identifier_alg,
                token,
            } => join_onto(
                text,
                ["oauth_token", token_type, token_identifier_alg, token],
            ),
            Self::OauthClient { client_id } => join_onto(text, ["oauth_client", &nfc(client_id)]),
            Self::Scim { uri, .. } => {
                join_onto(text, ["scim", nfc(uri).trim_start_matches('/')]);
            }
            Self::Other(other) => {
                let form = value_form(other.json(), |text| nfc(text).into_owned());
                join_onto(text, ["", &form]);
            }
        }
    }
}

/// Text in NFC, which ASCII always is.
fn nfc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.nfc().collect())
}

fn without_blanks(text: &str) -> Cow<'_, str> {
    if text.contains(char::is_whitespace) {
        return Cow::Owned(text.chars().filter(|c| !c.is_whitespace()).collect());
    }
    Cow::Borrowed(text)
}

fn issuer_key(iss: &str) -> Cow<'_, str> {
    nfc(iss.strip_suffix('/').unwrap_or(iss))
}

fn domain_lowered(address: &str) -> String {
    match address::split(address) {
        Some((local, domain)) => format!("{local}@{}", domain.to_lowercase()),
        None => address.to_owned(),
    }
}

/// Text without case: upper case first, since letters such as `ß` and the two lower sigmas meet there alone.
///
/// Changing case can leave NFC, and NFC can make letters that have a case again, so that it ends with NFC.
fn folded(text: &str) -> Cow<'_, str> {
    if !text.is_ascii() {
        let lowered = nfc(text).to_uppercase().to_lowercase();
        return Cow::Owned(nfc(&lowered).into_owned());
    }
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    Cow::Borrowed(text)
}

fn address_key(address: &str) -> String {
    let Some((local, domain)) = address::split(address) else {
        return folded(address).into_owned();
    };
    let labels = idna::domain_to_ascii_cow(domain.as_bytes(), AsciiDenyList::EMPTY)
        .unwrap_or_else(|_| folded(domain));
    [&*folded(&address::plainest(local)), "@", &*labels].concat()
}

fn addresses_form(addresses: &[IpAddr]) -> String {
    let mut addresses: Vec<String> = addresses
        .iter()
        .map(|address| address.to_canonical().to_string())
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    joined(std::iter::once("ip-addresses").chain(addresses.iter().map(String::as_str)))
}

fn sorted_form(mut forms: Vec<String>) -> String {
    forms.sort_unstable();
    forms.dedup();
    joined(std::iter::once("aliases").chain(forms.iter().map(String::as_str)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn email(email: &str) -> SimpleSubject {
        SimpleSubject::Email {
            email: email.into(),
        }
    }

    fn iss_sub(iss: &str, sub: &str) -> SimpleSubject {
        SimpleSubject::IssSub {
            iss: iss.into(),
            sub: sub.into(),
        }
    }

    fn other(json: &str) -> SimpleSubject {
        SimpleSubject::read_json(json).unwrap()
    }

    #[test]
    fn matching_lowers_the_domain_and_nothing_else() {
        assert_eq!(
            email("Al@EXAMPLE.com").matching_form(),
            email("Al@example.com").matching_form()
        );
        assert_ne!(
            email("Al@example.com").matching_form(),
            email("al@example.com").matching_form()
        );
    }

    #[test]
    fn a_revocation_of_an_address_ends_every_spelling_of_it() {
        assert_eq!(
            email("Al@EXAMPLE.com").revocation_key(),
            email("al@example.com").revocation_key()
        );
        assert_eq!(
            email("\u{3c3}\u{3b1}\u{3c2}@b.example").revocation_key(),
            email("\u{3a3}\u{391}\u{3a3}@b.example").revocation_key()
        );
        assert_eq!(
            email("stra\u{df}e@b.example").revocation_key(),
            email("STRASSE@b.example").revocation_key()
        );
        assert_eq!(
            email("e\u{301}@b.example").revocation_key(),
            email("\u{e9}@b.example").revocation_key()
        );
        assert_eq!(
            email("a@b\u{fc}cher.example").revocation_key(),
            email("a@xn--bcher-kva.example").revocation_key()
        );
    }

    #[test]
    fn a_revocation_ignores_the_last_slash_of_an_issuer_and_matching_does_not() {
        let (with, without) = (
            iss_sub("https://idp.example.com/", "1"),
            iss_sub("https://idp.example.com", "1"),
        );
        assert_eq!(with.revocation_key(), without.revocation_key());
        assert_ne!(with.matching_form(), without.matching_form());
    }

    #[test]
    fn a_revocation_ends_an_address_with_and_without_quotes() {
        let (quoted, plain) = (email(r#""al"@b.example"#), email("al@b.example"));
        assert_eq!(quoted.revocation_key(), plain.revocation_key());
        assert_ne!(quoted.matching_form(), plain.matching_form());
    }

    #[test]
    fn a_resource_is_revoked_whatever_its_client_calls_it() {
        let (one, two) = (
            other(r#"{"format":"scim","uri":"/Users/7","externalId":"jdoe"}"#),
            other(r#"{"format":"scim","uri":"Users/7"}"#),
        );
        assert_eq!(one.revocation_key(), two.revocation_key());
        assert_ne!(one.matching_form(), two.matching_form());
    }

    #[test]
    fn the_long_numbers_of_proprietary_subjects_differ_in_the_last_digit() {
        let one = other(r#"{"format":"x","id":18446744073709551617}"#);
        let two = other(r#"{"format":"x","id":18446744073709551618}"#);
        assert_ne!(one.matching_form(), two.matching_form());
        assert_ne!(one.revocation_key(), two.revocation_key());
    }

    #[test]
    fn proprietary_subjects_are_compared_by_value() {
        let (one, two) = (
            other(r#"{"format":"x","a":1,"b":2}"#),
            other(r#"{ "b":2, "format":"x", "a":1 }"#),
        );
        assert_eq!(one.matching_form(), two.matching_form());
        assert_eq!(one.revocation_key(), two.revocation_key());
    }

    #[test]
    fn aliases_are_a_set() {
        let (al, bo) = (email("al@b.example"), email("bo@b.example"));
        let aliases = |list: &[&SimpleSubject]| {
            SimpleSubject::aliases(list.iter().map(|&alias| alias.clone())).unwrap()
        };
        let (one, two) = (aliases(&[&al, &bo]), aliases(&[&bo, &al, &bo]));
        assert_eq!(one.matching_form(), two.matching_form());
        assert_eq!(one.revocation_key(), two.revocation_key());
        assert_ne!(one.matching_form(), aliases(&[&al]).matching_form());
    }

    #[test]
    fn ip_addresses_are_a_set() {
        let one = other(r#"{"format":"ip-addresses","ip-addresses":["10.0.0.1","2001:db8::1"]}"#);
        let two = other(
            r#"{"format":"ip-addresses","ip-addresses":["2001:0db8:0000:0000:0000:0000:0000:0001","10.0.0.1","10.0.0.1"]}"#,
        );
        assert_eq!(one.matching_form(), two.matching_form());
    }

    proptest! {
        #[test]
        fn fields_never_run_into_each_other(a in ".{0,8}", b in ".{0,8}", c in ".{0,8}", d in ".{0,8}") {
            prop_assume!((&a, &b) != (&c, &d));
            prop_assert_ne!(joined([a.as_str(), b.as_str()]), joined([c.as_str(), d.as_str()]));
        }

        #[test]
        fn the_key_of_an_address_is_its_own_key(local in "\\PC{1,8}", domain in "[a-zA-Z\u{e0}-\u{ff}]{1,8}\\.example") {
            let once = address_key(&format!("{local}@{domain}"));
            prop_assert_eq!(&address_key(&once), &once);
        }
    }
}

//! Two canonical forms of a simple subject: one decides what a stream gets, the other what dies.
//!
//! A *matching form* follows the letter of SSF 1.0 §8.1.3.1, "exactly identical", and lower-cases nothing but the
//! domain of an address. A *revocation key* is deliberately wider: where two spellings may mean one person, revoking
//! one of them has to end the sessions of the other.

use std::net::IpAddr;

use unicode_normalization::UnicodeNormalization;

use super::SimpleSubject;

/// Joins fields so that no two lists of fields give the same text, whatever the fields hold.
fn joined<'a>(fields: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for field in fields {
        text.push_str(&field.len().to_string());
        text.push(':');
        text.push_str(field);
    }
    text
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
            Self::Other(other) => joined(["", &sorted_json(other.json())]),
        }
    }

    /// The form under which a revocation is kept and looked up.
    ///
    /// Text is in Unicode's NFC; an address is in lower case with its domain as A-labels; an issuer loses its last
    /// slash and a phone number its blanks. For `aliases` it is the form of the whole list; a revocation uses the
    /// entries one by one.
    pub fn revocation_key(&self) -> String {
        match self {
            Self::Account { uri } => joined(["account", &address_key(uri)]),
            Self::Email { email } => joined(["email", &address_key(email)]),
            Self::IssSub { iss, sub } => joined(["iss_sub", &issuer_key(iss), &nfc(sub)]),
            Self::Opaque { id } => joined(["opaque", &nfc(id)]),
            Self::PhoneNumber { phone_number } => {
                joined(["phone_number", &without_blanks(phone_number)])
            }
            Self::Did { url } => joined(["did", &nfc(url)]),
            Self::Uri { uri } => joined(["uri", &nfc(uri)]),
            Self::JwtId { iss, jti } => joined(["jwt_id", &issuer_key(iss), &nfc(jti)]),
            Self::SamlAssertionId {
                issuer,
                assertion_id,
            } => joined(["saml_assertion_id", &issuer_key(issuer), &nfc(assertion_id)]),
            Self::IpAddresses { ip_addresses } => addresses_form(ip_addresses),
            Self::Aliases { identifiers } => {
                sorted_form(identifiers.iter().map(Self::revocation_key).collect())
            }
            Self::Other(other) => joined(["", &nfc(&sorted_json(other.json()))]),
        }
    }
}

fn nfc(text: &str) -> String {
    text.nfc().collect()
}

fn without_blanks(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

fn issuer_key(iss: &str) -> String {
    let iss = nfc(iss);
    iss.strip_suffix('/').unwrap_or(&iss).to_owned()
}

fn domain_lowered(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((local, domain)) => format!("{local}@{}", domain.to_lowercase()),
        None => address.to_owned(),
    }
}

/// Lower case can leave NFC and NFC can make new capitals, so both are done until they agree.
fn address_key(address: &str) -> String {
    let lowered = |text: &str| -> String { nfc(&nfc(text).to_lowercase()) };
    match address.rsplit_once('@') {
        Some((local, domain)) => {
            let labels = idna::domain_to_ascii(domain).unwrap_or_else(|_| lowered(domain));
            format!("{}@{labels}", lowered(local))
        }
        None => lowered(address),
    }
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

/// JSON whose equality is that of the values: members sorted, no white space.
fn sorted_json(json: &str) -> String {
    serde_json::from_str::<serde_json::Value>(json).map_or_else(
        |_| json.to_owned(),
        |mut value| {
            value.sort_all_objects();
            value.to_string()
        },
    )
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
    fn formats_do_not_mix() {
        let opaque = SimpleSubject::Opaque {
            id: "a@b.example".into(),
        };
        assert_ne!(
            opaque.revocation_key(),
            email("a@b.example").revocation_key()
        );
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
        fn equal_matching_forms_have_equal_revocation_keys(a in "[a-zA-Z.]{1,4}@[a-zA-Z]{1,3}", b in "[a-zA-Z.]{1,4}@[a-zA-Z]{1,3}") {
            let (a, b) = (email(&a), email(&b));
            if a.matching_form() == b.matching_form() {
                prop_assert_eq!(a.revocation_key(), b.revocation_key());
            }
        }

        #[test]
        fn the_key_of_an_address_is_its_own_key(local in "\\PC{1,8}", domain in "[a-zA-Z\u{e0}-\u{ff}]{1,8}\\.example") {
            let once = address_key(&format!("{local}@{domain}"));
            prop_assert_eq!(&address_key(&once), &once);
        }
    }
}

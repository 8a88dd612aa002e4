//! Properties of the two canonical forms and of matching, over generated subjects of every format.

use std::{collections::BTreeSet, net::IpAddr};

use proptest::{
    collection::{btree_map, vec},
    prelude::*,
};
use serde_json::{Map, Value};

use super::{ComplexSubject, OtherSubject, SimpleSubject, Subject};

/// Text that tests escapes, composition, case and blanks, from an alphabet small enough for two draws to meet.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[aAbB/]{1,3}",
        2 => vec(prop::sample::select(vec!["e", "\u{301}", "\u{e9}", "\u{c9}", "\"", "\\", " ", "\u{212a}"]), 1..4)
            .prop_map(|parts| parts.concat()),
        1 => "\\PC{1,8}",
    ]
}

fn email() -> impl Strategy<Value = String> {
    let local = prop_oneof![
        "[abAB]{1,2}(\\.[ab]{1,2})?",
        "\"[abA @]{0,3}\"",
        "[e\u{e9}\u{c9}]{1,2}"
    ];
    let domain = prop_oneof![
        "[abAB]{1,2}\\.example",
        Just("b\u{fc}cher.example".to_owned()),
        Just("B\u{dc}CHER.example".to_owned()),
        Just("xn--bcher-kva.example".to_owned()),
        Just("[192.0.2.5]".to_owned()),
    ];
    (local, domain).prop_map(|(local, domain)| format!("{local}@{domain}"))
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        (0u32..4).prop_map(|n| IpAddr::V4((0xc000_0200 + n).into())),
        (0u128..4).prop_map(|n| IpAddr::V6((0x2001_0db8 << 96 | n).into())),
        (0u128..4).prop_map(|n| IpAddr::V6((0xffff_c000_0200 + n).into())),
        any::<[u8; 16]>().prop_map(IpAddr::from),
    ]
}

/// JSON of any shape, not deep, with numbers that are hard to keep.
fn json() -> impl Strategy<Value = Value> {
    let number = prop::sample::select(vec!["0", "-1", "1.5", "18446744073709551615", "1e300"])
        .prop_map(|number| serde_json::from_str(number).unwrap());
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number,
        text().prop_map(Value::from)
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            vec((text(), inner), 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn other() -> impl Strategy<Value = SimpleSubject> {
    ("x-[ab]", vec((text(), json()), 0..3)).prop_map(|(format, members)| {
        let mut object: Map<String, Value> = members.into_iter().collect();
        object.insert("format".into(), format.into());
        OtherSubject::new(&Value::Object(object).to_string())
            .unwrap()
            .into()
    })
}

/// A subject of any format but `aliases`.
fn single() -> impl Strategy<Value = SimpleSubject> {
    let token_type =
        prop::sample::select(vec!["access_token", "authorization_code", "refresh_token"]);
    let subject = prop_oneof![
        "acct:[abAB%]{1,2}@[abAB]{1,2}\\.example".prop_map(SimpleSubject::account),
        email().prop_map(SimpleSubject::email),
        (text(), text()).prop_map(|(iss, sub)| SimpleSubject::iss_sub(iss, sub)),
        text().prop_map(SimpleSubject::opaque),
        "\\+12[0-9]{1,2}".prop_map(SimpleSubject::phone_number),
        "did:[ab1]{1,2}:[abAB:/?#]{1,3}".prop_map(SimpleSubject::did),
        "urn:[ab]{2}:[abAB]{1,2}".prop_map(SimpleSubject::uri),
        (text(), text()).prop_map(|(iss, jti)| SimpleSubject::jwt_id(iss, jti)),
        (text(), text()).prop_map(|(issuer, id)| SimpleSubject::saml_assertion_id(issuer, id)),
        vec(address(), 1..4).prop_map(SimpleSubject::ip_addresses),
        (token_type, "plain|prefix|hash_[ab]", text()).prop_map(|(kind, alg, token)| {
            let token_type = kind.to_owned();
            let token_identifier_alg = alg;
            SimpleSubject::OauthToken {
                token_type,
                token_identifier_alg,
                token,
            }
            .checked()
        }),
        text().prop_map(|client_id| SimpleSubject::OauthClient { client_id }.checked()),
        (text(), prop::option::of(text())).prop_map(|(uri, id)| SimpleSubject::scim(uri, id)),
        other().prop_map(Ok),
    ];
    subject.prop_map(Result::unwrap)
}

fn simple() -> impl Strategy<Value = SimpleSubject> {
    let aliases = vec(single(), 1..4).prop_map(|list| SimpleSubject::aliases(list).unwrap());
    prop_oneof![4 => single(), 1 => aliases]
}

fn subject() -> impl Strategy<Value = Subject> {
    let member = prop::sample::select(vec!["user", "device", "tenant"]);
    let complex = btree_map(member, simple(), 1..3)
        .prop_map(|members| ComplexSubject::new(members).unwrap().into());
    prop_oneof![simple().prop_map(Subject::from), complex]
}

/// Two subjects that have a fair chance to be equal in one form or the other.
fn pair() -> impl Strategy<Value = (SimpleSubject, SimpleSubject)> {
    let emails = || email().prop_map(|email| SimpleSubject::email(email).unwrap());
    let addresses = || {
        let list = vec(
            (0u32..2).prop_map(|n| IpAddr::V4((0xc000_0200 + n).into())),
            1..4,
        );
        list.prop_map(|list| SimpleSubject::ip_addresses(list).unwrap())
    };
    let aliases = || {
        let list = vec("[ab]@[bB]\\.example", 1..3);
        list.prop_map(|list| {
            let emails = list
                .into_iter()
                .map(|email| SimpleSubject::email(email).unwrap());
            SimpleSubject::aliases(emails).unwrap()
        })
    };
    let issuers = || "[ab]/?".prop_map(|iss| SimpleSubject::iss_sub(iss, "7").unwrap());
    prop_oneof![
        (emails(), emails()),
        (addresses(), addresses()),
        (aliases(), aliases()),
        (issuers(), issuers()),
        (simple(), simple()),
    ]
}

/// The same subject, as another program might have written it.
fn rewritten(subject: &SimpleSubject, reverse: bool) -> SimpleSubject {
    let value = serde_json::to_value(subject).unwrap();
    let text = loose(&value, reverse);
    serde_json::from_str(&text).unwrap()
}

/// JSON with blanks, with every character of every string escaped, and with the members in another order.
fn loose(value: &Value, reverse: bool) -> String {
    let escaped = |text: &str| {
        let units: Vec<String> = text
            .encode_utf16()
            .map(|unit| format!("\\u{unit:04x}"))
            .collect();
        format!("\"{}\"", units.concat())
    };
    match value {
        Value::Object(members) => {
            let mut members: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("{} : {}", escaped(name), loose(value, reverse)))
                .collect();
            if reverse {
                members.reverse();
            }
            format!("{{ {} }}", members.join(" ,\n"))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| loose(item, reverse)).collect();
            format!("[\t{} ]", items.join(" , "))
        }
        Value::String(text) => escaped(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

proptest! {
    #[test]
    fn what_is_built_is_written_and_read_again(subject in subject()) {
        let json = serde_json::to_string(&subject).unwrap();
        prop_assert_eq!(serde_json::from_str::<Subject>(&json).unwrap(), subject);
    }

    #[test]
    fn the_forms_do_not_depend_on_how_the_subject_was_written(subject in simple(), reverse in any::<bool>()) {
        let other = rewritten(&subject, reverse);
        prop_assert_eq!(other.matching_form(), subject.matching_form());
        prop_assert_eq!(other.revocation_key(), subject.revocation_key());
    }

    #[test]
    fn what_matches_is_revoked_together((one, two) in pair()) {
        if one.matching_form() == two.matching_form() {
            prop_assert_eq!(one.revocation_key(), two.revocation_key());
        }
    }

    #[test]
    fn what_matches_by_an_alias_is_revoked_by_an_alias((one, two) in pair()) {
        let keys = |subject: &SimpleSubject| -> BTreeSet<String> {
            subject.alternatives().iter().map(SimpleSubject::revocation_key).collect()
        };
        if one.matches(&two) {
            prop_assert!(!keys(&one).is_disjoint(&keys(&two)));
        }
    }

    #[test]
    fn a_spelling_that_differs_in_case_or_composition_is_revoked_together(subject in email()) {
        use unicode_normalization::UnicodeNormalization;
        let key = |email: String| SimpleSubject::Email { email }.revocation_key();
        let expected = key(subject.clone());
        prop_assert_eq!(key(subject.to_lowercase()), expected.clone());
        prop_assert_eq!(key(subject.nfd().collect()), expected);
    }

    #[test]
    fn subjects_that_differ_in_a_character_have_forms_that_differ(one in vec("[a-z0-9]{1,3}", 1..4), two in vec("[a-z0-9]{1,3}", 1..4)) {
        prop_assume!(one != two);
        let subjects = |words: &[String]| {
            let all = words.join("-");
            let first = words[0].clone();
            let rest = format!("r{}", words[1..].join("-"));
            [
                SimpleSubject::account(format!("acct:{all}@h.example")),
                SimpleSubject::email(format!("{all}@h.example")),
                SimpleSubject::iss_sub(first.clone(), rest.clone()),
                SimpleSubject::opaque(all.clone()),
                SimpleSubject::did(format!("did:example:{all}")),
                SimpleSubject::uri(format!("urn:example:{all}")),
                SimpleSubject::jwt_id(first.clone(), rest.clone()),
                SimpleSubject::saml_assertion_id(first.clone(), rest.clone()),
                SimpleSubject::scim(all.clone(), None),
                SimpleSubject::OauthClient { client_id: all.clone() }.checked(),
                OtherSubject::new(&format!(r#"{{"format":"x","{first}":"{rest}"}}"#)).map(SimpleSubject::from),
            ]
        };
        let (ones, twos) = (subjects(&one), subjects(&two));
        for (one, two) in ones.into_iter().zip(twos) {
            let (one, two) = (one.unwrap(), two.unwrap());
            prop_assert_ne!(one.matching_form(), two.matching_form());
            prop_assert_ne!(one.revocation_key(), two.revocation_key());
        }
    }

    #[test]
    fn formats_do_not_mix(text in "[a-z]{1,4}") {
        let subjects = [
            SimpleSubject::opaque(text.clone()),
            SimpleSubject::iss_sub(text.clone(), text.clone()),
            SimpleSubject::jwt_id(text.clone(), text.clone()),
            SimpleSubject::saml_assertion_id(text.clone(), text.clone()),
            SimpleSubject::scim(text.clone(), None),
            SimpleSubject::scim(text.clone(), Some(text.clone())),
            SimpleSubject::OauthClient { client_id: text.clone() }.checked(),
            OtherSubject::new(&format!(r#"{{"format":"x","id":"{text}"}}"#)).map(SimpleSubject::from),
            SimpleSubject::opaque(text).and_then(|id| SimpleSubject::aliases([id])),
        ];
        let forms: BTreeSet<String> =
            subjects.iter().map(|subject| subject.as_ref().unwrap().matching_form()).collect();
        prop_assert_eq!(forms.len(), subjects.len());
    }

    #[test]
    fn every_subject_matches_itself(subject in subject()) {
        prop_assert!(subject.matches(&subject));
    }

    #[test]
    fn matching_has_no_direction(one in subject(), two in subject()) {
        prop_assert_eq!(one.matches(&two), two.matches(&one));
    }

    #[test]
    fn aliases_match_if_and_only_if_they_share_one(one in vec(0u8..6, 1..4), two in vec(0u8..6, 1..4)) {
        let aliases = |ids: &[u8]| {
            SimpleSubject::aliases(ids.iter().map(|id| match id % 2 {
                0 => SimpleSubject::opaque(id.to_string()).unwrap(),
                _ => SimpleSubject::email(format!("u{id}@example.com")).unwrap(),
            }))
            .unwrap()
        };
        let shared = one.iter().any(|id| two.contains(id));
        prop_assert_eq!(aliases(&one).matches(&aliases(&two)), shared);
    }

    #[test]
    fn reading_never_panics(json in json()) {
        let _ = serde_json::from_value::<Subject>(json);
    }
}

use std::collections::BTreeSet;

use serde_json::json;
use ssf_types::event::Event;

use super::{form::Fit, *};

#[test]
fn what_the_adapter_is_given_fits_the_table() {
    for event in all() {
        let Value::Object(payload) = event.payload(1_700_000_000) else {
            panic!("{}", event.uri);
        };
        for (name, value) in &payload {
            let member = event.member(name);
            let member = member.unwrap_or_else(|| panic!("{} has no {name}", event.uri));
            assert_eq!(member.form.judge(value), Fit::Fits, "{} {name}", event.uri);
        }
        let common = if event.is_caep() { COMMON } else { &[] };
        for member in event.members.iter().chain(common) {
            assert!(
                payload.contains_key(member.name),
                "{} {}",
                event.uri,
                member.name
            );
        }
    }
}

#[test]
fn the_table_has_the_types_that_ssf_types_has() {
    let is_of = |uri: &&str| {
        let is_deprecated = *uri == SESSIONS_REVOKED;
        let families = ["/caep/", "/risc/", "/oauth/"];
        families.iter().any(|family| uri.contains(family)) && !is_deprecated
    };
    let theirs: BTreeSet<&str> = Event::EVENT_TYPES.iter().copied().filter(is_of).collect();
    let ours: BTreeSet<&str> = all().map(|event| event.uri).collect();
    assert_eq!(ours, theirs);
}

#[test]
fn values_are_told_apart_by_their_form() {
    let unfit = [
        (Form::Text, json!(1)),
        (Form::OneOf(&["a"]), json!("A")),
        (Form::Known(&["a"]), json!("")),
        (Form::Texts, json!("pwd")),
        (Form::Claims, json!({})),
        (Form::Moment, json!(1_700_000_000_000_u64)),
        (Form::Moment, json!("1700000000")),
        (Form::Languages, json!({})),
        (Form::Languages, json!("reason")),
        (Form::Languages, json!({ "not a tag": "x" })),
        (Form::Languages, json!({ "en": 1 })),
        (Form::Reason, json!(1)),
        (Form::Subject, json!("a@example.com")),
        (Form::Subject, json!({ "email": "a@example.com" })),
        (Form::Subject, json!({ "format": "email", "sub": "a" })),
    ];
    for (form, value) in unfit {
        assert_eq!(form.judge(&value), Fit::Unfit, "{form:?} {value}");
    }
    assert_eq!(Form::Known(&["a"]).judge(&json!("b")), Fit::Unknown);
    assert_eq!(Form::Moment.judge(&json!(1_700_000_000.5)), Fit::Fits);
    assert_eq!(Form::Languages.judge(&json!({ "es-410": "x" })), Fit::Fits);
    assert_eq!(Form::Reason.judge(&json!("x")), Fit::Fits);
}

//! What holds for every dialect, whatever the text.

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};
use ssf_types::{
    dialect::{Body, Deviation, Dialect},
    event::{KNOWN_EVENT_TYPES, okta::OktaEvent, scim::ScimEvent},
    id::StreamId,
    json as strict,
};

use crate::{
    exchange::{Exchange, value, verify},
    vendors::VENDORS,
};

fn dialects() -> impl Strategy<Value = &'static Dialect> {
    select(Dialect::ALL)
}

/// A payload that the type of event accepts, with the members that dialects have a say in.
fn payload(uri: &str, reason: &str, level: &str) -> Value {
    let common = json!({
        "event_timestamp": 1_615_304_991.643,
        "initiating_entity": "policy",
        "reason_admin": { "en": reason, "de": "x" },
        "reason_user": { "und": reason },
    });
    let own = match uri.rsplit('/').next().unwrap() {
        "verification" => return json!({ "state": reason }),
        "stream-updated" => return json!({ "status": "paused" }),
        "token-claims-change" => json!({ "claims": { "role": reason, "n": 1.5 } }),
        "credential-change" => json!({ "credential_type": "password", "change_type": "update" }),
        "assurance-level-change" => json!({ "namespace": "NIST-AAL", "current_level": level }),
        "device-compliance-change" => {
            json!({ "previous_status": "compliant", "current_status": "not-compliant" })
        }
        "session-established" => json!({ "amr": ["otp"], "acr": "AAL2" }),
        "risk-level-change" => {
            json!({ "principal": "USER", "current_level": "HIGH", "previous_level": "LOW" })
        }
        "session-revoked" | "session-presented" => json!({}),
        "user-risk-change" | "device-risk-change" => {
            json!({ "current_level": "high", "previous_level": "low" })
        }
        "ip-change" => {
            json!({ "current_ip_address": "10.0.0.1", "previous_ip_address": "10.0.0.2" })
        }
        "credential-compromise" => json!({ "credential_type": "password" }),
        "identifier-changed" => return json!({ "new-value": "bob@example.com" }),
        "token-issued" | "token-revoked" => {
            return json!({ "token_subject": { "format": "iss_sub", "iss": "https://i.example", "sub": "1" } });
        }
        _ => return json!({ "x_foo": reason }),
    };
    let mut payload = common;
    payload
        .as_object_mut()
        .unwrap()
        .append(&mut own.as_object().unwrap().clone());
    payload
}

/// Subjects that every dialect can tell; a complex one of a user alone is not among them.
fn subjects() -> impl Strategy<Value = Value> {
    let simple = || {
        "[a-z]{1,8}".prop_flat_map(|id| {
            select(vec![
                json!({ "format": "email", "email": format!("{id}@example.com") }),
                json!({ "format": "iss_sub", "iss": "https://idp.example.com", "sub": id }),
                json!({ "format": "opaque", "id": id }),
                json!({ "format": "phone_number", "phone_number": "+12065550100" }),
                json!({ "format": "jwt_id", "iss": "https://idp.example.com", "jti": id }),
                json!({ "format": "saml_assertion_id", "issuer": "https://idp.example.com", "assertion_id": id }),
                json!({ "format": "x_proprietary", "user": { "id": id } }),
            ])
        })
    };
    let aliases =
        || vec(simple(), 1..3).prop_map(|all| json!({ "format": "aliases", "identifiers": all }));
    let complex = (prop_oneof![simple(), aliases()], simple())
        .prop_map(|(user, device)| json!({ "format": "complex", "user": user, "device": device }));
    prop_oneof![simple(), aliases(), complex]
}

/// The claims of a SET that SSF 1.0 accepts, about an event of any type of the tables, or of none.
fn claims() -> impl Strategy<Value = Value> {
    let types = KNOWN_EVENT_TYPES
        .iter()
        .chain(OktaEvent::EVENT_TYPES)
        .chain(ScimEvent::EVENT_TYPES)
        .chain(&["urn:example:smoke-signal"]);
    let types = select(types.copied().collect::<Vec<&str>>());
    let text = "[ -~]{0,12}";
    (types, subjects(), text, 1_000_000_000..2_000_000_000_u64, "[a-z0-9-]{1,12}").prop_map(
        |(uri, subject, text, iat, id)| {
            let mut events = serde_json::Map::new();
            events.insert(uri.to_owned(), payload(uri, &text, "nist-aal2"));
            let framework = uri.contains("/secevent/ssf/");
            let sub_id = if framework {
                json!({ "format": "opaque", "id": id })
            } else {
                subject
            };
            json!({
                "iss": "https://tr.example.com", "aud": ["https://rp.example.com"], "jti": id, "iat": iat,
                "txn": id, "sub_id": sub_id, "events": events, "x_more": { "exp": 1, "subject": text },
            })
        },
    )
}

/// The members that dialects look at.
const NAMES: &[&str] = &[
    "sub_id",
    "subject",
    "subject_type",
    "format",
    "events",
    "user",
    "device",
    "identifiers",
    "claims",
    "txn",
    "iat",
    "toe",
    "exp",
    "amr",
    "state",
    "reason_admin",
    "event_timestamp",
    "delivery",
    "url",
    "endpoint_url",
    "method",
    "delivery_method",
    "stream_id",
    "events_requested",
    "acks",
    "ack",
    "err",
    "setErrs",
    "namespace",
    "current_level",
    "phone",
    "token_subject",
    "new_value",
    "x",
    "https://schemas.openid.net/secevent/sse/event-type/verification",
    "https://schemas.openid.net/secevent/caep/event-type/token-claims-change",
    "https://schemas.openid.net/secevent/caep/event-type/session-revoked",
];

/// Any JSON, with the members that dialects look at in all the wrong places.
fn anything() -> impl Strategy<Value = Value> {
    let names = select(NAMES);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
        select(vec![
            "complex",
            "aliases",
            "iss-sub",
            "phone",
            "opaque",
            "setData",
            "nist-aal1",
            "HIGH",
            "low"
        ])
        .prop_map(Value::from),
        Just(Value::from(1_615_304_991_643_u64)),
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        let member = (names.clone(), inner.clone());
        prop_oneof![
            vec(inner, 0..4).prop_map(Value::from),
            vec(member, 0..5).prop_map(|members| {
                members
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect()
            }),
        ]
    })
}

/// What the peers of all fixtures write and read.
fn peers() -> Vec<Value> {
    let exchanges = VENDORS
        .iter()
        .flat_map(|(vendor, names)| Exchange::all(vendor, names));
    exchanges.map(|one| value(one.peer.get())).collect()
}

/// Puts `fault` where these steps lead; each chooses among the members or entries of the value before it.
fn put(value: &mut Value, steps: &[usize], fault: Value) {
    let inner = match (steps.first(), &mut *value) {
        (Some(step), Value::Object(members)) if !members.is_empty() => {
            let step = step % members.len();
            members.values_mut().nth(step)
        }
        (Some(step), Value::Array(entries)) if !entries.is_empty() => {
            let step = step % entries.len();
            entries.get_mut(step)
        }
        _ => None,
    };
    match inner {
        Some(inner) => put(inner, &steps[1..], fault),
        None => *value = fault,
    }
}

/// The dialects that read all that they write.
fn two_way() -> Vec<&'static Dialect> {
    let all = Dialect::ALL.iter().copied();
    let readable =
        |dialect: &&Dialect| dialect.writes.iter().all(|one| dialect.reads.contains(one));
    all.filter(readable).collect()
}

/// Every deviation at once.
static ALL: Dialect = Dialect::new("all", "every deviation")
    .reading(Deviation::ALL)
    .writing(Deviation::ALL);

fn bodies(stream: &StreamId) -> [Body<'_>; 11] {
    let stream = Some(stream);
    [
        Body::Claims,
        Body::Metadata,
        Body::CreateStream,
        Body::UpdateStream(stream),
        Body::Stream(stream),
        Body::Streams(stream),
        Body::Status(stream),
        Body::Subject(stream),
        Body::Verification(stream),
        Body::PollRequest,
        Body::PushError,
    ]
}

proptest! {
    #[test]
    fn what_a_dialect_writes_it_reads_as_the_same_claims(dialect in dialects(), claims in claims()) {
        // A dialect that is for writing alone is read with all that it commits.
        let reader = Dialect::new(dialect.name, dialect.title).reading(dialect.writes);
        let written = dialect.write(Body::Claims, &claims.to_string()).unwrap().into_owned();
        let reading = reader.read_claims(&written).unwrap();
        prop_assert_eq!(value(&reading.text), claims.clone());
        // What else it tolerates does not change what it writes.
        if two_way().contains(&dialect) {
            prop_assert_eq!(value(&dialect.read_claims(&written).unwrap().text), claims);
        }
    }

    #[test]
    fn a_set_means_the_same_in_every_dialect_that_reads_what_it_writes(
        dialect in select(two_way()), claims in claims()
    ) {
        let written = dialect.write(Body::Claims, &claims.to_string()).unwrap().into_owned();
        match (verify(&written, dialect), verify(&claims.to_string(), &Dialect::SSF_1_0)) {
            (Ok(there), Ok(strict)) => prop_assert_eq!(there.claims(), strict.claims()),
            (there, strict) => prop_assert_eq!(there.err(), strict.err()),
        }
    }

    #[test]
    fn what_a_dialect_writes_is_recognised_where_ssf_1_0_refuses_it(
        dialect in select(two_way()), claims in claims()
    ) {
        if verify(&claims.to_string(), &Dialect::SSF_1_0).is_err() {
            return Ok(());
        }
        let written = dialect.write(Body::Claims, &claims.to_string()).unwrap().into_owned();
        let refused = verify(&written, &Dialect::SSF_1_0).is_err();
        let found = Dialect::recognise(&written);
        prop_assert_eq!(found.iter().any(|one| one.dialect == dialect), refused);
    }

    #[test]
    fn claims_in_ssf_1_0_are_the_claims(claims in claims()) {
        if let Ok(set) = verify(&claims.to_string(), &Dialect::SSF_1_0) {
            let plain = serde_json::to_string(set.claims()).unwrap();
            let written = serde_json::to_string(&set.claims().in_dialect(&Dialect::SSF_1_0)).unwrap();
            prop_assert_eq!(written, plain);
        }
    }

    #[test]
    fn ssf_1_0_changes_no_byte(text in ".{0,60}") {
        let stream = StreamId::parse("1").unwrap();
        for body in bodies(&stream) {
            prop_assert_eq!(Dialect::SSF_1_0.read(body, &text).unwrap().text, text.clone());
            prop_assert_eq!(Dialect::SSF_1_0.write(body, &text).unwrap(), text.clone());
        }
    }

    #[test]
    fn undoing_twice_is_undoing_once(dialect in dialects(), any in anything()) {
        let stream = StreamId::parse("1").unwrap();
        for dialect in [dialect, &ALL] {
            for body in bodies(&stream) {
                let any = any.to_string();
                let Ok(once) = dialect.read(body, &any) else { continue };
                let twice = dialect.read(body, &once.text).unwrap();
                prop_assert_eq!(value(&twice.text), value(&once.text), "{} {:?}", dialect, body);
            }
        }
    }

    #[test]
    fn what_comes_out_is_sound_json(dialect in dialects(), any in anything()) {
        let stream = StreamId::parse("1").unwrap();
        for dialect in [dialect, &ALL] {
            for body in bodies(&stream) {
                let any = any.to_string();
                if let Ok(reading) = dialect.read(body, &any) {
                    prop_assert!(strict::check(reading.text.as_bytes()).is_ok(), "{}", reading.text);
                }
                if let Ok(written) = dialect.write(body, &any) {
                    prop_assert!(strict::check(written.as_bytes()).is_ok(), "{}", written);
                }
            }
        }
    }

    #[test]
    fn an_exchange_with_a_fault_anywhere_comes_out_sound_and_settled(
        dialect in dialects(), mut peer in select(peers()), steps in vec(any::<usize>(), 1..6), fault in anything()
    ) {
        put(&mut peer, &steps, fault);
        let stream = StreamId::parse("1").unwrap();
        for dialect in [dialect, &ALL] {
            for body in bodies(&stream) {
                let text = peer.to_string();
                let Ok(once) = dialect.read(body, &text) else { continue };
                prop_assert!(strict::check(once.text.as_bytes()).is_ok(), "{}", once.text);
                let twice = dialect.read(body, &once.text).unwrap();
                prop_assert_eq!(value(&twice.text), value(&once.text), "{} {:?}", dialect, body);
            }
        }
    }

    #[test]
    fn unknown_members_keep_their_bytes(dialect in dialects(), claims in claims()) {
        let odd = r#"{ "z":1.0, "a" : 1e0,"u":"\u0041" }"#;
        let text = claims.to_string().replacen('{', &format!(r#"{{"x_odd":{odd},"#), 1);
        let written = dialect.write(Body::Claims, &text).unwrap();
        prop_assert!(written.contains(odd));
        prop_assert!(dialect.read_claims(&written).unwrap().text.contains(odd));
    }

    #[test]
    fn no_text_makes_a_dialect_panic(text in ".{0,80}") {
        let stream = StreamId::parse("1").unwrap();
        for body in bodies(&stream) {
            // Whatever the result: it is a result.
            let _ = (ALL.read(body, &text), ALL.write(body, &text));
        }
        prop_assert!(Dialect::recognise(&text).is_empty());
    }
}

//! Each deviation by itself: met, undone, committed, and left alone where it does not apply.

use ssf_types::dialect::{Body, Deviation, Dialect};

use crate::exchange::value;

/// A dialect that has this one deviation, in both directions.
fn only(deviation: Deviation) -> Dialect {
    let at = Deviation::ALL
        .iter()
        .position(|one| *one == deviation)
        .unwrap();
    let list = std::slice::from_ref(&Deviation::ALL[at]);
    Dialect::new("only", "one deviation")
        .reading(list)
        .writing(list)
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Way {
    /// There and back.
    Both,
    /// Read and never written.
    Read,
}

struct Case {
    deviation: Deviation,
    body: Body<'static>,
    way: Way,
    peer: &'static str,
    ssf: &'static str,
}

const fn both(
    deviation: Deviation,
    body: Body<'static>,
    peer: &'static str,
    ssf: &'static str,
) -> Case {
    Case {
        deviation,
        body,
        way: Way::Both,
        peer,
        ssf,
    }
}

const fn read(
    deviation: Deviation,
    body: Body<'static>,
    peer: &'static str,
    ssf: &'static str,
) -> Case {
    Case {
        deviation,
        body,
        way: Way::Read,
        peer,
        ssf,
    }
}

/// At least one case for each deviation. Deviations that name the stream are in `a_stream_id_that_is_left_out_…`.
const CASES: &[Case] = &[
    both(
        Deviation::SseEventUris,
        Body::Claims,
        r#"{"events":{"https://schemas.openid.net/secevent/sse/event-type/stream-updated":{"status":"paused"}}}"#,
        r#"{"events":{"https://schemas.openid.net/secevent/ssf/event-type/stream-updated":{"status":"paused"}}}"#,
    ),
    both(
        Deviation::SseEventUris,
        Body::CreateStream,
        r#"{"events_requested":["https://schemas.openid.net/secevent/sse/event-type/verification","urn:example:1"]}"#,
        r#"{"events_requested":["https://schemas.openid.net/secevent/ssf/event-type/verification","urn:example:1"]}"#,
    ),
    both(
        Deviation::RiscVerificationUri,
        Body::Stream(None),
        r#"{"events_delivered":["https://schemas.openid.net/secevent/risc/event-type/verification"]}"#,
        r#"{"events_delivered":["https://schemas.openid.net/secevent/ssf/event-type/verification"]}"#,
    ),
    both(
        Deviation::TokenClaimsChangedUri,
        Body::Claims,
        r#"{"events":{"https://schemas.openid.net/secevent/caep/event-type/token-claims-changed":{}}}"#,
        r#"{"events":{"https://schemas.openid.net/secevent/caep/event-type/token-claims-change":{}}}"#,
    ),
    both(
        Deviation::SubjectType,
        Body::Claims,
        r#"{"sub_id":{"subject_type":"aliases","identifiers":[{"subject_type":"opaque","id":"1"}]}}"#,
        r#"{"sub_id":{"format":"aliases","identifiers":[{"format":"opaque","id":"1"}]}}"#,
    ),
    both(
        Deviation::SubjectType,
        Body::Claims,
        r#"{"events":{"u":{"token_subject":{"subject_type":"email","email":"a@b.example"}}}}"#,
        r#"{"events":{"u":{"token_subject":{"format":"email","email":"a@b.example"}}}}"#,
    ),
    both(
        Deviation::IssSubHyphen,
        Body::Subject(None),
        r#"{"subject":{"format":"complex","user":{"format":"iss-sub","iss":"i","sub":"s"}}}"#,
        r#"{"subject":{"format":"complex","user":{"format":"iss_sub","iss":"i","sub":"s"}}}"#,
    ),
    both(
        Deviation::IssSubHyphen,
        Body::Claims,
        r#"{"sub_id":{"format":"complex","user":{"format":"aliases","identifiers":[{"format":"iss-sub","iss":"i","sub":"s"}]}}}"#,
        r#"{"sub_id":{"format":"complex","user":{"format":"aliases","identifiers":[{"format":"iss_sub","iss":"i","sub":"s"}]}}}"#,
    ),
    both(
        Deviation::TokenFormatHyphens,
        Body::Claims,
        r#"{"sub_id":{"format":"saml-assertion-id","issuer":"i","assertion_id":"a"}}"#,
        r#"{"sub_id":{"format":"saml_assertion_id","issuer":"i","assertion_id":"a"}}"#,
    ),
    both(
        Deviation::TokenFormatHyphens,
        Body::Claims,
        r#"{"sub_id":{"format":"jwt-id","iss":"i","jti":"j"}}"#,
        r#"{"sub_id":{"format":"jwt_id","iss":"i","jti":"j"}}"#,
    ),
    both(
        Deviation::PhoneFormat,
        Body::Claims,
        r#"{"sub_id":{"format":"phone","phone_number":"+12065550100"}}"#,
        r#"{"sub_id":{"format":"phone_number","phone_number":"+12065550100"}}"#,
    ),
    read(
        Deviation::PhoneFormat,
        Body::Claims,
        r#"{"sub_id":{"format":"phone","phone":"+12065550100"}}"#,
        r#"{"sub_id":{"format":"phone_number","phone_number":"+12065550100"}}"#,
    ),
    both(
        Deviation::SubjectUnderUser,
        Body::Claims,
        r#"{"sub_id":{"user":{"format":"opaque","id":"1"}}}"#,
        r#"{"sub_id":{"format":"opaque","id":"1"}}"#,
    ),
    both(
        Deviation::ComplexWithoutFormat,
        Body::Claims,
        r#"{"sub_id":{"device":{"format":"opaque","id":"1"}}}"#,
        r#"{"sub_id":{"device":{"format":"opaque","id":"1"},"format":"complex"}}"#,
    ),
    both(
        Deviation::SubjectInBoth,
        Body::Claims,
        r#"{"sub_id":{"format":"opaque","id":"1"},"events":{"https://schemas.openid.net/secevent/risc/event-type/opt-in":{"subject":{"id":"1","format":"opaque"}}}}"#,
        r#"{"sub_id":{"format":"opaque","id":"1"},"events":{"https://schemas.openid.net/secevent/risc/event-type/opt-in":{}}}"#,
    ),
    read(
        Deviation::SubjectsDiffer,
        Body::Claims,
        r#"{"sub_id":{"format":"opaque","id":"1"},"events":{"u":{"subject":{"format":"opaque","id":"2"}}}}"#,
        r#"{"sub_id":{"format":"opaque","id":"1"},"events":{"u":{"subject":{"format":"opaque","id":"2"}}}}"#,
    ),
    both(
        Deviation::SubjectInEvent,
        Body::Claims,
        r#"{"events":{"u":{"x":1.0,"subject":{"format":"opaque","id":"1"}}}}"#,
        r#"{"events":{"u":{"x":1.0}},"sub_id":{"format":"opaque","id":"1"}}"#,
    ),
    both(
        Deviation::FrameworkEventWithoutSubject,
        Body::Claims,
        r#"{"events":{"https://schemas.openid.net/secevent/ssf/event-type/verification":{}}}"#,
        r#"{"events":{"https://schemas.openid.net/secevent/ssf/event-type/verification":{}},"sub_id":{"format":"opaque","id":"implicit"}}"#,
    ),
    both(
        Deviation::TokenClaimsUnwrapped,
        Body::Claims,
        r#"{"events":{"https://schemas.openid.net/secevent/caep/event-type/token-claims-change":{"event_timestamp":5,"role":"x","n":1e0}}}"#,
        r#"{"events":{"https://schemas.openid.net/secevent/caep/event-type/token-claims-change":{"event_timestamp":5,"claims":{"role":"x","n":1e0}}}}"#,
    ),
    both(
        Deviation::ReasonAsText,
        Body::Claims,
        r#"{"events":{"https://schemas.openid.net/secevent/caep/event-type/session-revoked":{"reason_admin":"a \"b\"","reason_user":"c"}}}"#,
        r#"{"events":{"https://schemas.openid.net/secevent/caep/event-type/session-revoked":{"reason_admin":{"und":"a \"b\""},"reason_user":{"und":"c"}}}}"#,
    ),
    both(
        Deviation::MillisecondTimes,
        Body::Claims,
        r#"{"iat":1615304991000,"toe":1615304991640,"events":{"https://schemas.openid.net/secevent/caep/event-type/session-revoked":{"event_timestamp":1615304991643}}}"#,
        r#"{"iat":1615304991,"toe":1615304991.64,"events":{"https://schemas.openid.net/secevent/caep/event-type/session-revoked":{"event_timestamp":1615304991.643}}}"#,
    ),
    both(
        Deviation::LowerCaseLevels,
        Body::Claims,
        r#"{"events":{"https://schemas.openid.net/secevent/caep/event-type/risk-level-change":{"principal":"org_unit","current_level":"high","previous_level":"low"}}}"#,
        r#"{"events":{"https://schemas.openid.net/secevent/caep/event-type/risk-level-change":{"principal":"ORG_UNIT","current_level":"HIGH","previous_level":"LOW"}}}"#,
    ),
    both(
        Deviation::NewValueUnderscore,
        Body::Claims,
        r#"{"events":{"https://schemas.openid.net/secevent/risc/event-type/identifier-changed":{"new_value":"c@d.example"}}}"#,
        r#"{"events":{"https://schemas.openid.net/secevent/risc/event-type/identifier-changed":{"new-value":"c@d.example"}}}"#,
    ),
    both(
        Deviation::AmrAsText,
        Body::Claims,
        r#"{"events":{"https://schemas.openid.net/secevent/caep/event-type/session-established":{"amr":"otp"}}}"#,
        r#"{"events":{"https://schemas.openid.net/secevent/caep/event-type/session-established":{"amr":["otp"]}}}"#,
    ),
    both(
        Deviation::AssuranceWithoutNamespace,
        Body::Claims,
        r#"{"events":{"https://schemas.openid.net/secevent/caep/event-type/assurance-level-change":{"current_level":"nist-aal3"}}}"#,
        r#"{"events":{"https://schemas.openid.net/secevent/caep/event-type/assurance-level-change":{"current_level":"nist-aal3","namespace":"NIST-AAL"}}}"#,
    ),
    both(
        Deviation::NullState,
        Body::Claims,
        r#"{"events":{"https://schemas.openid.net/secevent/ssf/event-type/verification":{"state":null}}}"#,
        r#"{"events":{"https://schemas.openid.net/secevent/ssf/event-type/verification":{}}}"#,
    ),
    both(
        Deviation::NumericTxn,
        Body::Claims,
        r#"{"txn":8675309}"#,
        r#"{"txn":"8675309"}"#,
    ),
    read(
        Deviation::NumericTxn,
        Body::Claims,
        r#"{"txn":86753090000000000001.50}"#,
        r#"{"txn":"86753090000000000001.50"}"#,
    ),
    read(
        Deviation::ExpPresent,
        Body::Claims,
        r#"{"exp":"never","iat":1}"#,
        r#"{"iat":1}"#,
    ),
    both(
        Deviation::DeliveryMemberNames,
        Body::UpdateStream(None),
        r#"{"delivery":{"delivery_method":"m","url":"u","authorization_header":"Bearer x"}}"#,
        r#"{"delivery":{"method":"m","endpoint_url":"u","authorization_header":"Bearer x"}}"#,
    ),
    both(
        Deviation::RiscDeliveryMethods,
        Body::Stream(None),
        r#"{"delivery":{"method":"https://schemas.openid.net/secevent/risc/delivery-method/poll"}}"#,
        r#"{"delivery":{"method":"urn:ietf:rfc:8936"}}"#,
    ),
    both(
        Deviation::RiscDeliveryMethods,
        Body::Metadata,
        r#"{"delivery_methods_supported":["https://schemas.openid.net/secevent/risc/delivery-method/push","urn:example:pigeon"]}"#,
        r#"{"delivery_methods_supported":["urn:ietf:rfc:8935","urn:example:pigeon"]}"#,
    ),
    read(
        Deviation::TransmitterMembersInCreate,
        Body::CreateStream,
        r#"{"events_supported":[]}"#,
        r#"{"events_supported":[]}"#,
    ),
    read(
        Deviation::StreamSubjectFormat,
        Body::CreateStream,
        r#"{"subject_type":"email"}"#,
        r#"{"subject_type":"email"}"#,
    ),
    read(
        Deviation::NullEventsRequested,
        Body::Stream(None),
        r#"{"events_requested":null,"stream_id":"1"}"#,
        r#"{"stream_id":"1"}"#,
    ),
    both(
        Deviation::StreamsNotListed,
        Body::Streams(None),
        r#"{"stream_id":"1"}"#,
        r#"[{"stream_id":"1"}]"#,
    ),
    both(
        Deviation::PollAcks,
        Body::PollRequest,
        r#"{"acks":["1"],"maxEvents":0}"#,
        r#"{"ack":["1"],"maxEvents":0}"#,
    ),
    both(
        Deviation::SetDataCode,
        Body::PushError,
        r#"{"err":"setData"}"#,
        r#"{"err":"invalid_state"}"#,
    ),
    both(
        Deviation::SetDataCode,
        Body::PollRequest,
        r#"{"setErrs":{"1":{"err":"setData"},"2":{"err":"invalid_key"}}}"#,
        r#"{"setErrs":{"1":{"err":"invalid_state"},"2":{"err":"invalid_key"}}}"#,
    ),
];

#[test]
fn what_is_met_is_undone_and_told_once() {
    for case in CASES {
        let reading = only(case.deviation).read(case.body, case.peer).unwrap();
        assert_eq!(value(&reading.text), value(case.ssf), "{}", case.deviation);
        assert_eq!(reading.deviations, [case.deviation]);
    }
}

#[test]
fn what_is_written_is_what_the_peer_reads() {
    for case in CASES {
        let expected = match case.way {
            Way::Both => case.peer,
            Way::Read => continue,
        };
        let written = only(case.deviation).write(case.body, case.ssf).unwrap();
        assert_eq!(value(&written), value(expected), "{}", case.deviation);
    }
}

#[test]
fn every_deviation_has_a_case() {
    for deviation in Deviation::ALL {
        let by_name = *deviation == Deviation::StreamIdLeftOut;
        assert!(
            by_name || CASES.iter().any(|case| case.deviation == *deviation),
            "{deviation}"
        );
    }
}

#[test]
fn what_is_right_already_is_not_touched_in_reading() {
    for case in CASES.iter().filter(|case| case.peer != case.ssf) {
        let reading = only(case.deviation).read(case.body, case.ssf).unwrap();
        assert_eq!(reading.text, case.ssf, "{}", case.deviation);
        assert_eq!(reading.deviations, []);
    }
}

#[test]
fn what_is_never_written_is_not_written() {
    for deviation in [
        Deviation::SubjectsDiffer,
        Deviation::ExpPresent,
        Deviation::TransmitterMembersInCreate,
        Deviation::StreamSubjectFormat,
        Deviation::NullEventsRequested,
    ] {
        let case = CASES
            .iter()
            .find(|case| case.deviation == deviation)
            .unwrap();
        assert_eq!(
            only(deviation).write(case.body, case.ssf).unwrap(),
            case.ssf
        );
        for dialect in Dialect::ALL {
            assert!(
                !dialect.writes.contains(&deviation),
                "{dialect} {deviation}"
            );
        }
    }
}

/// What could be taken for a deviation, and is none.
const ALIKE: &[(Deviation, Body<'static>, &str)] = &[
    // Both spellings at once are a fault for the strict reader to find.
    (
        Deviation::DeliveryMemberNames,
        Body::CreateStream,
        r#"{"delivery":{"url":"a","endpoint_url":"b"}}"#,
    ),
    (
        Deviation::PollAcks,
        Body::PollRequest,
        r#"{"acks":["1"],"ack":["2"]}"#,
    ),
    (
        Deviation::SubjectType,
        Body::Claims,
        r#"{"sub_id":{"subject_type":"email","format":"opaque"}}"#,
    ),
    // A member that is called so and is something else.
    (
        Deviation::SubjectInEvent,
        Body::Claims,
        r#"{"events":{"u":{"subject":"Re: hello"}}}"#,
    ),
    (
        Deviation::SubjectInEvent,
        Body::Claims,
        r#"{"events":{"u":{"subject":{}},"v":{}}}"#,
    ),
    (
        Deviation::SubjectType,
        Body::Claims,
        r#"{"subject_type":"email"}"#,
    ),
    (Deviation::ExpPresent, Body::Metadata, r#"{"exp":1}"#),
    (Deviation::NumericTxn, Body::Claims, r#"{"txn":[1]}"#),
    (
        Deviation::ReasonAsText,
        Body::Claims,
        r#"{"events":{"urn:example:smoke":{"reason_admin":"x"}}}"#,
    ),
    (
        Deviation::MillisecondTimes,
        Body::Claims,
        r#"{"events":{"urn:example:smoke":{"event_timestamp":1615304991643}}}"#,
    ),
    // Neither seconds before the year 5138 nor microseconds are milliseconds.
    (
        Deviation::MillisecondTimes,
        Body::Claims,
        r#"{"iat":99999999999,"toe":1615304991643000}"#,
    ),
    (
        Deviation::LowerCaseLevels,
        Body::Claims,
        r#"{"events":{"https://schemas.okta.com/secevent/okta/event-type/user-risk-change":{"current_level":"high"}}}"#,
    ),
    (
        Deviation::LowerCaseLevels,
        Body::Claims,
        r#"{"events":{"https://schemas.openid.net/secevent/caep/event-type/risk-level-change":{"principal":"robot"}}}"#,
    ),
    (
        Deviation::AssuranceWithoutNamespace,
        Body::Claims,
        r#"{"events":{"https://schemas.openid.net/secevent/caep/event-type/assurance-level-change":{"current_level":"2"}}}"#,
    ),
    (
        Deviation::ComplexWithoutFormat,
        Body::Claims,
        r#"{"sub_id":{"user":{"email":"a@b.example"}}}"#,
    ),
    (
        Deviation::ComplexWithoutFormat,
        Body::Claims,
        r#"{"sub_id":{}}"#,
    ),
    (
        Deviation::SubjectUnderUser,
        Body::Claims,
        r#"{"sub_id":{"user":{"format":"opaque","id":"1"},"device":{"format":"opaque","id":"2"}}}"#,
    ),
    (
        Deviation::FrameworkEventWithoutSubject,
        Body::Claims,
        r#"{"events":{"https://schemas.openid.net/secevent/caep/event-type/session-revoked":{}}}"#,
    ),
    (
        Deviation::StreamIdLeftOut,
        Body::Status(None),
        r#"{"status":"enabled"}"#,
    ),
];

#[test]
fn what_looks_like_a_deviation_and_is_none_is_read_as_it_stands() {
    for &(deviation, body, text) in ALIKE {
        let reading = only(deviation).read(body, text).unwrap();
        assert_eq!(reading.text, text, "{deviation}");
        assert_eq!(reading.deviations, []);
    }
}

/// Claims that a deviation cannot tell without losing something.
const LOST: &[(Deviation, &str)] = &[
    (
        Deviation::ReasonAsText,
        r#"{"events":{"https://schemas.openid.net/secevent/caep/event-type/session-revoked":{"reason_admin":{"en":"x"}}}}"#,
    ),
    (
        Deviation::ReasonAsText,
        r#"{"events":{"https://schemas.openid.net/secevent/caep/event-type/session-revoked":{"reason_admin":{"und":"x","en":"y"}}}}"#,
    ),
    (
        Deviation::AmrAsText,
        r#"{"events":{"https://schemas.openid.net/secevent/caep/event-type/session-established":{"amr":["otp","pwd"]}}}"#,
    ),
    (
        Deviation::AssuranceWithoutNamespace,
        r#"{"events":{"https://schemas.openid.net/secevent/caep/event-type/assurance-level-change":{"namespace":"NIST-IAL","current_level":"nist-aal2"}}}"#,
    ),
    (
        Deviation::TokenClaimsUnwrapped,
        r#"{"events":{"https://schemas.openid.net/secevent/caep/event-type/token-claims-change":{"claims":{"role":"x"},"x_foo":1}}}"#,
    ),
    (
        Deviation::TokenClaimsUnwrapped,
        r#"{"events":{"https://schemas.openid.net/secevent/caep/event-type/token-claims-change":{"claims":{"subject":"x"}}}}"#,
    ),
    (
        Deviation::SubjectInEvent,
        r#"{"sub_id":{"format":"opaque","id":"1"},"events":{"u":{"subject":"Re: hello"}}}"#,
    ),
    (
        Deviation::SubjectInBoth,
        r#"{"sub_id":{"format":"opaque","id":"1"},"events":{"https://schemas.openid.net/secevent/ssf/event-type/verification":{}}}"#,
    ),
    (
        Deviation::FrameworkEventWithoutSubject,
        r#"{"sub_id":{"format":"opaque","id":"1"},"events":{"https://schemas.openid.net/secevent/ssf/event-type/verification":{}}}"#,
    ),
    (Deviation::NumericTxn, r#"{"txn":"007"}"#),
    (Deviation::NumericTxn, r#"{"txn":"9007199254740993"}"#),
    (Deviation::MillisecondTimes, r#"{"iat":1000}"#),
];

#[test]
fn what_would_be_lost_is_written_as_ssf_1_0_has_it() {
    for &(deviation, text) in LOST {
        let written = only(deviation).write(Body::Claims, text).unwrap();
        assert_eq!(written, text, "{deviation}");
    }
}

#[test]
fn a_complex_subject_of_a_user_alone_comes_back_as_that_user() {
    let claims =
        r#"{"sub_id":{"format":"complex","user":{"format":"opaque","id":"1"}},"events":{"u":{}}}"#;
    let written = Dialect::OKTA.write(Body::Claims, claims).unwrap();
    assert_eq!(
        value(&written),
        value(r#"{"events":{"u":{"subject":{"user":{"format":"opaque","id":"1"}}}}}"#)
    );
    assert_eq!(
        value(&Dialect::OKTA.read_claims(&written).unwrap().text),
        value(r#"{"sub_id":{"format":"opaque","id":"1"},"events":{"u":{}}}"#)
    );
}

#[test]
fn a_stream_id_that_is_left_out_is_that_of_the_stream_asked_for() {
    let stream = ssf_types::id::StreamId::parse("f67e39a0").unwrap();
    let dialect = only(Deviation::StreamIdLeftOut);
    for body in [
        Body::UpdateStream(Some(&stream)),
        Body::Stream(Some(&stream)),
        Body::Status(Some(&stream)),
        Body::Subject(Some(&stream)),
        Body::Verification(Some(&stream)),
    ] {
        let reading = dialect.read(body, r#"{"x":1.0}"#).unwrap();
        assert_eq!(reading.text, r#"{"x":1.0,"stream_id":"f67e39a0"}"#);
        assert_eq!(dialect.write(body, &reading.text).unwrap(), r#"{"x":1.0}"#);
        let other = r#"{"stream_id":"another"}"#;
        assert_eq!(dialect.read(body, other).unwrap().text, other);
    }
}

#[test]
fn a_list_of_streams_is_read_entry_by_entry() {
    let dialect = only(Deviation::DeliveryMemberNames);
    let reading = dialect
        .read(
            Body::Streams(None),
            r#"[{"delivery":{"url":"a"}},{"delivery":{"url":"b"}}]"#,
        )
        .unwrap();
    assert_eq!(
        reading.text,
        r#"[{"delivery":{"endpoint_url":"a"}},{"delivery":{"endpoint_url":"b"}}]"#
    );
    assert_eq!(reading.deviations, [Deviation::DeliveryMemberNames]);
    let listed = only(Deviation::StreamsNotListed);
    let two = r#"[{"stream_id":"1"},{"stream_id":"2"}]"#;
    assert_eq!(listed.write(Body::Streams(None), two).unwrap(), two);
    assert_eq!(
        dialect
            .read(Body::Streams(None), "7")
            .unwrap_err()
            .to_string(),
        "the answer must be an array of stream configurations"
    );
}

#[test]
fn a_text_that_is_no_object_is_refused_without_being_repeated() {
    let error = Dialect::OKTA
        .read_claims(r#""alice@example.com""#)
        .unwrap_err();
    assert_eq!(error.to_string(), "not a JSON object");
    assert!(Dialect::OKTA.write(Body::Claims, "[]").is_err());
}

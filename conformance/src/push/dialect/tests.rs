use super::*;

fn written(dialect: Dialect, subject: &Value, uri: &str) -> Value {
    let claims = json!({ "iat": 1000, "sub_id": subject, "events": { uri: { "a": 1 } } });
    Value::Object(dialect.write(claims.as_object().unwrap().clone()))
}

fn email() -> Value {
    json!({ "format": "email", "email": "a@example.com" })
}

#[test]
fn each_dialect_is_known_by_its_name() {
    for dialect in Dialect::ALL {
        assert_eq!(Dialect::named(dialect.as_str()), Some(dialect));
        let read: Dialect = serde_json::from_value(json!(dialect.as_str())).unwrap();
        assert_eq!(read, dialect);
    }
    assert_eq!(Dialect::named("ssf-1.0"), None);
}

#[test]
fn a_simple_subject_stands_where_the_dialect_has_it() {
    let typed = json!({ "subject_type": "email", "email": "a@example.com" });
    for (dialect, uri, subject, sub_id) in [
        (Dialect::SseId1, SESSION_REVOKED, Some(email()), None),
        (Dialect::Risc2018, SESSIONS_REVOKED, Some(typed), None),
        (
            Dialect::Okta,
            SESSION_REVOKED,
            Some(json!({ "user": email() })),
            None,
        ),
        (
            Dialect::SsfId2,
            SESSION_REVOKED,
            Some(email()),
            Some(email()),
        ),
        (Dialect::SsfId3, SESSION_REVOKED, None, Some(email())),
    ] {
        let claims = written(dialect, &email(), SESSION_REVOKED);
        let event = &claims["events"][uri];
        assert_eq!(event["a"], 1, "{dialect:?}");
        assert_eq!(event.get("subject"), subject.as_ref(), "{dialect:?}");
        assert_eq!(claims.get("sub_id"), sub_id.as_ref(), "{dialect:?}");
        assert!(claims.get("exp").is_none(), "{dialect:?}");
    }
}

#[test]
fn a_complex_subject_loses_its_format_where_the_dialect_has_none() {
    let complex = json!({ "format": "complex", "user": email(), "device": email() });
    let bare = json!({ "user": email(), "device": email() });
    for (dialect, expected) in [
        (Dialect::SseId1, &bare),
        (Dialect::Okta, &bare),
        (Dialect::Authentik, &complex),
    ] {
        let claims = written(dialect, &complex, SESSION_REVOKED);
        assert_eq!(claims["events"][SESSION_REVOKED]["subject"], *expected);
    }
}

#[test]
fn a_verification_of_old_is_about_nobody() {
    let stream = json!({ "format": "opaque", "id": "a" });
    for (dialect, uri) in [
        (Dialect::SseId1, SSE_VERIFICATION),
        (Dialect::GoogleRisc, RISC_VERIFICATION),
    ] {
        let claims = written(dialect, &stream, VERIFICATION);
        assert_eq!(claims["events"], json!({ uri: { "a": 1 } }));
        assert!(claims.get("sub_id").is_none());
    }
    let claims = written(Dialect::Authentik, &stream, VERIFICATION);
    assert_eq!(claims["events"][VERIFICATION]["subject"], stream);
}

#[test]
fn the_formats_have_their_older_names_and_google_says_until_when() {
    let pair = json!({ "format": "iss_sub", "iss": "a", "sub": "b" });
    let claims = written(Dialect::GoogleRisc, &pair, SESSION_REVOKED);
    let subject = &claims["events"][SESSIONS_REVOKED]["subject"];
    assert_eq!(
        *subject,
        json!({ "subject_type": "iss-sub", "iss": "a", "sub": "b" })
    );
    assert_eq!(claims["exp"], 4600);
    let phone = json!({ "format": "phone_number", "phone_number": "+15550100" });
    let claims = written(Dialect::Risc2018, &phone, SESSION_REVOKED);
    let subject = &claims["events"][SESSIONS_REVOKED]["subject"];
    assert_eq!(subject["subject_type"], "phone");
}

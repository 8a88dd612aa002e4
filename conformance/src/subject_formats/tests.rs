use serde_json::json;

use super::*;

fn is_sound(subject: &Value) -> bool {
    let members = subject.as_object().unwrap();
    let format = SubjectFormat::named(members["format"].as_str().unwrap());
    format.unwrap().is_sound(members)
}

#[test]
fn the_subjects_of_the_specifications_are_sound() {
    for subject in [
        json!({ "format": "account", "uri": "acct:example.user@service.example.com" }),
        json!({ "format": "email", "email": "user@example.com" }),
        json!({ "format": "email", "email": "\"a b\"@example.com" }),
        json!({ "format": "iss_sub", "iss": "https://issuer.example.com/", "sub": "145234573" }),
        json!({ "format": "opaque", "id": "11112222333344445555" }),
        json!({ "format": "phone_number", "phone_number": "+12065550100" }),
        json!({ "format": "did", "url": "did:example:123456/did/url/path?versionId=1" }),
        json!({ "format": "uri", "uri": "urn:uuid:4e851e98-83c4-4743-a5da-150ecb53042f" }),
        json!({ "format": "aliases", "identifiers": [{ "format": "email", "email": "a@example.com" }] }),
        json!({ "format": "jwt_id", "iss": "https://idp.example.com/", "jti": "B70BA622" }),
        json!({ "format": "saml_assertion_id", "issuer": "https://idp.example.com/", "assertion_id": "_8e8dc5f6" }),
        json!({ "format": "ip-addresses", "ip-addresses": ["10.29.37.75", "2001:0db8:0000:0000:0000:8a2e:0370:7334"] }),
        json!({ "format": "complex", "user": { "format": "opaque", "id": "a" } }),
    ] {
        assert!(is_sound(&subject), "{subject}");
    }
}

#[test]
fn what_the_formats_do_not_allow_is_told() {
    for subject in [
        json!({ "format": "account", "uri": "https://example.com/user" }),
        json!({ "format": "email", "email": "User <user@example.com>" }),
        json!({ "format": "email", "email": "mailto:user@example.com" }),
        json!({ "format": "iss_sub", "sub": "145234573" }),
        json!({ "format": "opaque", "id": 7 }),
        json!({ "format": "phone_number", "phone_number": "+1 206 555 0100" }),
        json!({ "format": "phone_number", "phone_number": "12065550100" }),
        json!({ "format": "did", "url": "did:example" }),
        json!({ "format": "uri", "uri": "/user" }),
        json!({ "format": "aliases", "identifiers": [] }),
        json!({ "format": "aliases", "identifiers": ["user@example.com"] }),
        json!({ "format": "jwt_id", "iss": "https://idp.example.com/" }),
        json!({ "format": "saml_assertion_id", "iss": "https://idp.example.com/", "assertion_id": "_8e8dc5f6" }),
        json!({ "format": "ip-addresses", "ip-addresses": "10.29.37.75" }),
        json!({ "format": "ip-addresses", "ip-addresses": ["10.29.37.750"] }),
        json!({ "format": "complex" }),
        json!({ "format": "complex", "user": "a" }),
        json!({ "format": "complex", "user": { "format": "complex" } }),
    ] {
        assert!(!is_sound(&subject), "{subject}");
    }
}

#[test]
fn a_name_is_in_small_letters_or_a_uri() {
    for name in ["ip-addresses", "jwt_id", "urn:example:badge"] {
        assert!(is_format_name(name), "{name}");
    }
    for name in ["", "Email", "ip addresses", "e.mail"] {
        assert!(!is_format_name(name), "{name}");
    }
}

#[test]
fn tokens_and_clients_are_what_their_draft_has() {
    let is_sound = |format: &SubjectFormat, json: &str| {
        let Ok(Value::Object(subject)) = serde_json::from_str(json) else {
            panic!("{json}");
        };
        format.is_sound(&subject)
    };
    let token = |kind: &str, algorithm: &str, token: &str| {
        format!(
            r#"{{"token_type":"{kind}","token_identifier_alg":"{algorithm}","token":"{token}"}}"#
        )
    };
    for (kind, algorithm) in [
        ("access_token", "plain"),
        ("authorization_code", "prefix"),
        ("refresh_token", "hash_SHA256"),
    ] {
        assert!(is_sound(&OAUTH_TOKEN, &token(kind, algorithm, "7265")));
    }
    for (kind, algorithm, value) in [
        ("id_token", "plain", "7265"),
        ("access_token", "hash_", "7265"),
        ("access_token", "sha256", "7265"),
        ("access_token", "plain", ""),
    ] {
        assert!(!is_sound(&OAUTH_TOKEN, &token(kind, algorithm, value)));
    }
    assert!(!is_sound(&OAUTH_TOKEN, r#"{"token":"7265"}"#));
    assert!(is_sound(&OAUTH_CLIENT, r#"{"client_id":"s6BhdRkqt3"}"#));
    assert!(!is_sound(&OAUTH_CLIENT, r#"{"client_id":7}"#));
}

//! The examples of the specifications, byte for byte: what a strict reader says of each, and that nothing gets lost.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde::Serialize;
use serde_json::{Value, json};
use ssf_types::{
    audience::Audience,
    error::Chain,
    event::{Event, EventPayload, caep::SessionRevoked},
    json::{self, JsonError},
    metadata::TransmitterMetadata,
    poll::{PollRequest, PollResponse},
    push::PushError,
    set::{Expectation, Header, SetError, UnverifiedSet, Verifier},
    stream::{
        AddSubject, CreateStream, RemoveSubject, ReplaceStream, StatusConfiguration,
        StreamConfiguration, UpdateStatus, UpdateStream, VerificationRequest,
    },
    subject::Subject,
    time::Timestamp,
    uri::{EventTypeUri, Issuer},
};

/// When the SETs are received: 2026-01-01, after the specifications were published.
const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);

/// What a file holds.
#[derive(Clone, Copy)]
enum Kind {
    /// The JOSE header of a SET.
    Header,
    /// The claims of a SET.
    Set,
    /// A subject identifier.
    Subject,
    /// A subject identifier as the member `sub_id` or `subject`, without the braces around it.
    SubjectMember,
    /// Common claims of a CAEP event.
    CommonClaims,
    /// Some members of transmitter metadata.
    MetadataMembers,
    /// One entry of `authorization_schemes`.
    AuthorizationScheme,
    /// Transmitter metadata.
    Metadata,
    /// A request for a stream.
    Create,
    /// A stream configuration.
    Stream,
    /// A list of stream configurations.
    Streams,
    /// A request to change members of a stream configuration.
    Update,
    /// A request to replace a stream configuration.
    Replace,
    /// The status of a stream.
    Status,
    /// A request to change the status of a stream.
    UpdateStatus,
    /// A request to add a subject.
    Add,
    /// A request to remove a subject.
    Remove,
    /// A request for a verification event.
    Verify,
    /// The body that tells why a pushed SET was refused.
    PushError,
    /// A request for SETs.
    Poll,
    /// The answer to it.
    Polled,
}

/// Each file with what it holds, and the error of a strict reader if it refuses it.
const EXAMPLES: &[(&str, Kind, Option<&str>)] = &[
    ("caep-1.0/2-reason-admin.json", Kind::CommonClaims, None),
    ("caep-1.0/2-reason-user.json", Kind::CommonClaims, None),
    (
        "caep-1.0/3.1.2-session-revoked-of-session.json",
        Kind::Set,
        None,
    ),
    (
        "caep-1.0/3.1.2-session-revoked-of-user-device-and-tenant.json",
        Kind::Set,
        None,
    ),
    (
        "caep-1.0/3.1.2-session-revoked-of-user-session-and-tenant.json",
        Kind::Set,
        None,
    ),
    (
        "caep-1.0/3.2.2-token-claims-change-oidc-with-optional-claims.json",
        Kind::Set,
        None,
    ),
    (
        "caep-1.0/3.2.2-token-claims-change-oidc.json",
        Kind::Set,
        None,
    ),
    (
        "caep-1.0/3.2.2-token-claims-change-saml.json",
        Kind::Set,
        None,
    ),
    (
        "caep-1.0/3.3.2-credential-change-fido2.json",
        Kind::Set,
        None,
    ),
    (
        "caep-1.0/3.4.2-assurance-level-custom.json",
        Kind::Set,
        None,
    ),
    (
        "caep-1.0/3.4.2-assurance-level-increase.json",
        Kind::Set,
        None,
    ),
    (
        "caep-1.0/3.5.2-device-out-of-compliance.json",
        Kind::Set,
        None,
    ),
    ("caep-1.0/3.6.2-session-established.json", Kind::Set, None),
    ("caep-1.0/3.7.2-session-presented.json", Kind::Set, None),
    ("caep-1.0/3.8.2-risk-level-change.json", Kind::Set, None),
    (
        "caep-interop-1.0/2.3.7-authorization-scheme.json",
        Kind::AuthorizationScheme,
        None,
    ),
    (
        "oauth-event-types-2018/2.1-oauth-token.json",
        Kind::SubjectMember,
        Some("format is missing"),
    ),
    (
        "oauth-event-types-2018/2.2-oauth-client.json",
        Kind::SubjectMember,
        Some("format is missing"),
    ),
    (
        "oauth-event-types-2018/3.1-token-issued.json",
        Kind::Set,
        Some("the claims are faulty: not JSON (line 8, column 0)"),
    ),
    (
        "oauth-event-types-2018/3.2-token-revoked.json",
        Kind::Set,
        Some("the claims are faulty: not JSON (line 8, column 0)"),
    ),
    (
        "oauth-event-types-2018/3.3-tokens-revoked.json",
        Kind::Set,
        Some("the claims are faulty: not JSON (line 8, column 0)"),
    ),
    (
        "oauth-event-types-2018/3.4-client-disabled.json",
        Kind::Set,
        Some("the claims are faulty: not JSON (line 8, column 0)"),
    ),
    (
        "rfc8417/2.1.1-scim.json",
        Kind::Set,
        Some("sub must not be there: sub_id names the subject"),
    ),
    (
        "rfc8417/2.1.2-logout.json",
        Kind::Set,
        Some("sub must not be there: sub_id names the subject"),
    ),
    (
        "rfc8417/2.1.3-consent.json",
        Kind::Set,
        Some("the claims are faulty: sub_id is missing"),
    ),
    (
        "rfc8417/2.1.4-risc.json",
        Kind::Set,
        Some("the claims are faulty: sub_id is missing"),
    ),
    (
        "rfc8935/2.3-authentication-failed.json",
        Kind::PushError,
        None,
    ),
    ("rfc8935/2.3-invalid-key.json", Kind::PushError, None),
    ("rfc8936/2.4.1-poll-at-once.json", Kind::Poll, None),
    ("rfc8936/2.4.1-poll-with-defaults.json", Kind::Poll, None),
    ("rfc8936/2.4.2-acknowledge-only.json", Kind::Poll, None),
    ("rfc8936/2.4.3-poll-and-acknowledge.json", Kind::Poll, None),
    (
        "rfc8936/2.4.4-poll-acknowledge-and-refuse.json",
        Kind::Poll,
        None,
    ),
    ("rfc8936/2.5-no-sets.json", Kind::Polled, None),
    ("rfc9493/3.2.1-account.json", Kind::Subject, None),
    ("rfc9493/3.2.2-email.json", Kind::Subject, None),
    ("rfc9493/3.2.3-iss-sub.json", Kind::Subject, None),
    ("rfc9493/3.2.4-opaque.json", Kind::Subject, None),
    ("rfc9493/3.2.5-phone-number.json", Kind::Subject, None),
    ("rfc9493/3.2.6-did-with-path.json", Kind::Subject, None),
    ("rfc9493/3.2.6-did.json", Kind::Subject, None),
    ("rfc9493/3.2.7-uri-urn.json", Kind::Subject, None),
    ("rfc9493/3.2.7-uri.json", Kind::Subject, None),
    ("rfc9493/3.2.8-aliases.json", Kind::Subject, None),
    (
        "risc-1.0/2.1-account-credential-change-required.json",
        Kind::Set,
        None,
    ),
    (
        "risc-1.0/2.3-account-disabled.json",
        Kind::Set,
        Some("the claims are faulty: not JSON (line 10, column 3)"),
    ),
    ("risc-1.0/2.5-identifier-changed.json", Kind::Set, None),
    ("risc-1.0/2.6-identifier-recycled.json", Kind::Set, None),
    ("risc-1.0/2.7-credential-compromise.json", Kind::Set, None),
    ("ssf-1.0/3.2-simple-subject.json", Kind::SubjectMember, None),
    (
        "ssf-1.0/3.3-complex-subject.json",
        Kind::SubjectMember,
        None,
    ),
    ("ssf-1.0/3.5.1-jwt-id.json", Kind::Subject, None),
    ("ssf-1.0/3.5.2-saml-assertion-id.json", Kind::Subject, None),
    ("ssf-1.0/3.5.3-ip-addresses.json", Kind::Subject, None),
    (
        "ssf-1.0/4.1.1-header.json",
        Kind::Header,
        Some("alg must be RS256, PS256, ES256 or EdDSA"),
    ),
    ("ssf-1.0/4.1.8-set-with-array-aud.json", Kind::Set, None),
    ("ssf-1.0/5-set-with-complex-subject.json", Kind::Set, None),
    (
        "ssf-1.0/5-set-with-phone-number.json",
        Kind::Set,
        Some(
            "the claims are faulty: sub_id.phone_number must be an E.164 number: +, then 2 to 15 digits, without blanks",
        ),
    ),
    ("ssf-1.0/5-set-with-properties.json", Kind::Set, None),
    (
        "ssf-1.0/5-set-with-proprietary-subject.json",
        Kind::Set,
        Some("iat lies in the future; seconds since 1970 are expected"),
    ),
    (
        "ssf-1.0/5-set-with-simple-subject-and-property.json",
        Kind::Set,
        None,
    ),
    ("ssf-1.0/5-set-with-simple-subject.json", Kind::Set, None),
    ("ssf-1.0/7.1-spec-version.json", Kind::MetadataMembers, None),
    (
        "ssf-1.0/7.1.1-authorization-scheme.json",
        Kind::AuthorizationScheme,
        None,
    ),
    ("ssf-1.0/7.2.3-metadata.json", Kind::Metadata, None),
    ("ssf-1.0/8.1.1.1-create-request.json", Kind::Create, None),
    ("ssf-1.0/8.1.1.1-create-response.json", Kind::Stream, None),
    ("ssf-1.0/8.1.1.2-list-of-none.json", Kind::Streams, None),
    ("ssf-1.0/8.1.1.2-list-of-one.json", Kind::Streams, None),
    ("ssf-1.0/8.1.1.2-list-of-two.json", Kind::Streams, None),
    ("ssf-1.0/8.1.1.2-read-response.json", Kind::Stream, None),
    ("ssf-1.0/8.1.1.3-update-request.json", Kind::Update, None),
    ("ssf-1.0/8.1.1.3-update-response.json", Kind::Stream, None),
    ("ssf-1.0/8.1.1.4-replace-request.json", Kind::Replace, None),
    ("ssf-1.0/8.1.1.4-replace-response.json", Kind::Stream, None),
    ("ssf-1.0/8.1.2.1-status-response.json", Kind::Status, None),
    (
        "ssf-1.0/8.1.2.2-status-request-with-reason.json",
        Kind::UpdateStatus,
        None,
    ),
    (
        "ssf-1.0/8.1.2.2-status-request.json",
        Kind::UpdateStatus,
        None,
    ),
    ("ssf-1.0/8.1.2.2-status-response.json", Kind::Status, None),
    ("ssf-1.0/8.1.3.1-match-1-added.json", Kind::Subject, None),
    ("ssf-1.0/8.1.3.1-match-1-event.json", Kind::Subject, None),
    ("ssf-1.0/8.1.3.1-match-2-added.json", Kind::Subject, None),
    ("ssf-1.0/8.1.3.1-match-2-event.json", Kind::Subject, None),
    ("ssf-1.0/8.1.3.1-no-match-added.json", Kind::Subject, None),
    ("ssf-1.0/8.1.3.1-no-match-event.json", Kind::Subject, None),
    ("ssf-1.0/8.1.3.2-add-request.json", Kind::Add, None),
    ("ssf-1.0/8.1.3.3-remove-request.json", Kind::Remove, None),
    (
        "ssf-1.0/8.1.4.2-verification-request.json",
        Kind::Verify,
        None,
    ),
    ("ssf-1.0/8.1.4.2-verification-set.json", Kind::Set, None),
    ("ssf-1.0/8.1.5-stream-updated-set.json", Kind::Set, None),
];

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn text(name: &str) -> String {
    fs::read_to_string(directory().join(name)).unwrap()
}

/// All JSON files below `directory`, by their paths from `root`.
fn files(root: &Path, directory: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.append(&mut files(root, &path));
        } else if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let parts: Vec<&str> = path
                .strip_prefix(root)
                .unwrap()
                .iter()
                .map(|part| part.to_str().unwrap())
                .collect();
            found.insert(parts.join("/"));
        }
    }
    found
}

/// What the types make of the text of an example, as JSON again.
fn read(kind: Kind, text: &str) -> Result<Value, Box<dyn Error>> {
    let body = text.as_bytes();
    match kind {
        Kind::Header => read_header(text),
        Kind::Set => read_set(text),
        Kind::Subject => written(json::check(body).and_then(Subject::read)),
        Kind::SubjectMember => {
            let object: Value = serde_json::from_str(&format!("{{{text}}}"))?;
            let (name, subject) = object.as_object().unwrap().iter().next().unwrap();
            let subject = written(Subject::read(&subject.to_string()))?;
            Ok(json!({ (name): subject }))
        }
        Kind::CommonClaims => {
            let uri = EventTypeUri::parse(SessionRevoked::URI)?;
            let event = Event::read(&uri, json::check(body)?)?;
            Ok(serde_json::to_value(event.common())?)
        }
        Kind::MetadataMembers => read_metadata(&serde_json::from_str(text)?),
        Kind::AuthorizationScheme => {
            let scheme: Value = serde_json::from_str(text)?;
            let read = read_metadata(&json!({ "authorization_schemes": [scheme] }))?;
            Ok(read["authorization_schemes"][0].clone())
        }
        Kind::Metadata => {
            let issuer = Issuer::parse("https://tr.example.com")?;
            written(TransmitterMetadata::parse(body, &issuer))
        }
        Kind::Create => written(CreateStream::parse(body)),
        Kind::Stream => written(StreamConfiguration::parse(body)),
        Kind::Streams => written(StreamConfiguration::parse_list(body)),
        Kind::Update => written(UpdateStream::parse(body)),
        Kind::Replace => written(ReplaceStream::parse(body)),
        Kind::Status => written(StatusConfiguration::parse(body)),
        Kind::UpdateStatus => written(UpdateStatus::parse(body)),
        Kind::Add => written(AddSubject::parse(body)),
        Kind::Remove => written(RemoveSubject::parse(body)),
        Kind::Verify => written(VerificationRequest::parse(body)),
        Kind::PushError => written(PushError::read(text)),
        Kind::Poll => written(PollRequest::parse(body)),
        Kind::Polled => written(PollResponse::parse(body)),
    }
}

fn written<T: Serialize>(read: Result<T, JsonError>) -> Result<Value, Box<dyn Error>> {
    Ok(serde_json::to_value(read?)?)
}

/// Members of metadata, read with an `issuer` beside them.
fn read_metadata(members: &Value) -> Result<Value, Box<dyn Error>> {
    let mut document = members.clone();
    document["issuer"] = json!("https://tr.example.com");
    let issuer = Issuer::parse("https://tr.example.com")?;
    let metadata = TransmitterMetadata::parse(document.to_string().as_bytes(), &issuer);
    let mut read = written(metadata)?;
    read.as_object_mut().unwrap().remove("issuer");
    Ok(read)
}

/// Takes every signature for good: the examples have none.
struct Unsigned;

impl Verifier for Unsigned {
    fn check(&self, _: &Header, _: &[u8], _: &[u8]) -> Result<(), SetError> {
        Ok(())
    }
}

fn token(header: &str, claims: &str) -> Vec<u8> {
    let (header, claims) = (BASE64URL.encode(header), BASE64URL.encode(claims));
    format!("{header}.{claims}.c2lnbmF0dXJl").into_bytes()
}

fn read_header(text: &str) -> Result<Value, Box<dyn Error>> {
    let set = UnverifiedSet::parse(&token(text, r#"{"iss":"https://tr.example.com"}"#))?;
    Ok(json!({ "typ": "secevent+jwt", "alg": set.header().alg.as_str() }))
}

/// Reads claims as the Receiver would for whom the example was made.
fn read_set(text: &str) -> Result<Value, Box<dyn Error>> {
    let set = UnverifiedSet::parse(&token(r#"{"alg":"RS256","typ":"secevent+jwt"}"#, text))?;
    let claims: Value = serde_json::from_str(text)?;
    let audience: Audience = serde_json::from_value(claims["aud"].clone())?;
    let expected = Expectation::new(Issuer::parse(set.unverified_issuer())?, audience);
    let verified = set.verify(&Unsigned, &expected, NOW)?;
    Ok(serde_json::to_value(verified.claims())?)
}

#[test]
fn every_file_is_listed_and_every_listed_file_is_there() {
    let listed: BTreeSet<String> = EXAMPLES
        .iter()
        .map(|(name, ..)| (*name).to_owned())
        .collect();
    assert_eq!(listed, files(&directory(), &directory()));
    assert_eq!(listed.len(), EXAMPLES.len(), "a file is listed twice");
}

#[test]
fn every_example_is_read_and_written_without_loss_or_refused_for_its_fault() {
    for (name, kind, fault) in EXAMPLES {
        let text = text(name);
        let read = read(*kind, &text);
        match fault {
            None => {
                let braced = format!("{{{text}}}");
                let json = if text.starts_with('"') {
                    &braced
                } else {
                    &text
                };
                let expected: Value = serde_json::from_str(json).unwrap();
                assert_eq!(
                    in_one_spelling(read.unwrap()),
                    in_one_spelling(expected),
                    "{name}"
                );
            }
            Some(fault) => {
                let error = read.expect_err(name);
                assert_eq!(Chain(&*error).to_string(), *fault, "{name}");
            }
        }
    }
}

/// Brings to one spelling what the types do not keep because it means nothing: the order of an audience (RFC 7519
/// §4.1.3), and a default that is spelled out (RFC 8936 §2.2).
fn in_one_spelling(value: Value) -> Value {
    const DEFAULT: (&str, &Value) = ("returnImmediately", &Value::Bool(false));
    match value {
        Value::Object(mut members) => {
            members.retain(|name, value| (name.as_str(), &*value) != DEFAULT);
            for (name, value) in &mut members {
                *value = in_one_spelling(value.take());
                if let ("aud", Value::Array(audiences)) = (name.as_str(), value) {
                    audiences.sort_by_key(Value::to_string);
                }
            }
            Value::Object(members)
        }
        Value::Array(items) => items.into_iter().map(in_one_spelling).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

/// The three pairs of SSF 1.0 §8.1.3.1.
#[test]
fn the_pairs_of_subjects_match_as_the_specification_says() {
    let subject = |name: &str| {
        let text = text(&format!("ssf-1.0/8.1.3.1-{name}.json"));
        serde_json::from_str::<Subject>(&text).unwrap()
    };
    for (pair, matches) in [("match-1", true), ("match-2", true), ("no-match", false)] {
        let (added, event) = (
            subject(&format!("{pair}-added")),
            subject(&format!("{pair}-event")),
        );
        assert_eq!(added.matches(&event), matches, "{pair}");
    }
}

#[test]
fn a_changed_example_is_noticed() {
    let name = "risc-1.0/2.5-identifier-changed.json";
    let changed = text(name).replace("john.roe", "jane.roe");
    let read = read(Kind::Set, &changed).unwrap();
    let original: Value = serde_json::from_str(&text(name)).unwrap();
    assert_ne!(read, original);
}

//! What each fuzz target does with its bytes.
//!
//! Nothing may panic, and what was read and written has to be read again as the same value. The crate's own tests
//! include this file and run it over the committed corpus.

use serde::Serialize;
use ssf_types::{
    audience::Audience,
    dialect::{Body, Dialect},
    event::{Event, language::Texts},
    jose::{KeySet, PublicKey, SigningKey},
    json::{self, JsonError, Members},
    metadata::{TransmitterMetadata, WellKnown},
    poll::{PollRequest, PollResponse},
    push::{Acknowledge, Answer, Exchange, classify},
    set::{
        CompactSet, Expectation, Header, SetClaims, SetError, UnverifiedSet, Verifier,
        inspect::Inspector,
    },
    stream::{
        AddSubject, CreateStream, RemoveSubject, ReplaceStream, StatusConfiguration,
        StreamConfiguration, UpdateStatus, UpdateStream, VerificationRequest,
    },
    subject::Subject,
    time::Timestamp,
    uri::{EndpointUrl, EventTypeUri, Issuer},
};

/// A target takes any bytes, and panics if a promise is broken.
pub type Target = fn(&[u8]);

/// Every target by its name, which is that of its corpus too.
pub const TARGETS: &[(&str, Target)] = &[
    ("json", json),
    ("token", token),
    ("claims", claims),
    ("subject", subject),
    ("event", event),
    ("keys", keys),
    ("delivery", delivery),
    ("stream", stream),
    ("metadata", metadata),
    ("text", text),
    ("dialect", dialect),
];

/// `{"alg":"ES256","typ":"secevent+jwt"}`
const HEADER: &str = "eyJhbGciOiJFUzI1NiIsInR5cCI6InNlY2V2ZW50K2p3dCJ9";

const NOW: Timestamp = Timestamp::from_secs(1_615_305_159);

/// Accepts every signature, so that the claims behind it are reached.
struct Anything;

impl Verifier for Anything {
    fn check(&self, _: &Header, _: &[u8], _: &[u8]) -> Result<(), SetError> {
        Ok(())
    }
}

/// What the strict reader accepts, every JSON reader accepts.
pub fn json(data: &[u8]) {
    if let Ok(text) = json::check(data) {
        let value: serde_json::Value = serde_json::from_str(text).expect("checked");
        assert_eq!(Members::parse(text).is_ok(), value.is_object());
    }
}

/// A whole token: verifying and inspecting agree.
pub fn token(data: &[u8]) {
    let inspection = Inspector::default().inspect(data);
    if let Err(error) = UnverifiedSet::parse(data) {
        let first = inspection.faults().next().map(|(_, fault)| fault);
        assert_eq!(first, Some(&error));
    }
}

/// Claims behind a good signature: they survive a round trip.
pub fn claims(data: &[u8]) {
    let Some(once) = verified(data) else { return };
    let written = serde_json::to_vec(&once).expect("claims can be written");
    assert!(verified(&written).is_some_and(|twice| twice == once));
}

fn verified(claims: &[u8]) -> Option<SetClaims> {
    let token = CompactSet::compose(HEADER, claims, |_| Ok::<_, SetError>(vec![0])).ok()?;
    let set = UnverifiedSet::parse(token.as_str().as_bytes()).ok()?;
    let issuer = Issuer::parse(set.unverified_issuer()).ok()?;
    let audience = Audience::new(["a"]).ok()?;
    let now = Timestamp::from_secs(u64::MAX);
    let expected = Expectation::new(issuer, audience);
    set.verify(&Anything, &expected, now)
        .ok()
        .map(|set| set.claims().clone())
}

/// A subject: it survives a round trip, is itself, and its two forms agree with that.
pub fn subject(data: &[u8]) {
    let Ok(once) = json::check(data).and_then(Subject::read) else {
        return;
    };
    let written = serde_json::to_vec(&once).expect("a subject can be written");
    let twice = json::check(&written)
        .and_then(Subject::read)
        .expect("it was just written");
    assert!(once == twice && once.matches(&twice) && twice.matches(&once));
    if let (Subject::Simple(once), Subject::Simple(twice)) = (&once, &twice) {
        assert_eq!(once.matching_form(), twice.matching_form());
        assert_eq!(once.revocation_key(), twice.revocation_key());
    }
}

/// A URI in the first line and a payload in the rest.
pub fn event(data: &[u8]) {
    let Ok(text) = json_after_line(data) else {
        return;
    };
    let Ok(uri) = EventTypeUri::parse(text.0) else {
        return;
    };
    let Ok(once) = Event::read(&uri, text.1) else {
        return;
    };
    let _ = format!("{once:?}");
    let written = serde_json::to_string(&once).expect("an event can be written");
    assert_eq!(Event::read(&uri, &written).as_ref(), Ok(&once));
    assert_eq!(once.uri(), uri);
}

fn json_after_line(data: &[u8]) -> Result<(&str, &str), ()> {
    let at = data.iter().position(|byte| *byte == b'\n').ok_or(())?;
    let line = std::str::from_utf8(&data[..at]).map_err(drop)?;
    Ok((line, json::check(&data[at + 1..]).map_err(drop)?))
}

/// A JWKS, a public or a private key; whatever is kept of it is safe to publish.
pub fn keys(data: &[u8]) {
    if let Ok(keys) = KeySet::parse(data) {
        let written = keys.to_jwks().to_string();
        let again = KeySet::parse(written.as_bytes()).expect("it was just written");
        assert_eq!(again.len(), keys.len());
    }
    let _ = PublicKey::from_jwk(data);
    let _ = SigningKey::from_jwk(data);
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = PublicKey::from_pem(text);
        let _ = SigningKey::from_any_pem(text);
    }
}

/// A status in the first two bytes, and the rest as the body of an answer, of a poll and of a poll's answer.
pub fn delivery(data: &[u8]) {
    if let [high, low, body @ ..] = data {
        let answer = Answer {
            status: u16::from_be_bytes([*high, *low]),
            retry_after: std::str::from_utf8(body).ok(),
            body,
        };
        let _ = classify(Exchange::Answered(answer), Acknowledge::Any2xx, NOW);
    }
    round_trip(data, PollRequest::parse);
    round_trip(data, PollResponse::parse);
}

/// The bodies of stream management.
pub fn stream(data: &[u8]) {
    round_trip(data, StreamConfiguration::parse);
    round_trip(data, CreateStream::parse);
    round_trip(data, UpdateStream::parse);
    round_trip(data, ReplaceStream::parse);
    round_trip(data, StatusConfiguration::parse);
    round_trip(data, UpdateStatus::parse);
    round_trip(data, AddSubject::parse);
    round_trip(data, RemoveSubject::parse);
    round_trip(data, VerificationRequest::parse);
    let _ = StreamConfiguration::parse_list(data);
}

/// What was read can be written, and is then read as the same value.
fn round_trip<T: Serialize + PartialEq, E>(data: &[u8], parse: impl Fn(&[u8]) -> Result<T, E>) {
    if let Ok(once) = parse(data) {
        let written = serde_json::to_vec(&once).expect("what was read can be written");
        assert!(parse(&written).is_ok_and(|twice| twice == once));
    }
}

/// A metadata document.
pub fn metadata(data: &[u8]) {
    let Some(issuer) = json::check(data)
        .and_then(Members::parse)
        .ok()
        .and_then(|mut members| members.required::<Issuer>("issuer", "an issuer").ok())
    else {
        return;
    };
    round_trip(data, |body| {
        let mut metadata = TransmitterMetadata::parse(body, &issuer)?;
        // By design they are told once and never written.
        metadata.empty_lists.clear();
        Ok::<_, JsonError>(metadata)
    });
}

/// Small values: URIs, audiences, moments, language ranges.
pub fn text(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(uri) = Issuer::parse(text) {
        assert_eq!(uri.as_str(), text);
        let _ = WellKnown::Ssf.url(&uri);
    }
    let _ = EndpointUrl::parse(text);
    let _ = EventTypeUri::parse(text);
    round_trip(data, |json| serde_json::from_slice::<Timestamp>(json));
    round_trip(data, |json| serde_json::from_slice::<Audience>(json));
    let texts = Texts::new([("de-AT", "Servus"), ("en", "Hello")]).expect("well formed");
    let (tag, _) = texts.choose(Some(text));
    assert!(matches!(tag, "de-AT" | "en"));
}

/// A dialect in the first byte, a kind of body in the second, and the body in the rest: what was read or written is
/// sound JSON, and reading it again changes nothing.
pub fn dialect(data: &[u8]) {
    let [dialect, body, text @ ..] = data else {
        return;
    };
    let Ok(text) = json::check(text) else { return };
    let dialect = Dialect::ALL[usize::from(*dialect) % Dialect::ALL.len()];
    let body = BODIES[usize::from(*body) % BODIES.len()];
    if let Ok(reading) = dialect.read(body, text) {
        json::check(reading.text.as_bytes()).expect("what was read is sound");
        let again = dialect
            .read(body, &reading.text)
            .expect("it is of the same kind");
        assert_eq!(again.text, reading.text);
    }
    if let Ok(written) = dialect.write(body, text) {
        json::check(written.as_bytes()).expect("what was written is sound");
    }
    let _ = Dialect::recognise(text);
}

const BODIES: &[Body<'_>] = &[
    Body::Claims,
    Body::Metadata,
    Body::CreateStream,
    Body::UpdateStream(None),
    Body::Stream(None),
    Body::Streams(None),
    Body::Status(None),
    Body::Subject(None),
    Body::Verification(None),
    Body::PollRequest,
    Body::PushError,
];

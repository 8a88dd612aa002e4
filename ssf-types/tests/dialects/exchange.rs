//! An exchange that a vendor or a draft documents, as a fixture tells it.

use std::{collections::BTreeSet, error::Error, fs, path::Path};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use ssf_types::{
    audience::Audience,
    dialect::{Body, Deviation, Dialect},
    id::StreamId,
    json,
    metadata::TransmitterMetadata,
    poll::PollRequest,
    push::PushError,
    set::{CompactSet, Expectation, Header, SetError, UnverifiedSet, VerifiedSet, Verifier},
    stream::{
        AddSubject, CreateStream, StatusConfiguration, StreamConfiguration, UpdateStream,
        VerificationRequest,
    },
    time::Timestamp,
    uri::Issuer,
};

/// Later than each `iat` in the fixtures.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exchange {
    /// What is exchanged, in a sentence.
    about: String,
    pub(crate) dialect: &'static Dialect,
    body: String,
    stream: Option<StreamId>,
    direction: Direction,
    /// As the peer writes or reads it.
    pub(crate) peer: Box<RawValue>,
    /// As SSF 1.0 has it.
    ssf: Box<RawValue>,
    /// What is met in reading.
    #[serde(default)]
    deviations: Vec<String>,
    /// Why the strict reader refuses the peer's text; absent or null if it does not.
    pub(crate) strict: Option<String>,
}

#[derive(Clone, Copy, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Direction {
    Read,
    Write,
}

impl Exchange {
    /// All exchanges of a vendor, which are those of the names and no others.
    pub(crate) fn all(vendor: &str, names: &[&str]) -> Vec<Self> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/dialects")
            .join(vendor);
        let found: BTreeSet<String> = fs::read_dir(&directory)
            .unwrap()
            .filter_map(|entry| {
                let name = entry.unwrap().file_name().into_string().unwrap();
                name.strip_suffix(".json").map(str::to_owned)
            })
            .collect();
        assert_eq!(found, names.iter().map(|&name| name.to_owned()).collect());
        names
            .iter()
            .map(|name| {
                let text = fs::read_to_string(directory.join(format!("{name}.json"))).unwrap();
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
            })
            .collect()
    }

    pub(crate) fn is_read(&self) -> bool {
        self.direction == Direction::Read
    }

    pub(crate) fn is_of_claims(&self) -> bool {
        self.body == "claims"
    }

    fn body(&self) -> Body<'_> {
        let stream = self.stream.as_ref();
        match self.body.as_str() {
            "claims" => Body::Claims,
            "metadata" => Body::Metadata,
            "create-stream" => Body::CreateStream,
            "update-stream" => Body::UpdateStream(stream),
            "stream" => Body::Stream(stream),
            "streams" => Body::Streams(stream),
            "status" => Body::Status(stream),
            "subject" => Body::Subject(stream),
            "verification" => Body::Verification(stream),
            "poll-request" => Body::PollRequest,
            "push-error" => Body::PushError,
            other => panic!("{other} is no body"),
        }
    }

    /// Checks everything that the fixture says.
    pub(crate) fn check(&self) {
        match self.direction {
            Direction::Read => self.check_reading(),
            Direction::Write => self.check_writing(),
        }
        assert_eq!(self.strict(self.ssf.get()), None, "{}", self.about);
    }

    fn check_reading(&self) {
        let (about, peer) = (&self.about, self.peer.get());
        assert_eq!(self.strict(peer), self.strict, "{about}");
        let untouched = Dialect::SSF_1_0.read(self.body(), peer).unwrap();
        assert_eq!(untouched.text, peer, "{about}");

        let reading = self.dialect.read(self.body(), peer).unwrap();
        assert_eq!(names(&reading.deviations), self.deviations, "{about}");
        assert_eq!(value(&reading.text), value(self.ssf.get()), "{about}");
        assert_eq!(self.strict(&reading.text), None, "{about}");
        let again = self.dialect.read(self.body(), &reading.text).unwrap();
        assert_eq!(again.text, reading.text, "{about}");

        if self.is_of_claims() {
            let set = verify(peer, self.dialect).unwrap();
            assert_eq!(names(set.deviations()), self.deviations, "{about}");
            assert_eq!(set.json(), peer, "{about}");
        }
    }

    fn check_writing(&self) {
        let written = self.dialect.write(self.body(), self.ssf.get()).unwrap();
        assert_eq!(value(&written), value(self.peer.get()), "{}", self.about);
    }

    /// What the strict reader says against a text.
    fn strict(&self, text: &str) -> Option<String> {
        let bytes = text.as_bytes();
        let fault = match self.body() {
            Body::Claims => {
                return verify(text, &Dialect::SSF_1_0)
                    .err()
                    .map(|fault| told(&fault));
            }
            Body::Metadata => {
                let issuer = Issuer::parse(value(text)["issuer"].as_str().unwrap()).unwrap();
                TransmitterMetadata::parse(bytes, &issuer).err()
            }
            Body::CreateStream => CreateStream::parse(bytes).err(),
            Body::UpdateStream(_) => UpdateStream::parse(bytes).err(),
            Body::Stream(_) => StreamConfiguration::parse(bytes).err(),
            Body::Streams(_) => StreamConfiguration::parse_list(bytes).err(),
            Body::Status(_) => StatusConfiguration::parse(bytes).err(),
            Body::Subject(_) => AddSubject::parse(bytes).err(),
            Body::Verification(_) => VerificationRequest::parse(bytes).err(),
            Body::PollRequest => PollRequest::parse(bytes).err(),
            Body::PushError => PushError::read(json::check(bytes).unwrap()).err(),
            other => panic!("{other:?} has no strict reader here"),
        };
        fault.map(|fault| fault.to_string())
    }
}

/// An error with its source.
fn told(fault: &SetError) -> String {
    match fault.source() {
        Some(source) => format!("{fault}: {source}"),
        None => fault.to_string(),
    }
}

pub(crate) fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

pub(crate) fn names(deviations: &[Deviation]) -> Vec<&'static str> {
    deviations.iter().map(|one| one.as_str()).collect()
}

/// Takes every signature for a good one: what is tested here comes after that check.
struct Trusting;

impl Verifier for Trusting {
    fn check(&self, _: &Header, _: &[u8], _: &[u8]) -> Result<(), SetError> {
        Ok(())
    }
}

/// Verifies a SET with these claims, of a Transmitter that is expected to speak `dialect`.
pub(crate) fn verify(claims: &str, dialect: &'static Dialect) -> Result<VerifiedSet, SetError> {
    let header = BASE64URL.encode(r#"{"typ":"secevent+jwt","alg":"RS256"}"#);
    let token = CompactSet::compose(&header, claims.as_bytes(), |_| {
        Ok::<_, std::convert::Infallible>(vec![0])
    });
    let claims = value(claims);
    let issuer = Issuer::parse(claims["iss"].as_str().unwrap()).unwrap();
    let audience: Audience = serde_json::from_value(claims["aud"].clone()).unwrap();
    let expected = Expectation::new(issuer, audience).with_dialect(dialect);
    UnverifiedSet::parse(token.unwrap().as_str().as_bytes())?.verify(&Trusting, &expected, NOW)
}

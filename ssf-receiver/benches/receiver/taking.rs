//! What it takes to take a SET: verified, kept on disk, in effect, with as many under way as a busy transmitter sends.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::Instant,
};

use futures_util::{StreamExt, stream};
use openssl::{
    md::Md,
    pkey::{PKey, Public},
    pkey_ctx::PkeyCtx,
    rsa::Padding,
    sha::sha256,
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use ssf_receiver::Receiver;
use ssf_types::{
    audience::Audience,
    event::caep::SessionRevoked,
    id::Jti,
    jose::{self, SigningKey},
    secret::AuthorizationHeader,
    set::{Algorithm, MEDIA_TYPE, SetClaims},
    subject::SimpleSubject,
    time::Timestamp,
    uri::Issuer,
};

use crate::{Fallible, cpu, measure::rounded};

const AUDIENCE: &str = "https://rp.example.com/stream/1";
const SECRET: &str = "Bearer x";

/// Most that taking a SET may cost, in raw RSA-2048 verifications: two fifths of what the processor could verify.
const GOAL: f64 = 2.5;

/// Verifications of one sample of the yardstick.
const SAMPLE: u32 = 4000;

/// How many SETs, and how many of them at once.
pub(crate) struct Load {
    sets: usize,
    at_once: usize,
}

impl Load {
    pub(crate) const WHOLE: Self = Self {
        sets: 10_000,
        at_once: 256,
    };
    pub(crate) const SMALL: Self = Self {
        sets: 8,
        at_once: 2,
    };
}

pub(crate) fn measure(load: &Load) -> Fallible<Vec<Value>> {
    let key = SigningKey::generate(Algorithm::Rs256)?;
    let issuer = published(&key)?;
    let sets = (0..load.sets).map(|number| signed(&key, &issuer, number));
    let sets = sets.collect::<Fallible<Vec<String>>>()?;
    let yardstick = Verification::of(&key, sets.first().ok_or("no SET")?)?;
    let before = yardstick.sample()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let (nanos, seconds) = runtime.block_on(taken(&issuer, &sets, load.at_once))?;
    let raw = f64::midpoint(before, yardstick.sample()?);
    let count = f64::from(u32::try_from(load.sets)?);
    let ratio = nanos / count / raw;
    Ok(vec![json!({
        "name": format!("take one SET of {}: verified, on disk, in effect, RS256, SQLite", load.sets),
        "value": rounded(nanos / count, 0),
        "unit": "ns of CPU",
        "per_second": rounded(count / seconds, 0),
        "yardstick": rounded(raw, 0),
        "ratio": rounded(ratio, 3),
        "goal": GOAL,
        "met": ratio <= GOAL,
    })])
}

/// CPU time and seconds until all SETs are acknowledged.
async fn taken(issuer: &str, sets: &[String], at_once: usize) -> Fallible<(f64, f64)> {
    let directory = tempfile::tempdir()?;
    let database = directory.path().join("receiver.db");
    let receiver = Receiver::builder(issuer, "http://127.0.0.1:9/push")
        .database(format!("sqlite://{}", database.display()))
        .existing_stream(
            Audience::new([AUDIENCE])?,
            AuthorizationHeader::parse(SECRET)?,
        )
        .start()
        .await?;
    receiver.ready().await;
    let begun = (cpu::of_process(std::process::id())?, Instant::now());
    let answers = stream::iter(sets)
        .map(|set| receiver.accept(Some(SECRET), Some(MEDIA_TYPE), set.as_bytes()));
    let mut answers = answers.buffer_unordered(at_once);
    while let Some(answer) = answers.next().await {
        if answer.status() != 202 {
            return Err("a SET was not acknowledged".into());
        }
    }
    let nanos = cpu::of_process(std::process::id())? - begun.0;
    Ok((nanos, begun.1.elapsed().as_secs_f64()))
}

/// A SET as identity providers send it, about a session of its own.
fn signed(key: &SigningKey, issuer: &str, number: usize) -> Fallible<String> {
    let id = format!("session-{number}");
    let mut event = SessionRevoked::default();
    event.common.event_timestamp = Some(Timestamp::from_secs(1_615_305_159));
    let claims = SetClaims::new(
        Issuer::parse(issuer)?,
        Jti::parse(format!("0193592c-7a6e-7d3f-9c1e-{number:012}"))?,
        Timestamp::from_secs(1_615_305_160),
        Audience::new([AUDIENCE])?,
        SimpleSubject::Opaque { id }.into(),
        event.into(),
    );
    Ok(key.sign(&claims)?.into_string())
}

/// Serves the metadata and the keys until the process ends; returns the issuer.
pub(crate) fn published(key: &SigningKey) -> Fallible<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let issuer = format!("http://{}", listener.local_addr()?);
    let keys = jose::jwks([key]).to_string();
    let metadata = json!({
        "spec_version": "1_0", "issuer": issuer, "jwks_uri": format!("{issuer}/jwks"),
        "delivery_methods_supported": ["urn:ietf:rfc:8935"],
    });
    let metadata = metadata.to_string();
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            // Whoever went away needs no answer.
            let _ = answer(&connection, &keys, &metadata);
        }
    });
    Ok(issuer)
}

fn answer(mut connection: &TcpStream, keys: &str, metadata: &str) -> Fallible<()> {
    let mut lines = BufReader::new(connection).lines();
    let request = lines.next().ok_or("no request")??;
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let is_keys = request.starts_with("GET /jwks ");
    let body = if is_keys { keys } else { metadata };
    let length = body.len();
    write!(
        connection,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )?;
    Ok(())
}

/// The yardstick: one raw verification of OpenSSL, with its key made once.
struct Verification {
    key: PKey<Public>,
    signed: Vec<u8>,
    signature: Vec<u8>,
}

impl Verification {
    fn of(key: &SigningKey, set: &str) -> Fallible<Self> {
        let private = PKey::private_key_from_pem(key.pem().expose_secret().as_bytes())?;
        let mut signing = PkeyCtx::new(&private)?;
        signing.sign_init()?;
        signing.set_rsa_padding(Padding::PKCS1)?;
        signing.set_signature_md(Md::sha256())?;
        let (signed, _) = set.rsplit_once('.').ok_or("not compact")?;
        let mut signature = Vec::new();
        signing.sign_to_vec(&sha256(signed.as_bytes()), &mut signature)?;
        Ok(Self {
            key: PKey::public_key_from_der(&private.public_key_to_der()?)?,
            signed: signed.as_bytes().to_vec(),
            signature,
        })
    }

    /// CPU time of one, in nanoseconds.
    fn sample(&self) -> Fallible<f64> {
        let mut context = PkeyCtx::new(&self.key)?;
        context.verify_init()?;
        context.set_rsa_padding(Padding::PKCS1)?;
        context.set_signature_md(Md::sha256())?;
        let mut verifies = true;
        let nanos = cpu::of_each(SAMPLE, || {
            let outcome = context.verify(&sha256(&self.signed), &self.signature);
            verifies &= outcome.unwrap_or(false);
        })?;
        if !verifies {
            return Err("the yardstick does not verify".into());
        }
        Ok(nanos)
    }
}

//! Strangers as witnesses: joserfc (Python) and jose (JavaScript) verify what we sign, and sign what we verify or refuse.
//!
//! `make witnesses` installs both into a directory, which `SSF_WITNESSES` names. Each runs once: a task goes in as JSON
//! and an answer comes out. `cases.json` says what they have to make, and what is to be said of it here.

#![cfg(feature = "jose")]
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::{
    env,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use ssf_types::{
    audience::Audience,
    error::{Chain, ErrCode},
    event::caep::SessionRevoked,
    id::Jti,
    jose::{KeySet, SigningKey},
    set::{Algorithm, Expectation, SetClaims, SetError, UnverifiedSet, VerifiedSet},
    subject::SimpleSubject,
    time::Timestamp,
    uri::Issuer,
};

const ISSUER: &str = "https://tr.example.com";
const AUDIENCE: &str = "https://rp.example.com";

/// How many entries `cases.json` has, so that a table that was cut short does not pass for a whole one.
const CASES: usize = 61;

static TABLE: LazyLock<Table> =
    LazyLock::new(|| serde_json::from_str(include_str!("cases.json")).unwrap());

static OURS: LazyLock<Vec<SigningKey>> = LazyLock::new(|| {
    let generate = |algorithm: &Algorithm| SigningKey::generate(*algorithm).unwrap();
    Algorithm::ALL.iter().map(generate).collect()
});

/// Where the witnesses are installed; without them, a lone `cargo test` tells that it proves less.
static DIRECTORY: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    if let Some(directory) = env::var_os("SSF_WITNESSES") {
        return Some(directory.into());
    }
    assert!(
        env::var_os("CI").is_none(),
        "SSF_WITNESSES is not set: run `make test`, or `make witnesses` first"
    );
    let told =
        "\nNOT TESTED against other libraries: `make test` installs them, this run has none\n\n";
    io::stderr().write_all(told.as_bytes()).unwrap();
    None
});

static PYTHON: LazyLock<Option<Answer>> = LazyLock::new(|| {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/witnesses/python/witness.py");
    let mut python = Command::new(DIRECTORY.as_ref()?.join("python/bin/python"));
    Some(answer(python.arg(script)))
});

static NODE: LazyLock<Option<Answer>> = LazyLock::new(|| {
    // As text, the script finds the library in the directory where it runs instead of the one where it lies.
    let mut node = Command::new("node");
    node.args(["--input-type=module", "--eval"])
        .arg(include_str!("node/witness.mjs"))
        .current_dir(DIRECTORY.as_ref()?.join("node"));
    Some(answer(&mut node))
});

#[derive(Deserialize)]
struct Table {
    now: u64,
    claims: Value,
    cases: Vec<Case>,
}

/// One token that a witness has to make, and the verdict on it; without a code it is accepted.
#[derive(Deserialize, Serialize)]
struct Case {
    name: String,
    code: Option<ErrCode>,
    error: Option<String>,
    /// What the witnesses read.
    #[serde(flatten)]
    recipe: Value,
}

#[derive(Deserialize)]
struct Answer {
    verified: Vec<Verdict>,
    jwks: Value,
    signed: Vec<Made>,
    made: Vec<Made>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Verdict {
    Verified { header: Value, payload: String },
    Refused { refused: String },
}

#[derive(Deserialize)]
struct Made {
    name: String,
    token: String,
}

/// Puts the whole task to a witness.
fn answer(witness: &mut Command) -> Answer {
    let mut tokens: Vec<String> = OURS.iter().map(token).collect();
    tokens.push(tampered(&tokens[0]));
    let task = json!({
        "jwks": ssf_types::jose::jwks(&*OURS),
        "tokens": tokens,
        "claims": TABLE.claims,
        "cases": TABLE.cases,
    });
    let mut running = witness
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}; run `make witnesses`", program(witness)));
    let mut input = running.stdin.take().unwrap();
    input.write_all(task.to_string().as_bytes()).unwrap();
    drop(input);
    let output = running.wait_with_output().unwrap();
    assert!(output.status.success(), "{} failed", program(witness));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn program(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

fn claims() -> SetClaims {
    let alice = SimpleSubject::Email {
        email: "alice@example.com".into(),
    };
    SetClaims::new(
        Issuer::parse(ISSUER).unwrap(),
        Jti::parse("24c63fb56e5a2d77a6b512616ca9fa24").unwrap(),
        Timestamp::from_secs(TABLE.now),
        Audience::new([AUDIENCE]).unwrap(),
        alice.into(),
        SessionRevoked::default().into(),
    )
}

fn token(key: &SigningKey) -> String {
    key.sign(&claims()).unwrap().into_string()
}

/// The token with another signature: that of all zeros.
fn tampered(token: &str) -> String {
    let (input, signature) = token.rsplit_once('.').unwrap();
    format!("{input}.{}", "A".repeat(signature.len()))
}

fn verify(token: &str, keys: &KeySet) -> Result<VerifiedSet, SetError> {
    let expected = Expectation::new(
        Issuer::parse(ISSUER).unwrap(),
        Audience::new([AUDIENCE]).unwrap(),
    );
    let now = Timestamp::from_secs(TABLE.now);
    UnverifiedSet::parse(token.as_bytes())?.verify(keys, &expected, now)
}

fn keys(answer: &Answer) -> KeySet {
    KeySet::parse(answer.jwks.to_string().as_bytes()).unwrap()
}

/// What we sign verifies there: the same header, and the same claims byte for byte.
fn verifies_ours(answer: &Answer) {
    let (last, whole) = answer.verified.split_last().unwrap();
    assert_eq!(whole.len(), 4);
    let algorithms = ["RS256", "PS256", "ES256", "EdDSA"];
    for ((verdict, key), alg) in whole.iter().zip(&*OURS).zip(algorithms) {
        let Verdict::Verified { header, payload } = verdict else {
            panic!("{alg}: {verdict:?}");
        };
        let expected = json!({ "alg": alg, "kid": key.kid(), "typ": "secevent+jwt" });
        assert_eq!(header, &expected);
        assert_eq!(payload, &serde_json::to_string(&claims()).unwrap());
    }
    let Verdict::Refused { refused } = last else {
        panic!("a witness that believes everything is none");
    };
    assert!(
        refused.to_ascii_lowercase().contains("signature"),
        "{refused}"
    );
}

/// What they sign verifies here, with the keys as they write them.
fn is_verified_here(answer: &Answer) {
    let keys = keys(answer);
    assert_eq!(answer.signed.len(), 4);
    for Made { name, token } in &answer.signed {
        let set = verify(token, &keys).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(serde_json::to_value(set.claims()).unwrap(), TABLE.claims);
    }
}

/// What they make is judged here as the table says.
fn is_judged_here(answer: &Answer) {
    let keys = keys(answer);
    assert_eq!(TABLE.cases.len(), CASES);
    assert_eq!(answer.made.len(), CASES);
    for (case, Made { name, token }) in TABLE.cases.iter().zip(&answer.made) {
        assert_eq!(name, &case.name);
        let fault = verify(token, &keys).err();
        let told = fault.as_ref().map(|fault| Chain(fault).to_string());
        assert_eq!(told, case.error, "{name}");
        assert_eq!(fault.map(|fault| fault.code()), case.code, "{name}");
    }
}

#[test]
fn what_we_sign_verifies_in_python() {
    PYTHON.as_ref().map(verifies_ours);
}

#[test]
fn what_we_sign_verifies_in_javascript() {
    NODE.as_ref().map(verifies_ours);
}

#[test]
fn what_python_signs_verifies_here() {
    PYTHON.as_ref().map(is_verified_here);
}

#[test]
fn what_javascript_signs_verifies_here() {
    NODE.as_ref().map(is_verified_here);
}

#[test]
fn what_python_breaks_is_refused_here() {
    PYTHON.as_ref().map(is_judged_here);
}

#[test]
fn what_javascript_breaks_is_refused_here() {
    NODE.as_ref().map(is_judged_here);
}

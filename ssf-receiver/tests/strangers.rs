//! SETs that strangers signed, joserfc (Python) and jose (JavaScript), end a session here.
//!
//! `make witnesses` installs both into a directory, which `SSF_WITNESSES` names.

#![cfg(all(feature = "actix", feature = "sqlite"))]
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of tests panics as they do"
)]

mod common;

use std::{
    env,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use common::{Lie, Transmitter, builder, email, started};
use serde::Deserialize;
use serde_json::Value;
use ssf_receiver::guard::Decision;
use ssf_types::time::Timestamp;

const T: u64 = 1_615_305_159;

/// What a stranger signed: one token with each algorithm, and the keys for them.
#[derive(Deserialize)]
struct Signed {
    jwks: Value,
    tokens: Vec<String>,
}

/// Where the strangers are installed; without them, a lone `cargo test` tells that it proves less.
fn directory() -> Option<PathBuf> {
    if let Some(directory) = env::var_os("SSF_WITNESSES") {
        return Some(directory.into());
    }
    assert!(
        env::var_os("CI").is_none(),
        "SSF_WITNESSES is not set: run `make test`, or `make witnesses` first"
    );
    let told =
        "\nNOT TESTED with other libraries: `make test` installs them, this run has none\n\n";
    io::stderr().write_all(told.as_bytes()).unwrap();
    None
}

fn python(directory: &Path) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/strangers/sign.py");
    let mut python = Command::new(directory.join("python/bin/python"));
    python.arg(script);
    python
}

fn node(directory: &Path) -> Command {
    // As text, the script finds the library in the directory where it runs instead of the one where it lies.
    let mut node = Command::new("node");
    node.args(["--input-type=module", "--eval"])
        .arg(include_str!("strangers/sign.mjs"))
        .current_dir(directory.join("node"));
    node
}

fn signed_by(stranger: &mut Command, claims: &Value) -> Signed {
    let running = stranger.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut running = running
        .spawn()
        .unwrap_or_else(|error| panic!("{error}; run `make witnesses`"));
    let mut input = running.stdin.take().unwrap();
    input.write_all(claims.to_string().as_bytes()).unwrap();
    drop(input);
    let output = running.wait_with_output().unwrap();
    assert!(output.status.success(), "the stranger failed");
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn ends_a_session(stranger: fn(&Path) -> Command) {
    let Some(directory) = directory() else {
        return;
    };
    let transmitter = Transmitter::start();
    let claims = transmitter.claims("", &email("alice@example.com"), T);
    let signed = signed_by(&mut stranger(&directory), &claims);
    assert_eq!(signed.tokens.len(), 4);
    *transmitter.state.keys_lie.lock().unwrap() = Some(Lie::Body(signed.jwks.to_string()));
    for token in &signed.tokens {
        let receiver = started(builder(&transmitter).in_memory()).await;
        let session = receiver.session(Timestamp::from_secs(T));
        let session = session.email("alice@example.com");
        assert_eq!(receiver.decide(&session), Decision::Allow);
        let media_type = Some("application/secevent+jwt");
        let mut foreign = token.clone();
        foreign.replace_range(foreign.rfind('.').unwrap() + 1.., "AAAA");
        let refused = receiver
            .accept(Some("Bearer x"), media_type, foreign.as_bytes())
            .await;
        assert_eq!(refused.status(), 400);
        assert_eq!(receiver.decide(&session), Decision::Allow);
        let taken = receiver.accept(Some("Bearer x"), media_type, token.as_bytes());
        assert_eq!(taken.await.status(), 202);
        assert!(matches!(receiver.decide(&session), Decision::Deny(_)));
    }
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_set_that_joserfc_signed_ends_a_session_and_one_that_it_did_not_sign_ends_none() {
    ends_a_session(python).await;
}

#[actix_web::test]
async fn a_set_that_jose_signed_ends_a_session_and_one_that_it_did_not_sign_ends_none() {
    ends_a_session(node).await;
}

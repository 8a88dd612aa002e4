//! Receivers by strangers: clients in Python and JavaScript, on libraries of others and the HTTP of their language.
//!
//! Each finds everything from the issuer's URL alone, gets a token, and takes SETs by push and by poll; one that was broken
//! on its way it refuses. They judge every answer themselves. `make witnesses` installs their libraries into a directory,
//! which `SSF_WITNESSES` names.

use std::{
    env,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};

use crate::rig::{Installation, text, value};

/// What each of them does, in this order.
const STEPS: [&str; 12] = [
    "discovered the transmitter",
    "got a token",
    "push: created a stream",
    "push: verified it",
    "push: got an event",
    "push: refused a broken SET",
    "push: deleted the stream",
    "poll: created a stream",
    "poll: verified it",
    "poll: got an event",
    "poll: refused a broken SET",
    "poll: deleted the stream",
];

/// What is not tested without them.
const WHO: &str = "with receivers of others";

const AUDIENCE: &str = "https://stranger.example.com";

/// Where what others wrote is installed; without it, a lone `cargo test` tells what it does not test.
pub(crate) fn libraries(untested: &str) -> Option<PathBuf> {
    if let Some(directory) = env::var_os("SSF_WITNESSES") {
        return Some(directory.into());
    }
    assert!(
        env::var_os("CI").is_none(),
        "SSF_WITNESSES is not set: run `make test`, or `make witnesses` first"
    );
    let told = format!("\nNOT TESTED {untested}: `make test` installs them, this run has none\n\n");
    io::stderr().write_all(told.as_bytes()).unwrap();
    None
}

/// Has a stranger be a Receiver of the issuer with this name, at this path.
fn is_served(mut stranger: Command, issuer_name: &str, path: &str) {
    let installation = Installation::new().with("SSF_TRANSMITTER_ISSUERS", "acme=/acme");
    let transmitter = installation.serve();
    let registration = ["receiver", "add", "stranger", "--audience", AUDIENCE];
    let options = ["--issuer-name", issuer_name, "--client-secret"];
    let added = installation.run(&[&registration[..], &options].concat());
    assert!(added.status.success(), "{}", text(&added.stderr));
    let added = text(&added.stdout);
    let task = json!({
        "issuer": transmitter.url(path),
        "audience": AUDIENCE,
        "client_id": value(&added, "client_id").unwrap(),
        "client_secret": value(&added, "client_secret").unwrap(),
        "ingest": transmitter.url(&format!("/ingest/events?issuer={issuer_name}")),
        "source_token": transmitter.operator_token,
    });
    let output = run(&mut stranger, &task);
    let told = text(&output.stdout);
    let steps: Vec<&str> = told.lines().collect();
    assert_eq!(steps, STEPS, "{}", installation.log());
    assert!(output.status.success());
}

/// Runs the stranger to its end; what it complains of stands among the messages of the test.
fn run(stranger: &mut Command, task: &Value) -> Output {
    let program = stranger.get_program().to_string_lossy().into_owned();
    let mut running = stranger
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}; run `make witnesses`"));
    let mut input = running.stdin.take().unwrap();
    input.write_all(task.to_string().as_bytes()).unwrap();
    drop(input);
    running.wait_with_output().unwrap()
}

#[test]
fn a_receiver_in_python_is_served_by_push_and_by_poll() {
    let Some(libraries) = libraries(WHO) else {
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/program/stranger/receiver.py");
    let mut python = Command::new(libraries.join("python/bin/python"));
    python.arg(script);
    is_served(python, "main", "");
}

#[test]
fn a_receiver_in_javascript_is_served_at_an_issuer_with_a_path() {
    let Some(libraries) = libraries(WHO) else {
        return;
    };
    // As text, the script finds the libraries in the directory where it runs instead of the one where it lies.
    let mut node = Command::new("node");
    node.args(["--input-type=module", "--eval"])
        .arg(include_str!("stranger/receiver.mjs"))
        .current_dir(libraries.join("node"));
    is_served(node, "acme", "/acme");
}

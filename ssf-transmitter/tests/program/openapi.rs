//! The description of the interface: it is there, and says what is served.
//!
//! schemathesis asks everything that the description allows, and what it forbids, and compares the answers with it. `make
//! witnesses` installs it into a directory, which `SSF_WITNESSES` names.

use std::{collections::BTreeSet, path::Path, process::Command};

use reqwest::Method;
use serde_json::Value;

use crate::{
    rig::{Answer, Installation, Transmitter, client, text, value},
    stranger::libraries,
};

/// How long schemathesis may take, in seconds: it needs less than half of that.
const SECONDS_MAX: &str = "240";

/// What schemathesis looks at. Not whether everything that a schema allows is accepted: no schema tells which streams there
/// are, which hosts are public, or how many bytes a character has.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance,negative_data_rejection,ignored_auth,\
    unsupported_method";

/// All methods that a description can have here.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

async fn document(transmitter: &Transmitter) -> Value {
    let answer = Answer::to(client().get(transmitter.url("/openapi.json"))).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

/// Asks without a token and without a body, which is enough to see whether there is a handler.
async fn ask(transmitter: &Transmitter, method: &str, path: &str) -> Answer {
    let method: Method = method.to_uppercase().parse().unwrap();
    let path = path.replace("{stream_id}", "f67e39a0");
    Answer::to(client().request(method, transmitter.url(&path))).await
}

#[tokio::test]
async fn the_description_is_there_for_anybody_and_may_be_kept_for_a_while() {
    let transmitter = Installation::new().serve();
    let answer = Answer::to(client().get(transmitter.url("/openapi.json"))).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    assert_eq!(answer.json()["openapi"], "3.1.0");
}

#[tokio::test]
async fn every_resource_has_the_methods_that_are_described_and_no_others() {
    let transmitter = Installation::new().serve();
    let document = document(&transmitter).await;
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() > 10);
    for (path, described) in paths {
        let mut allowed = BTreeSet::new();
        for method in METHODS {
            let is_described = described.get(method).is_some();
            let answer = ask(&transmitter, method, path).await;
            assert_eq!(answer.status != 405, is_described, "{method} {path}");
            if is_described {
                allowed.insert(method.to_uppercase());
            }
        }
        if allowed.len() == 1 && allowed.contains("GET") {
            allowed.insert("HEAD".to_owned());
        }
        let refused = ask(&transmitter, "options", path).await;
        let told = refused.header("allow").unwrap().split(", ");
        assert_eq!(told.map(str::to_owned).collect::<BTreeSet<_>>(), allowed);
    }
}

#[tokio::test]
async fn whoever_shows_nothing_gets_an_answer_that_is_described() {
    let transmitter = Installation::new().serve();
    let document = document(&transmitter).await;
    for (path, described) in document["paths"].as_object().unwrap() {
        for method in METHODS {
            let Some(operation) = described.get(method) else {
                continue;
            };
            let answer = ask(&transmitter, method, path).await;
            let responses = operation["responses"].as_object().unwrap();
            let response = responses.get(&answer.status.to_string());
            let response = response.unwrap_or_else(|| panic!("{method} {path}: {}", answer.status));
            assert!(response["headers"]["X-Request-Id"].is_object());
            if answer.status == 401 {
                assert!(response["headers"]["WWW-Authenticate"].is_object());
            }
        }
    }
}

#[tokio::test]
async fn what_the_metadata_name_is_described_behind_the_main_issuer() {
    let transmitter = Installation::new()
        .with("SSF_TRANSMITTER_ISSUERS", "acme=/acme")
        .serve();
    let document = document(&transmitter).await;
    let metadata = transmitter.url("/.well-known/ssf-configuration");
    let metadata = Answer::to(client().get(metadata)).await.json();
    for (name, value) in metadata.as_object().unwrap() {
        if !name.ends_with("_endpoint") && name != "jwks_uri" {
            continue;
        }
        let url = value.as_str().unwrap();
        let path = url.strip_prefix(&transmitter.issuer).unwrap();
        let described = &document["paths"][path];
        assert_eq!(described["servers"][0]["url"], transmitter.issuer, "{name}");
    }
    assert!(!document.to_string().contains("acme"));
}

/// Adds whatever prints a credential, and returns what it printed.
fn added(installation: &Installation, arguments: &[&str]) -> String {
    let output = installation.run(arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn schemathesis_gets_no_fault_and_no_answer_that_is_not_described() {
    let Some(libraries) = libraries("by schemathesis") else {
        return;
    };
    let installation = Installation::new().with("SSF_TRANSMITTER_POLL_TIMEOUT_SECONDS", "1");
    let transmitter = installation.serve();
    let audience = ["--audience", "https://rp.example.com"];
    let add = ["receiver", "add", "rp", "--bearer", "--client-secret"];
    let receiver = added(&installation, &[&add[..], &audience].concat());
    let source = added(&installation, &["source", "add", "hr"]);
    let other = [&["receiver", "add", "other"][..], &audience].concat();
    let other_receiver = added(&installation, &other);
    let other_source = added(&installation, &["source", "add", "other"]);
    let configuration = Path::new(env!("CARGO_MANIFEST_DIR"));
    let configuration = configuration.join("tests/program/openapi/schemathesis.toml");
    let run = Command::new("timeout")
        .arg(SECONDS_MAX)
        .arg(libraries.join("schemathesis/bin/schemathesis"))
        .args(["--no-color", "--config-file"])
        .arg(configuration)
        .args(["run", &transmitter.url("/openapi.json"), "--seed", "1"])
        .args(["--workers", "1", "--phases", "coverage,fuzzing,stateful"])
        .args(["--checks", CHECKS])
        .current_dir(installation.path(""))
        .env(
            "RECEIVER_TOKEN",
            value(&receiver, "receiver_token").unwrap(),
        )
        .env("CLIENT_ID", value(&receiver, "client_id").unwrap())
        .env("CLIENT_SECRET", value(&receiver, "client_secret").unwrap())
        .env("SOURCE_TOKEN", value(&source, "source_token").unwrap())
        .env(
            "OTHER_RECEIVER",
            value(&other_receiver, "receiver_id").unwrap(),
        )
        .env("OTHER_SOURCE", value(&other_source, "source_id").unwrap())
        .env(
            "OPERATOR_TOKEN",
            transmitter.operator_token.as_deref().unwrap(),
        )
        .output()
        .unwrap();
    let told = text(&run.stdout);
    assert!(run.status.success(), "{told}");
    // Whatever is described was asked for.
    let count = |name: &str| told.lines().find_map(|line| line.trim().strip_prefix(name));
    let tested = count("Tested: ").unwrap();
    assert_eq!(count("Selected: "), Some(&*format!("{tested}/{tested}")));
}

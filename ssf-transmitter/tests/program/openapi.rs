//! The description of the interface: it is there, and says what is served.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;

use crate::rig::{Answer, Installation, Transmitter, client};

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

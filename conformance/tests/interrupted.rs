//! Ctrl-C in the middle of a run: the streams that it made are deleted, and those only.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    reason = "in a test, what cannot go on has failed"
)]

use std::{
    fs,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use ssf_conformance::{
    exchange::Request,
    peer::Peer,
    target_file::{AdapterAddress, Token},
    wire::{Settings, Wire},
};
use url::Url;

/// The Receiver whose streams the run makes, as somebody else who has its token.
struct Receiver {
    wire: Wire,
    streams: Url,
    token: String,
}

impl Receiver {
    fn of(peer: &Peer) -> Self {
        let given = peer.given();
        let streams = Url::parse(&given.file.issuer)
            .unwrap()
            .join("/ssf/streams")
            .unwrap();
        let mut settings = Settings::default();
        settings.timeout = Duration::from_mins(1);
        settings.extra_authorities = given.authorities;
        Self {
            wire: Wire::to(&streams, &settings).unwrap(),
            streams,
            token: given.secrets.token(Token::Receiver).unwrap().to_owned(),
        }
    }

    async fn asked(&self, method: &str, body: Option<Value>) -> Value {
        let mut request = Request::new(method, self.streams.clone());
        let authorization = format!("Bearer {}", self.token);
        request
            .headers
            .push(("authorization".to_owned(), authorization));
        request.body = body.map(|body| body.to_string()).unwrap_or_default().into();
        let answer = self.wire.send(request).await.result.unwrap();
        serde_json::from_slice(&answer.body).unwrap()
    }

    async fn list(&self) -> Vec<Value> {
        let list = self.asked("GET", None).await;
        let streams = list.as_array().unwrap().iter();
        streams.map(|one| one["stream_id"].clone()).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_interrupted_deletes_the_streams_that_it_made_and_no_others() {
    let peer = Peer::start(None).unwrap();
    let receiver = Receiver::of(&peer);
    // What it is called begins as what a run makes does.
    let stream = json!({ "description": "ssf-conformance by hand" });
    let own = receiver.asked("POST", Some(stream)).await["stream_id"].clone();

    let (directory, given) = (tempfile::tempdir().unwrap(), peer.given());
    let path = |name| directory.path().join(name);
    let Some(AdapterAddress::Hook { url, .. }) = given.file.adapters.emit else {
        panic!("the reference has no hook");
    };
    fs::write(path("ca.pem"), given.authorities.unwrap()).unwrap();
    // One case, which listens to the silence of a paused stream until somebody ends it.
    let toml = format!(
        "issuer = {:?}\nca_certificates = {:?}\n[credentials]\ntoken.env = \"TOKEN\"\n\
         [adapters]\nemit = {{ url = {url:?} }}\n[limits]\nsilence_seconds = 3600\n",
        given.file.issuer,
        path("ca.pem")
    );
    fs::write(path("target.toml"), toml).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_ssf-conformance"))
        .args(["transmitter", "--only", "SSF-T-179.paused", "--target"])
        .arg(path("target.toml"))
        .env("TOKEN", &receiver.token)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while receiver.list().await.len() < 2 {
        tokio::task::yield_now().await;
    }
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    let output = output.await.unwrap();

    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains("interrupted; what the run had made is deleted again"),
        "{stderr}"
    );
    assert_eq!(receiver.list().await, [own]);
}

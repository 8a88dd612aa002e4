//! An application in JavaScript that knows `docs/redis.md` alone, on the Redis client of npm: it refuses whoever was revoked, and
//! nobody else.
//!
//! `make witnesses` installs the client into a directory, which `SSF_WITNESSES` names.

use std::{
    env,
    io::{self, Write},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use ssf_receiver::Receiver;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::Mutex,
    time::timeout,
};

use super::{
    ACCOUNT_DISABLED, ACCOUNT_ENABLED, T, Transmitter,
    contents::{done, has},
    eventually, receiver,
    redis_server::RedisServer,
    revoked, told, vectors,
};

/// Both ways to decide: by a question to Redis, and by a copy of what is there.
const WAYS: [&str; 2] = ["ask", "look up"];

/// Dropping it ends it.
struct Stranger {
    _process: Child,
    talk: Mutex<(ChildStdin, Lines<BufReader<ChildStdout>>)>,
    issuer: String,
}

/// Where the client is installed; without it, a lone `cargo test` tells that it proves less.
fn directory() -> Option<PathBuf> {
    if let Some(directory) = env::var_os("SSF_WITNESSES") {
        return Some(directory.into());
    }
    assert!(
        env::var_os("CI").is_none(),
        "SSF_WITNESSES is not set: run `make test`, or `make witnesses` first"
    );
    let told = "\nNOT TESTED with a Redis client of others: `make test` installs it, this run has none\n\n";
    io::stderr().write_all(told.as_bytes()).unwrap();
    None
}

impl Stranger {
    fn new(issuer: &str, arguments: [&str; 3]) -> Option<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/strangers/redis/main.mjs");
        let mut node = Command::new("node");
        node.arg(script)
            .args(arguments)
            .current_dir(directory()?.join("node"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut process = node.spawn().unwrap();
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap()).lines();
        Some(Self {
            _process: process,
            talk: Mutex::new((input, output)),
            issuer: issuer.to_owned(),
        })
    }

    /// One that reads what `receiver` publishes.
    fn of(server: &RedisServer, receiver: &Receiver) -> Option<Self> {
        let url = server.url();
        let secret = receiver.publication_secret();
        let socket = url.strip_prefix("redis+unix://").unwrap();
        let arguments = [socket, "ssf", secret.expose_secret()];
        Self::new(receiver.issuer().as_str(), arguments)
    }

    async fn answer(&self, question: &Value) -> Value {
        let mut talk = self.talk.lock().await;
        let (input, output) = &mut *talk;
        let line = format!("{question}\n");
        input.write_all(line.as_bytes()).await.unwrap();
        let answer = timeout(Duration::from_mins(1), output.next_line()).await;
        serde_json::from_str(&answer.unwrap().unwrap().unwrap()).unwrap()
    }

    /// What follows for a session of somebody that began so many seconds after [`T`].
    async fn verdict(&self, way: &str, person: &str, after: u64) -> String {
        let subject = json!({ "format": "email", "email": format!("{person}@example.com") });
        let identifiers = json!([{ "member": "user", "subject": subject }]);
        let session =
            json!({ "issuer": self.issuer, "began": T + after, "identifiers": identifiers });
        let answer = self.answer(&json!({ way: session })).await;
        answer.as_str().unwrap().to_owned()
    }

    /// Waits until both ways come to this verdict, and have come to none of the others.
    async fn comes_to(&self, verdict: &str, (person, after): (&str, u64), never: &[&str]) {
        for way in WAYS {
            let is_so = async || {
                let found = self.verdict(way, person, after).await;
                assert!(!never.contains(&found.as_str()), "{way} {person}: {found}");
                found == verdict
            };
            eventually(&format!("{way} {person}: {verdict}"), is_so).await;
        }
    }
}

#[actix_web::test]
async fn each_vector_is_what_a_stranger_finds() {
    let Some(stranger) = Stranger::new("", ["none", "", ""]) else {
        return;
    };
    let faults = stranger
        .answer(&json!({ "vectors": vectors::path() }))
        .await;
    assert_eq!(faults, json!([]));
}

#[actix_web::test]
async fn a_stranger_refuses_who_was_revoked_and_lets_in_who_signs_in_again() {
    let (server, transmitter) = (RedisServer::start().await, Transmitter::start());
    let directory = tempfile::tempdir().unwrap();
    let receiver = receiver(&transmitter, &server, directory.path()).await;
    let Some(stranger) = Stranger::of(&server, &receiver) else {
        return;
    };
    stranger.comes_to("allow", ("alice", 0), &["revoked"]).await;
    revoked(&transmitter, &receiver, "alice").await;
    stranger.comes_to("revoked", ("alice", 0), &[]).await;
    for (person, after) in [("alice", 1), ("bob", 0)] {
        stranger
            .comes_to("allow", (person, after), &["revoked"])
            .await;
    }
    told(&transmitter, &receiver, (ACCOUNT_DISABLED, T + 1)).await;
    stranger.comes_to("blocked", ("alice", 9), &[]).await;
    told(&transmitter, &receiver, (ACCOUNT_ENABLED, T + 2)).await;
    stranger.comes_to("allow", ("alice", 9), &[]).await;
    stranger.comes_to("revoked", ("alice", 0), &["allow"]).await;
    transmitter.stop().await;
}

#[actix_web::test]
async fn t57_f25_nobody_is_let_in_by_what_redis_has_lost() {
    let (server, transmitter) = (RedisServer::start().await, Transmitter::start());
    let directory = tempfile::tempdir().unwrap();
    let before = receiver(&transmitter, &server, directory.path()).await;
    let Some(stranger) = Stranger::of(&server, &before) else {
        return;
    };
    revoked(&transmitter, &before, "alice").await;
    has(&server, &before, "alice").await;
    for person in ["alice", "bob"] {
        let verdict = if person == "alice" {
            "revoked"
        } else {
            "allow"
        };
        stranger.comes_to(verdict, (person, 0), &[]).await;
    }
    // While somebody publishes anew what was lost.
    for _ in 0..5 {
        done(&server, &["FLUSHALL"]).await;
        stranger.comes_to("revoked", ("alice", 0), &["allow"]).await;
        stranger.comes_to("allow", ("bob", 0), &["revoked"]).await;
    }
    // And while nobody does.
    super::ended(before).await;
    done(&server, &["FLUSHALL"]).await;
    stranger.comes_to("unknown", ("bob", 0), &["revoked"]).await;
    stranger.comes_to("unknown", ("alice", 0), &["allow"]).await;
    let after = receiver(&transmitter, &server, directory.path()).await;
    stranger.comes_to("revoked", ("alice", 0), &["allow"]).await;
    stranger.comes_to("allow", ("bob", 0), &["revoked"]).await;
    drop(after);
    transmitter.stop().await;
}

#[actix_web::test]
async fn where_nobody_publishes_any_more_nobody_is_let_in() {
    let (server, transmitter) = (RedisServer::start().await, Transmitter::start());
    let directory = tempfile::tempdir().unwrap();
    let receiver = receiver(&transmitter, &server, directory.path()).await;
    let Some(stranger) = Stranger::of(&server, &receiver) else {
        return;
    };
    stranger.comes_to("allow", ("bob", 0), &["revoked"]).await;
    super::ended(receiver).await;
    // After the ten seconds that the stranger gives it.
    stranger.comes_to("unknown", ("bob", 0), &["revoked"]).await;
    transmitter.stop().await;
}

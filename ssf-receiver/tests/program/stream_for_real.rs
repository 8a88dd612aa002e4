//! `ssf-receiver stream` and the real `ssf-transmitter`, which `cargo test --workspace` has built beside it.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use ssf_types::{jose::SigningKey, set::Algorithm};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::{
    common::{SESSION_REVOKED, client},
    rig::{Installation, PATIENCE, text},
};

/// A transmitter with a receiver; dropping it kills it.
pub(crate) struct Real {
    directory: TempDir,
    child: Child,
    pub(crate) issuer: String,
    pub(crate) token: String,
    operator: String,
    ingest: String,
    /// What was said when the receiver was added.
    pub(crate) added: String,
}

fn program() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_ssf-receiver")).with_file_name("ssf-transmitter");
    assert!(path.exists(), "there is no {}", path.display());
    path
}

fn value(lines: &str, name: &str) -> Option<String> {
    let line = |line: &str| Some(line.strip_prefix(name)?.strip_prefix('=')?.to_owned());
    lines.lines().find_map(line)
}

impl Real {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// One whose receiver is added with these arguments.
    pub(crate) fn with(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let command = |arguments: &[&str]| {
            let mut command = Command::new(program());
            command.args(arguments).current_dir(directory.path());
            command
                .env_clear()
                .env("SSF_TRANSMITTER_MIN_VERIFICATION_INTERVAL_SECONDS", "1")
                .stdin(Stdio::null())
                .stderr(Stdio::null());
            command
        };
        let add = [
            "receiver",
            "add",
            "app",
            "--audience",
            "https://app.example.com",
        ];
        let added = command(&[&add, arguments].concat()).output().unwrap();
        let added = text(&added.stdout);
        let mut serve = command(&["serve", "--listen", "127.0.0.1:0"]);
        let mut child = serve.stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut lines = String::new();
        while value(&lines, "listening").is_none() {
            assert_ne!(out.read_line(&mut lines).unwrap(), 0, "it ended: {lines}");
        }
        let issuer = value(&lines, "issuer").unwrap();
        Self {
            ingest: format!("{issuer}/ingest/events"),
            issuer,
            token: value(&added, "receiver_token").unwrap_or_default(),
            operator: value(&lines, "operator_token").unwrap(),
            added,
            directory,
            child,
        }
    }

    /// A receiver's installation that has the credentials.
    pub(crate) fn installation(&self) -> Installation {
        Installation::bare()
            .with("LISTEN", "127.0.0.1:0")
            .with("LISTEN_ADMIN", "127.0.0.1:0")
            .with("TRANSMITTER_IDP_ISSUER", &self.issuer)
            .with("TRANSMITTER_IDP_MANAGEMENT_TOKEN", &self.token)
    }

    /// Ends the sessions of a person.
    pub(crate) async fn end_sessions_of(&self, email: &str) {
        let event = json!({
            "sub_id": { "format": "email", "email": email },
            "events": { SESSION_REVOKED: { "event_timestamp": 1_615_305_159 } },
        });
        let request = client().post(&self.ingest).bearer_auth(&self.operator);
        let answer = request.json(&event).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 202);
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        assert!(self.directory.path().exists());
    }
}

/// Runs a command that succeeds, and reads its document.
async fn told(installation: &Installation, arguments: &[&str]) -> Value {
    let arguments = [&["stream"], arguments, &["--json"]].concat();
    let output = installation.run(&arguments).await;
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        text(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

#[actix_web::test]
async fn a_stream_lives_from_its_creation_to_its_deletion_by_commands_alone() {
    let transmitter = Real::start();
    let installation = transmitter.installation();
    let told = async |arguments: &[&str]| told(&installation, arguments).await;
    assert_eq!(told(&["discover"]).await["issuer"], transmitter.issuer);
    assert_eq!(told(&["list"]).await, json!([]));

    let create = [
        "create",
        "--poll",
        "--event",
        SESSION_REVOKED,
        "--description",
        "A",
    ];
    let created = told(&create).await;
    let id = created["stream_id"].as_str().unwrap();
    assert_eq!(created["aud"], "https://app.example.com");
    assert_eq!(told(&["read", id]).await, created);
    assert_eq!(told(&["list"]).await, json!([created]));
    let updated = told(&["update", id, "--description", "B"]).await;
    assert_eq!(updated["description"], "B");
    assert_eq!(updated["events_delivered"], json!([SESSION_REVOKED]));
    let replaced = told(&["replace", id, "--poll", "--event", SESSION_REVOKED]).await;
    assert_eq!(replaced["description"], Value::Null);

    let paused = told(&["status", "set", id, "paused", "--reason", "upgrade"]).await;
    assert_eq!(paused["status"], "paused");
    assert_eq!(told(&["status", "get", id]).await["reason"], "upgrade");
    told(&["status", "set", id, "enabled"]).await;

    let subject = r#"{"format":"email","email":"alice@example.com"}"#;
    assert_eq!(told(&["subject", "add", id, subject]).await["added"], id);
    transmitter.end_sessions_of("alice@example.com").await;
    let polled = async |arguments: &[&str]| {
        let arguments = [&["poll", id], arguments].concat();
        told(&arguments).await["sets"].as_object().unwrap().clone()
    };
    let arrived = async || {
        let arriving = async {
            loop {
                let sets = polled(&[]).await;
                if !sets.is_empty() {
                    return sets;
                }
            }
        };
        timeout(PATIENCE, arriving).await.unwrap()
    };
    let sets = arrived().await;
    let (jti, _) = sets.iter().next().unwrap();
    // What is not acknowledged is still there, and acknowledged it is gone.
    assert!(polled(&["--ack", jti]).await.is_empty());
    assert_eq!(
        told(&["subject", "remove", id, subject]).await["removed"],
        id
    );
    assert_eq!(told(&["verify", id, "--state", "x"]).await["asked"], id);
    assert_eq!(arrived().await.len(), 1);
    assert_eq!(told(&["delete", id]).await["deleted"], id);
    assert_eq!(told(&["list"]).await, json!([]));
}

#[actix_web::test]
async fn a_stream_that_a_command_deleted_is_found_gone_and_made_anew_at_the_next_start() {
    let transmitter = Real::start();
    let installation = transmitter.installation();
    let daemon = installation.serve().await;
    daemon.ready().await;
    // Where it pushes to is a part of what is remembered.
    let address = daemon.address.to_string();
    daemon.kill().await;
    let installation = installation.with("LISTEN", &address);
    let streams = told(&installation, &["list"]).await;
    let first = streams[0]["stream_id"].as_str().unwrap();
    told(&installation, &["delete", first]).await;
    let daemon = installation.serve().await;
    daemon.ready().await;
    let streams = told(&installation, &["list"]).await;
    assert_ne!(streams[0]["stream_id"], first);
    assert!(installation.log().contains("the stream is gone"));
}

#[actix_web::test]
async fn a_client_with_a_secret_gets_its_tokens_from_where_the_transmitter_says() {
    let transmitter = Real::with(&["--client-secret"]);
    let added = |name: &str| value(&transmitter.added, name).unwrap();
    let installation = Installation::bare()
        .with("LISTEN", "127.0.0.1:0")
        .with("LISTEN_ADMIN", "127.0.0.1:0")
        .with("TRANSMITTER_IDP_ISSUER", &transmitter.issuer)
        .with("TRANSMITTER_IDP_CLIENT_ID", &added("client_id"))
        .with("TRANSMITTER_IDP_CLIENT_SECRET", &added("client_secret"));
    assert_eq!(told(&installation, &["list"]).await, json!([]));
    let daemon = installation.serve().await;
    daemon.ready().await;
    let streams = told(&installation, &["list"]).await;
    assert_eq!(streams[0]["delivery"]["endpoint_url"], daemon.endpoint);
    assert!(!installation.log().contains(&added("client_secret")));
}

#[actix_web::test]
async fn a_client_with_a_key_shows_an_assertion() {
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let jwk = key.public_key().to_jwk().to_string();
    let transmitter = Real::with(&["--jwk", &jwk]);
    let installation = Installation::bare()
        .with("TRANSMITTER_IDP_ISSUER", &transmitter.issuer)
        .with(
            "TRANSMITTER_IDP_CLIENT_ID",
            &value(&transmitter.added, "receiver_id").unwrap(),
        )
        .with("TRANSMITTER_IDP_CLIENT_KEY_FILE", "key.pem");
    let pem = key.pem().expose_secret();
    std::fs::write(installation.path("key.pem"), pem).unwrap();
    assert_eq!(told(&installation, &["list"]).await, json!([]));
    let stranger = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let pem = stranger.pem().expose_secret();
    std::fs::write(installation.path("key.pem"), pem).unwrap();
    let output = installation.run(&["stream", "list"]).await;
    let error = text(&output.stderr);
    assert!(
        error.contains("invalid_client: check the client's id, and its secret or key"),
        "{error}"
    );
}

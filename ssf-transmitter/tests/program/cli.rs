//! The command line of the real program.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::rig::{Answer, Endpoint, Installation, client, stream_for, text, value};

#[tokio::test]
async fn the_operators_token_is_printed_at_the_first_start_alone() {
    let installation = Installation::new();
    let first = installation.serve();
    let token = first.operator_token.clone().unwrap();
    assert_eq!(first.issuer, format!("http://{}", first.address));
    first.kill();
    let second = installation.serve();
    assert_eq!(second.operator_token, None);
    let request = client().post(second.url("/ingest/events")).body("{}");
    assert_eq!(Answer::to(request.bearer_auth(token)).await.status, 400);
}

#[test]
fn a_first_start_that_fails_does_not_use_up_the_token() {
    let installation = Installation::new();
    let occupied = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = occupied.local_addr().unwrap().to_string();
    let output = installation.run(&["serve", "--listen", &address]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    let expected = format!("{address} cannot be listened on");
    assert!(told.contains(&expected), "{told}");
    assert!(installation.serve().operator_token.is_some());
}

#[tokio::test]
async fn files_of_the_first_start_are_private_and_the_key_is_called_what_it_is() {
    let installation = Installation::new();
    let _server = installation.serve();
    let key = installation.path("ssf-transmitter.db.key");
    let mode = fs::metadata(key).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let log = installation.log();
    assert!(
        log.contains("does not protect against a copied directory"),
        "{log}"
    );
}

#[test]
fn every_fault_of_a_configuration_is_told_at_once() {
    let installation = Installation::new();
    fs::write(
        installation.path("ssf-transmitter.toml"),
        "log_format = 'xml'\ncolour = 'blue'\n",
    )
    .unwrap();
    let output = installation
        .command(&["serve", "--listen", "nowhere"])
        .env("SSF_TRANSMITTER_DATABASE_URL", "mysql://u:s3cret@h/d")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    for line in [
        "colour (file ssf-transmitter.toml): there is no such setting",
        "database_url (environment SSF_TRANSMITTER_DATABASE_URL): must be sqlite://PATH or postgres://HOST/DATABASE",
        "listen (flag --listen): must be an address with a port, such as 127.0.0.1:8411",
        "log_format (file ssf-transmitter.toml): must be text or json",
    ] {
        assert!(told.contains(line), "{line} in {told}");
    }
    assert!(!told.contains("s3cret"), "{told}");
}

#[test]
fn a_named_configuration_file_must_be_there() {
    let installation = Installation::new();
    let output = installation.run(&["serve", "--config", "other.toml"]);
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(
        told.contains("the configuration file other.toml cannot be read"),
        "{told}"
    );
}

#[tokio::test]
async fn a_database_of_another_key_is_refused_at_the_start() {
    let installation = Installation::new();
    installation.serve().kill();
    let output = installation
        .command(&["serve", "--listen", "127.0.0.1:0"])
        .env(
            "SSF_TRANSMITTER_ENCRYPTION_KEY",
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        )
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(
        told.contains("the database was made with another encryption key"),
        "{told}"
    );
}

#[tokio::test]
async fn a_key_file_that_others_can_read_is_refused_at_the_start() {
    let installation = Installation::new();
    installation.serve().kill();
    let key = installation.path("ssf-transmitter.db.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let output = installation.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(told.contains("has mode 644; set it to 600"), "{told}");
}

#[tokio::test]
async fn a_second_server_on_one_file_is_refused() {
    let installation = Installation::new();
    let _first = installation.serve();
    let output = installation.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(
        told.contains("another transmitter uses this database"),
        "{told}"
    );
}

#[test]
fn receivers_are_added_once_under_a_name_and_listed() {
    let installation = Installation::new();
    let token = installation.add_receiver("rp");
    assert!(token.starts_with("ssf_rx_"));
    let again = ["receiver", "add", "rp", "--audience", "https://x.example"];
    let output = installation.run(&again);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(
        told.contains("there is a receiver of this name already"),
        "{told}"
    );
    let list = text(&installation.run(&["receiver", "list"]).stdout);
    let fields: Vec<&str> = list.trim_end().split('\t').collect();
    assert_eq!(fields[1..4], ["rp", "https://rp.example.com", "main"]);
}

#[tokio::test]
async fn an_event_from_the_command_line_is_accepted_and_told_by_its_id() {
    let installation = Installation::new();
    let server = installation.serve();
    let endpoint = Endpoint::answering(202);
    let receiver = installation.add_receiver("rp");
    let request = client().post(server.url("/ssf/stream"));
    let created = request
        .json(&stream_for(&endpoint.url))
        .bearer_auth(receiver);
    assert_eq!(Answer::to(created).await.status, 201);
    let url = server.url("");
    let mut emit = installation.command(&["emit", "session-revoked", "--url", &url]);
    emit.args(["--user-email", "alice@example.com"]);
    emit.env(
        "SSF_OPERATOR_TOKEN",
        server.operator_token.as_ref().unwrap(),
    );
    let output = emit.output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let id = value(&text(&output.stdout), "event_id").unwrap();
    assert_eq!(id.len(), 32);
    assert_eq!(endpoint.next().set.split('.').count(), 3);
}

#[tokio::test]
async fn an_event_that_is_not_accepted_is_told_with_the_reason() {
    let installation = Installation::new();
    let server = installation.serve();
    let url = server.url("");
    let emit = |event: &str, token: &str| {
        let line = [
            "emit", event, "--opaque", "7", "--url", &url, "--token", token,
        ];
        let output = installation.run(&line);
        (output.status.code(), text(&output.stderr))
    };
    let (code, told) = emit("session-revoked", "guess");
    assert_eq!(code, Some(1));
    assert!(
        told.contains("the transmitter answered 401: the token is not one that is valid here"),
        "{told}"
    );
    assert!(!told.contains("guess"), "{told}");
    let token = server.operator_token.clone().unwrap();
    let (code, told) = emit("urn:example:unknown", &token);
    assert_eq!(code, Some(1));
    assert!(
        told.contains("400: the event's type is not one of events_supported"),
        "{told}"
    );
    server.kill();
    let (code, told) = emit("session-revoked", &token);
    assert_eq!(code, Some(1));
    assert!(told.contains("the transmitter cannot be reached"), "{told}");
}

#[test]
fn a_token_is_not_sent_where_it_could_be_overheard() {
    let line = ["emit", "session-revoked", "--opaque=7", "--token=t"];
    let line = [&line[..], &["--url", "http://tr.example.com"]].concat();
    let output = Installation::new().run(&line);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(told.contains("the scheme must be https"), "{told}");
}

#[tokio::test]
async fn either_signal_ends_the_server_with_success() {
    for signal in ["TERM", "INT"] {
        let installation = Installation::new();
        let server = installation.serve();
        server.signal(signal);
        assert_eq!(server.ended().await.code(), Some(0), "{signal}");
    }
}

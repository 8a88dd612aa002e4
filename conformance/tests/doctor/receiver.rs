//! Of a receiver.

use std::{
    fs,
    net::TcpListener,
    path::PathBuf,
    process::{Command, Output},
    sync::Arc,
};

use ssf_conformance::{
    authority::Authority,
    peer::receiver::{Receiver, Trust},
    push::Security,
    sink::{Reaction, Sink},
    target::Target,
    target_file::PushSettings,
};
use tempfile::TempDir;

use super::nobody;

/// A receiver that is going to be judged.
struct Judged {
    directory: TempDir,
    token: Option<&'static str>,
}

impl Judged {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            token: Some("s3cret-token"),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// What `doctor` says of it, with these lines of its target file besides those that there have to be.
    async fn examined(&self, toml: &str, arguments: &[&str]) -> Output {
        let serve = if toml.contains("serve =") {
            String::new()
        } else {
            format!("serve = \"{}\"\n", nobody())
        };
        let toml = format!(
            "audience = \"https://rp.example.com\"\n{serve}credentials.token.env = \"TOKEN\"\n{toml}\n"
        );
        fs::write(self.path("target.toml"), toml).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_ssf-conformance"));
        command.args(["doctor", "--target", "target.toml"]);
        command.args(arguments).current_dir(self.directory.path());
        match self.token {
            Some(token) => command.env("TOKEN", token),
            None => command.env_remove("TOKEN"),
        };
        // What it looks at is served from this runtime meanwhile.
        tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap()
    }

    /// The one thing that is to be fixed, as `doctor` tells it.
    async fn to_fix(&self, toml: &str, arguments: &[&str]) -> String {
        let output = self.examined(toml, arguments).await;
        assert_eq!(output.status.code(), Some(2), "{toml}: {output:?}");
        let told = String::from_utf8(output.stdout).unwrap();
        let mut faulty = told.lines().filter(|line| line.starts_with("fix "));
        let line = faulty.next().unwrap().to_owned();
        assert_eq!(faulty.next(), None, "{toml}: {told}");
        assert!(!told.contains("s3cret"), "{told}");
        line
    }

    async fn asserts_to_fix(&self, toml: &str, of: &str, why: &str) {
        let line = self.to_fix(toml, &[]).await;
        let named = line.split_whitespace().nth(1);
        assert!(named == Some(of) && line.contains(why), "{toml}: {line}");
    }
}

/// Somebody who speaks TLS with a certificate by this authority, and says when it is.
async fn endpoint(authority: &Arc<Authority>, date: Option<&'static str>) -> (Sink, String) {
    let settings = PushSettings::default();
    let sink = Sink::start(&settings, Some(Arc::clone(authority)));
    let sink = sink.await.unwrap();
    let inbox = sink.inbox("events");
    inbox.answer(move |_| match date {
        Some(date) => Reaction::with_header(405, "date", date),
        None => Reaction::status(405),
    });
    let url = inbox.url().to_string();
    (sink, url)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_receiver_that_is_in_order_nothing_is_to_be_fixed() {
    let judged = Judged::new();
    let hook = TcpListener::bind("127.0.0.1:0").unwrap();
    let trust = Trust {
        issuer: Target::parse("https://tr.example.com").unwrap(),
        audience: "https://rp.example.com".to_owned(),
        authorization: None,
        dialect: None,
        ca_certificates: None,
        security: Security::Plain,
    };
    let receiver = Receiver::start(trust, None).unwrap();
    let toml = format!(
        "ca_out = \"ca.pem\"\nadapters.register.command = [\"true\"]\nadapters.alive.url = \"http://{}/alive\"",
        hook.local_addr().unwrap()
    );
    let endpoint = receiver.endpoint();
    let output = judged.examined(&toml, &["--push-endpoint", endpoint]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    for of in [
        "credentials.token",
        "ca_out",
        "serve",
        "issuer",
        "push_endpoint",
        "clock",
        "adapters.alive",
        "adapters.register",
    ] {
        assert!(told.contains(&format!("ok   {of} ")), "{of}: {told}");
    }
    // Somebody may wait for it, and would find an authority that is gone.
    assert!(!judged.path("ca.pem").exists());
    assert_eq!(fs::read_dir(judged.directory.path()).unwrap().count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_is_told_another_origin_has_to_find_the_tester_there() {
    let judged = Judged::new();
    let address = nobody();
    let toml = format!(
        "serve = \"{address}\"\npublic_url = \"http://localhost:{}/\"",
        address.port()
    );
    let output = judged.examined(&toml, &[]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    let leads = format!("http://localhost:{}/tenant leads here", address.port());
    assert!(told.contains(&leads), "{told}");

    let sink = Sink::start(&PushSettings::default(), None).await.unwrap();
    let other = sink.inbox("x").url().join("/").unwrap();
    let toml = format!("public_url = \"{other}\"");
    let why = "somebody else answers, with 404: requests have to be passed on to 127.0.0.1:";
    judged.asserts_to_fix(&toml, "issuer", why).await;
    let toml = format!("public_url = \"http://{}\"", nobody());
    let why = "nobody takes connections";
    judged.asserts_to_fix(&toml, "issuer", why).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_no_receiver_could_find_the_tester_that_is_told() {
    let judged = Judged::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let toml = format!("serve = \"{}\"", taken.local_addr().unwrap());
    for (toml, of, why) in [
        (toml.as_str(), "serve", "choose another address"),
        ("serve = \"0.0.0.0:0\"", "issuer", "public_url has to name"),
        (
            "serve = \"192.0.2.1:80\"",
            "issuer",
            "and ca_out, which has",
        ),
        ("public_url = \"tester\"", "issuer", "an absolute URL"),
        (
            "ca_out = \"ca.pem\"\npublic_url = \"http://localhost\"",
            "issuer",
            "has to begin with https://",
        ),
        (
            "ca_out = \"no-such-directory/ca.pem\"",
            "ca_out",
            "see that its directory is there",
        ),
    ] {
        judged.asserts_to_fix(toml, of, why).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_file_names_and_is_not_in_order_is_told() {
    let mut judged = Judged::new();
    fs::write(judged.path("empty.pem"), "nothing\n").unwrap();
    let nobody = format!("adapters.alive.url = \"http://{}/alive\"", nobody());
    for (toml, of, why) in [
        (
            "ca_certificates = \"absent.pem\"",
            "ca_certificates",
            "absent.pem cannot be read",
        ),
        (
            "ca_certificates = \"empty.pem\"",
            "ca_certificates",
            "has no certificate",
        ),
        (nobody.as_str(), "adapters.alive", "127.0.0.1, port"),
        (
            "adapters.alive.command = [\"./absent\"]",
            "adapters.alive",
            "there is no program ./absent",
        ),
        (
            "adapters.alive.command = [\"./empty.pem\"]",
            "adapters.alive",
            "is not executable",
        ),
        (
            "adapters.alive = { url = \"http://127.0.0.1:9\", token_env = \"SSF_CONFORMANCE_UNSET\" }",
            "adapters.alive",
            "SSF_CONFORMANCE_UNSET, which is not set",
        ),
        (
            "adapters.register.command = [\"true\"]",
            "adapters.register",
            "where there is adapters.alive",
        ),
        ("profiles = [\"legacy\"]", "dialect", "needs a dialect"),
    ] {
        judged.asserts_to_fix(toml, of, why).await;
    }
    judged.token = Some("s3cret token");
    let why = "TOKEN has characters that no bearer token has";
    judged.asserts_to_fix("", "credentials.token", why).await;
    judged.token = None;
    let why = "the environment variable TOKEN, which is not set";
    judged.asserts_to_fix("", "credentials.token", why).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_endpoint_has_to_be_there_trusted_and_on_time() {
    let judged = Judged::new();
    let authority = Arc::new(Authority::new().unwrap());
    fs::write(judged.path("ca.pem"), authority.root()).unwrap();
    let trusting = ["--ca-certificates", "ca.pem", "--push-endpoint"];
    let (_sink, url) = endpoint(&authority, None).await;
    let arguments = [&trusting[..], &[&url]].concat();
    let output = judged.examined("", &arguments).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        told.contains("with a certificate that is trusted"),
        "{told}"
    );
    assert!(told.contains("-    clock"), "{told}");

    let untrusted = judged.to_fix("", &["--push-endpoint", &url]).await;
    assert!(untrusted.contains("takes connections, but"), "{untrusted}");
    let absent = format!("http://{}/events", nobody());
    let absent = judged.to_fix("", &["--push-endpoint", &absent]).await;
    assert!(absent.contains("nobody takes connections"), "{absent}");
    let plain = ["--push-endpoint", "http://rp.example.com/events"];
    let plain = judged.to_fix("", &plain).await;
    assert!(plain.contains("has to be an https URL"), "{plain}");
    let (_late, url) = endpoint(&authority, Some("Thu, 01 Jan 2015 00:00:00 GMT")).await;
    let late = judged.to_fix("", &[&trusting[..], &[&url]].concat()).await;
    assert!(
        late.contains("clock") && late.contains("set them"),
        "{late}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_for_the_other_role_is_refused() {
    let judged = Judged::new();
    let output = judged.examined("", &["--token-env", "TOKEN"]).await;
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(
        told.contains("are for the target file of a transmitter"),
        "{told}"
    );
    fs::write(
        judged.path("other.toml"),
        "issuer = 'https://tr.example.com'",
    )
    .unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ssf-conformance"));
    command
        .args(["doctor", "--target"])
        .arg(judged.path("other.toml"));
    let output = command
        .args(["--push-endpoint", "https://rp.example.com"])
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(
        told.contains("is for the target file of a receiver"),
        "{told}"
    );
}

//! A receiver that is killed right after its 202 has lost nothing: shown with a real process and a real kill.

#![cfg(all(feature = "actix", feature = "sqlite"))]
#![expect(clippy::unwrap_used, reason = "a helper of tests panics as they do")]

mod common;

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use common::{TOKEN, Transmitter, client, email, push, signed, until};

const T: u64 = 1_615_305_159;

/// The relying party of the examples, as a process of its own.
struct RelyingParty {
    process: Child,
    url: String,
}

impl RelyingParty {
    fn start(issuer: &str, database: &str, listen: &str) -> Self {
        let mut process = Command::new(example())
            .args(["--issuer", issuer, "--database", database])
            .args(["--listen", listen, "--management-token", TOKEN])
            .env("COOKIE_SECRET", "0123456789abcdef".repeat(4))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let url = line
            .trim()
            .strip_prefix("listening on ")
            .unwrap()
            .to_owned();
        Self { process, url }
    }

    fn address(&self) -> String {
        self.url.strip_prefix("http://").unwrap().to_owned()
    }

    /// Ends the process at once, as a power failure would.
    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Signs in and returns the cookie.
    async fn sign_in(&self, person: &str, sid: &str, iat: u64) -> String {
        let form =
            format!("sub={person}&email={person}@example.com&sid={sid}&iat={iat}&auth_time={iat}");
        let response = client()
            .post(format!("{}/sign-in", self.url))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(form)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        let cookie = response.headers()["set-cookie"].to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }

    async fn me(&self, cookie: &str) -> u16 {
        let request = client().get(format!("{}/me", self.url));
        let response = request.header("Cookie", cookie).send().await.unwrap();
        response.status().as_u16()
    }
}

impl Drop for RelyingParty {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `target/<profile>/examples/relying_party`, which cargo builds before it runs the tests.
fn example() -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let profile = this.parent().unwrap().parent().unwrap();
    let example = profile.join("examples").join("relying_party");
    assert!(
        example.exists(),
        "to run this test alone, first run: cargo build -p ssf-receiver --example relying_party"
    );
    example
}

#[actix_web::test]
async fn a_receiver_that_is_killed_after_its_202_refuses_the_session_and_only_that_one() {
    let transmitter = Transmitter::start();
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("receiver.db");
    let database = database.to_str().unwrap();
    let mut party = RelyingParty::start(&transmitter.issuer, database, "127.0.0.1:0");
    let streams = &transmitter.state.streams;
    until("the receiver makes its stream", || {
        !streams.lock().unwrap().is_empty()
    })
    .await;
    let alice = party.sign_in("alice", "s1", T).await;
    let bob = party.sign_in("bob", "s2", T - 100).await;
    assert_eq!(party.me(&alice).await, 200);
    assert_eq!(party.me(&bob).await, 200);

    let claims = transmitter.claims("1", &email("alice@example.com"), T + 1);
    let set = signed(&Transmitter::header(), &claims);
    let stream = transmitter.stream();
    let endpoint = stream.configuration["delivery"]["endpoint_url"].clone();
    let pushed = async || {
        let answer = push(
            endpoint.as_str().unwrap(),
            &stream.authorization,
            set.clone(),
        )
        .await;
        answer.status().as_u16()
    };
    // The stream is made before its `aud` is known: as a Transmitter does, try again until it is taken.
    let taken = async {
        loop {
            match pushed().await {
                503 => tokio::task::yield_now().await,
                status => break status,
            }
        }
    };
    let status = tokio::time::timeout(std::time::Duration::from_secs(20), taken).await;
    assert_eq!(status.unwrap(), 202);
    let address = party.address();
    party.kill();

    let party = RelyingParty::start(&transmitter.issuer, database, &address);
    assert_eq!(party.me(&alice).await, 401);
    assert_eq!(party.me(&bob).await, 200);
    let again = party.sign_in("alice", "s3", T + 2).await;
    assert_eq!(party.me(&again).await, 200);
    assert_eq!(party.me(&alice).await, 401);
    transmitter.stop().await;
}

//! The relying party of the examples, which ends sessions.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use super::{TOKEN, client};

/// The relying party of the examples, as a process of its own.
pub struct RelyingParty {
    process: Child,
    pub url: String,
    client: reqwest::Client,
}

impl RelyingParty {
    pub fn start(issuer: &str, database: &str, listen: &str) -> Self {
        let process = command(issuer, database, listen).spawn();
        Self::listening(process.unwrap()).unwrap()
    }

    /// One that dies when it comes to a point; `None` if that was before it listened.
    pub fn start_armed(
        issuer: &str,
        database: &str,
        listen: &str,
        failpoint: &str,
    ) -> Option<Self> {
        let mut command = command(issuer, database, listen);
        let process = command.env("SSF_FAILPOINT", failpoint).spawn();
        Self::listening(process.unwrap())
    }

    fn listening(mut process: Child) -> Option<Self> {
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let url = line.trim().strip_prefix("listening on ").map(str::to_owned);
        let Some(url) = url else {
            process.wait().unwrap();
            return None;
        };
        Some(Self {
            process,
            url,
            client: client(),
        })
    }

    /// Whether it has ended.
    pub fn has_died(&mut self) -> bool {
        self.process.try_wait().unwrap().is_some()
    }

    pub fn address(&self) -> String {
        self.url.strip_prefix("http://").unwrap().to_owned()
    }

    /// Ends the process at once, as a power failure would.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Signs in and returns the cookie.
    pub async fn sign_in(&self, person: &str, sid: &str, iat: u64) -> String {
        let form =
            format!("sub={person}&email={person}@example.com&sid={sid}&iat={iat}&auth_time={iat}");
        let response = self
            .client
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

    pub async fn me(&self, cookie: &str) -> u16 {
        let request = self.client.get(format!("{}/me", self.url));
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

fn command(issuer: &str, database: &str, listen: &str) -> Command {
    let mut command = Command::new(example());
    command
        .args(["--issuer", issuer, "--database", database])
        .args(["--listen", listen, "--management-token", TOKEN])
        .env("COOKIE_SECRET", "0123456789abcdef".repeat(4))
        .stdout(Stdio::piped());
    command
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

//! `ssf-receiver serve` as an operator runs it beside nginx, with the configuration that the documentation shows; without
//! `behind_proxy`, since no TLS ends in front of it.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    BoxError, http_client,
    process::Process,
    proxied::{CLIENT_ID, COOKIE},
    transmitter::Transmitter,
};

/// How long it may take until its stream is set up.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often it is asked.
const PAUSE: Duration = Duration::from_millis(5);

/// The running program.
pub(crate) struct Daemon {
    process: Process,
    client: reqwest::Client,
    /// Where probes and metrics are.
    admin: String,
}

/// What it stands between.
pub(crate) struct Beside<'b> {
    /// Where people reach the application, and the transmitter pushes to.
    pub(crate) url: &'b str,
    pub(crate) transmitter: &'b Transmitter,
    /// What the transmitter lets it in by.
    pub(crate) token: &'b str,
    /// Whose tokens people show.
    pub(crate) provider_issuer: &'b str,
}

impl Beside<'_> {
    /// Starts it in a directory of its own.
    pub(crate) fn start(&self, program: &Path, directory: &Path) -> Result<Daemon, BoxError> {
        let token_file = directory.join("idp.token");
        fs::write(&token_file, self.token)?;
        let configuration = format!(
            r#"listen = "127.0.0.1:0"
listen_admin = "127.0.0.1:0"
public_url = "{url}/ssf"
auth_cookie = "{COOKIE}"
auth_sign_in_url = "/login"

[[transmitter]]
name = "idp"
issuer = "{transmitter}"
management_token_file = "{token}"

[[token_issuer]]
name = "idp"
issuer = "{provider_issuer}"
audience = "{CLIENT_ID}"
"#,
            url = self.url,
            transmitter = self.transmitter.issuer(),
            provider_issuer = self.provider_issuer,
            token = token_file.display(),
        );
        fs::write(directory.join("ssf-receiver.toml"), configuration)?;
        let mut command = Command::new(program.canonicalize()?);
        let command = command.arg("serve").current_dir(directory);
        let process = Process::start("ssf-receiver", command, "listening")?;
        let admin = process.value("listening_admin")?;
        Ok(Daemon {
            process,
            client: http_client()?,
            admin: format!("http://{admin}"),
        })
    }
}

impl Daemon {
    /// Where nginx reaches it.
    pub(crate) fn address(&self) -> Result<String, BoxError> {
        self.process.value("listening")
    }

    /// Waits until its stream is set up.
    pub(crate) async fn ready(&self) -> Result<(), BoxError> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let answer = self.client.get(format!("{}/readyz", self.admin));
            let state: serde_json::Value = answer.send().await?.json().await?;
            if state["transmitters"]["idp"]["stream"] == "ready" {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err("the stream of ssf-receiver is not set up".into())
    }

    /// How many events it has taken that end nothing.
    pub(crate) async fn noted(&self) -> Result<u64, BoxError> {
        const NAME: &str = r#"ssf_receiver_events_total{outcome="noted"} "#;
        let answer = self.client.get(format!("{}/metrics", self.admin));
        let metrics = answer.send().await?.text().await?;
        let mut lines = metrics.lines();
        let count = lines.find_map(|line| line.strip_prefix(NAME));
        Ok(count.map(str::parse).transpose()?.unwrap_or_default())
    }

    /// Ends it, and waits for it.
    pub(crate) fn stop(self) -> Result<(), BoxError> {
        self.process.stop()
    }
}

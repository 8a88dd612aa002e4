//! Runs the real program in a directory of its own.

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::{ExitStatus, Output, Stdio},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use crate::common::{TOKEN, Transmitter, client};

/// How long anything may take before the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A directory with a database, in which the program can be started again and again.
pub(crate) struct Installation {
    directory: TempDir,
    environment: Vec<(String, String)>,
}

impl Installation {
    /// One without any configuration.
    pub(crate) fn bare() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            environment: Vec::new(),
        }
    }

    /// One that receives from `transmitter`.
    pub(crate) fn of(transmitter: &Transmitter) -> Self {
        Self::bare()
            .with("LISTEN", "127.0.0.1:0")
            .with("LISTEN_ADMIN", "127.0.0.1:0")
            .with("TRANSMITTER_IDP_ISSUER", &transmitter.issuer)
            .with("TRANSMITTER_IDP_MANAGEMENT_TOKEN", TOKEN)
    }

    /// Makes a setting in the environment.
    pub(crate) fn with(self, key: &str, value: &str) -> Self {
        self.with_variable(&format!("SSF_RECEIVER_{key}"), value)
    }

    /// Sets a variable of the environment that is none of the program's own.
    pub(crate) fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Has programs that are started from now on die when they come to a point; without one, never again.
    pub(crate) fn arm(&mut self, failpoint: Option<&str>) {
        const VARIABLE: &str = "SSF_FAILPOINT";
        self.environment.retain(|(name, _)| name != VARIABLE);
        let armed = failpoint.map(|point| (VARIABLE.to_owned(), point.to_owned()));
        self.environment.extend(armed);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The program, with nothing of the environment of the test run.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ssf-receiver"));
        command
            .args(arguments)
            .current_dir(self.directory.path())
            .env_clear()
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Runs a command that ends by itself.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output();
        timeout(PATIENCE, output).await.unwrap().unwrap()
    }

    /// Starts the daemon, and waits until probes are answered.
    pub(crate) async fn start(&self) -> Starting {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.path("stderr.log"));
        let mut command = self.command(&["serve"]);
        command.stdout(Stdio::piped()).stderr(log.unwrap());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let endpoint = None;
        let mut told = Told { lines, endpoint };
        let admin = told.value("listening_admin").await.parse().unwrap();
        Starting { child, told, admin }
    }

    /// Starts a command that goes on until it is told to end.
    pub(crate) fn listen(&self, arguments: &[&str]) -> Listening {
        let mut command = self.command(arguments);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let endpoint = None;
        let told = Told { lines, endpoint };
        Listening { child, told }
    }

    /// Starts the daemon, and waits until it serves.
    pub(crate) async fn serve(&self) -> Daemon {
        self.start().await.serves().await
    }

    /// Everything that was logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("stderr.log")).unwrap_or_default()
    }
}

/// What the program says on standard output, one `name=value` per line.
struct Told {
    lines: Lines<BufReader<ChildStdout>>,
    endpoint: Option<String>,
}

impl Told {
    /// The value of the next line that has this name.
    async fn value(&mut self, name: &str) -> String {
        let found = async {
            loop {
                let line = self.lines.next_line().await.unwrap();
                // `None` means that it ended without telling.
                let line = line.unwrap();
                let (found, value) = line.split_once('=').unwrap();
                if found == "endpoint.idp" {
                    self.endpoint = Some(value.to_owned());
                }
                if found == name {
                    return value.to_owned();
                }
            }
        };
        timeout(PATIENCE, found).await.unwrap()
    }
}

/// A command that goes on; dropping it kills it.
pub(crate) struct Listening {
    child: Child,
    told: Told,
}

impl Listening {
    /// The value of the next line that has this name.
    pub(crate) async fn value(&mut self, name: &str) -> String {
        self.told.value(name).await
    }

    /// Does what Ctrl-C does.
    pub(crate) async fn interrupt(&self) {
        let id = self.child.id().unwrap().to_string();
        let status = Command::new("kill").args(["-s", "INT", &id]).status();
        assert!(status.await.unwrap().success());
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(mut self) -> ExitStatus {
        let ended = timeout(PATIENCE, self.child.wait()).await;
        ended.unwrap().unwrap()
    }
}

/// A program that answers probes; dropping it kills it.
pub(crate) struct Starting {
    child: Child,
    told: Told,
    admin: SocketAddr,
}

impl Starting {
    pub(crate) async fn probe(&self, path: &str) -> Answer {
        Answer::to(&format!("http://{}{path}", self.admin)).await
    }

    pub(crate) async fn serves(mut self) -> Daemon {
        let address = self.told.value("listening").await.parse().unwrap();
        let endpoint = self.told.endpoint.take().unwrap_or_default();
        Daemon {
            starting: self,
            address,
            endpoint,
        }
    }
}

/// A program that serves; dropping it kills it.
pub(crate) struct Daemon {
    starting: Starting,
    pub(crate) address: SocketAddr,
    /// Empty if SETs are polled.
    pub(crate) endpoint: String,
}

impl Daemon {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) async fn probe(&self, path: &str) -> Answer {
        self.starting.probe(path).await
    }

    /// Waits until the answer of a probe is as wanted.
    pub(crate) async fn probe_until(&self, path: &str, is_so: impl Fn(&Answer) -> bool) -> Answer {
        let waited = async {
            loop {
                let answer = self.probe(path).await;
                if is_so(&answer) {
                    return answer;
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, waited).await.unwrap()
    }

    /// Waits until the stream is set up.
    pub(crate) async fn ready(&self) {
        let is_ready = |answer: &Answer| answer.json()["transmitters"]["idp"]["stream"] == "ready";
        self.probe_until("/readyz", is_ready).await;
    }

    pub(crate) async fn metrics(&self) -> String {
        self.probe("/metrics").await.body
    }

    /// Ends it as a crash does.
    pub(crate) async fn kill(mut self) {
        self.starting.child.kill().await.unwrap();
    }

    /// Asks it to end.
    pub(crate) async fn signal(&self, name: &str) {
        let id = self.starting.child.id().unwrap().to_string();
        let status = Command::new("kill").args(["-s", name, &id]).status();
        assert!(status.await.unwrap().success());
    }

    /// Whether it has ended.
    pub(crate) fn has_died(&mut self) -> bool {
        self.starting.child.try_wait().unwrap().is_some()
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(mut self) -> ExitStatus {
        let ended = timeout(PATIENCE, self.starting.child.wait()).await;
        ended.unwrap().unwrap()
    }
}

/// An answer that was read to its end.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    async fn to(url: &str) -> Self {
        Self::read(client().get(url).send().await.unwrap()).await
    }

    pub(crate) async fn read(response: reqwest::Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text().await.unwrap(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

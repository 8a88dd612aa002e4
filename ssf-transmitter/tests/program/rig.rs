//! Runs the real program in a directory of its own, and a push endpoint whose answers the test chooses.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{
        Arc, Condvar, Mutex,
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use reqwest::{Client, RequestBuilder, Response, redirect};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long anything may take before the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const SESSION_REVOKED: &str =
    "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

/// An installation: a directory with a database, in which the program can be started again and again.
pub(crate) struct Installation {
    directory: TempDir,
    environment: Vec<(&'static str, String)>,
}

impl Installation {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            environment: Vec::new(),
        }
    }

    /// Sets a variable for all commands.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The program, with the database of this installation and nothing of the environment of the test run.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ssf-transmitter"));
        command
            .args(arguments)
            .current_dir(self.directory.path())
            .env_clear()
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null());
        command
    }

    /// Runs a command that ends by itself.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub(crate) fn serve(&self) -> Transmitter {
        self.serve_with(&[])
    }

    pub(crate) fn serve_with(&self, arguments: &[&str]) -> Transmitter {
        let all = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
        Transmitter::start(self.command(&all), &self.path("stderr.log"))
    }

    /// Starts it as the command says.
    pub(crate) fn started(&self, command: Command) -> Transmitter {
        Transmitter::start(command, &self.path("stderr.log"))
    }

    /// Starts it where it was before, so that its derived issuer is the same.
    pub(crate) fn serve_at(&self, address: &str) -> Transmitter {
        let command = self.command(&["serve", "--listen", address]);
        Transmitter::start(command, &self.path("stderr.log"))
    }

    /// Everything that was logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("stderr.log")).unwrap_or_default()
    }

    /// Waits until `words` have been logged.
    pub(crate) async fn logged(&self, words: &str) {
        let waited = async {
            while !self.log().contains(words) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waited).await.unwrap();
    }

    /// Registers a Receiver and returns its token.
    pub(crate) fn add_receiver(&self, name: &str) -> String {
        self.add_receiver_for(name, &format!("https://{name}.example.com"))
    }

    /// As [`Installation::add_receiver`], with an audience that another one may have.
    pub(crate) fn add_receiver_for(&self, name: &str, audience: &str) -> String {
        let output = self.run(&["receiver", "add", name, "--audience", audience]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        value(&text(&output.stdout), "receiver_token").unwrap()
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The value of the line `name=value`.
pub(crate) fn value(lines: &str, name: &str) -> Option<String> {
    let line = |line: &str| Some(line.strip_prefix(name)?.strip_prefix('=')?.to_owned());
    lines.lines().find_map(line)
}

/// A running program; dropping it kills it.
pub(crate) struct Transmitter {
    child: Child,
    log: PathBuf,
    pub(crate) address: SocketAddr,
    pub(crate) issuer: String,
    pub(crate) operator_token: Option<String>,
}

impl Transmitter {
    fn start(mut command: Command, log: &Path) -> Self {
        let appended = File::options().create(true).append(true).open(log);
        let command = command.stdout(Stdio::piped()).stderr(appended.unwrap());
        let mut child = command.spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut lines = String::new();
        while value(&lines, "listening").is_none() {
            assert_ne!(out.read_line(&mut lines).unwrap(), 0, "it ended: {lines}");
        }
        Self {
            child,
            log: log.to_owned(),
            address: value(&lines, "listening").unwrap().parse().unwrap(),
            issuer: value(&lines, "issuer").unwrap(),
            operator_token: value(&lines, "operator_token"),
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(status.unwrap().success());
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(mut self) -> ExitStatus {
        let waited = async {
            loop {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waited).await.unwrap()
    }
}

impl Drop for Transmitter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        // Whatever else a test is about: each change is to be found in the audit log.
        let forgotten = log.contains("a change left no audit entry");
        assert!(!forgotten || thread::panicking(), "{log}");
    }
}

pub(crate) fn client() -> Client {
    Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .timeout(PATIENCE)
        .build()
        .unwrap()
}

/// An answer, read to the end.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) async fn to(request: RequestBuilder) -> Self {
        Self::read(request.send().await.unwrap()).await
    }

    pub(crate) async fn read(response: Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text().await.unwrap(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The code of this problem document.
    pub(crate) fn code(&self) -> String {
        self.problem();
        self.json()["code"].as_str().unwrap().to_owned()
    }

    /// Checks that this is a problem document (RFC 9457) and returns its status and detail.
    pub(crate) fn problem(&self) -> (u16, String) {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        let document = self.json();
        assert_eq!(document["type"], "about:blank");
        assert_eq!(document["status"], self.status);
        assert!(document["title"].is_string());
        let code = document["code"].as_str().unwrap();
        assert!(code.bytes().all(|b| b == b'_' || b.is_ascii_lowercase()));
        let id = document["request_id"].as_str();
        assert_eq!(id, self.header("x-request-id"));
        assert_eq!(self.header("cache-control"), Some("no-store"));
        (self.status, document["detail"].as_str().unwrap().to_owned())
    }
}

/// The body that asks for a push stream of session-revoked events.
pub(crate) fn stream_for(endpoint: &str) -> Value {
    json!({
        "delivery": {
            "method": "urn:ietf:rfc:8935",
            "endpoint_url": endpoint,
            "authorization_header": "Bearer push-s3cret",
        },
        "events_requested": [SESSION_REVOKED],
    })
}

/// A source's event about one address.
pub(crate) fn event_about(email: &str) -> Value {
    json!({
        "sub_id": {"format": "email", "email": email},
        "events": {(SESSION_REVOKED): {"event_timestamp": 1_800_000_000}},
    })
}

/// A SET that a push endpoint was sent.
#[derive(Clone, Debug)]
pub(crate) struct Pushed {
    /// Request line and headers, in lower case.
    pub(crate) head: String,
    pub(crate) set: String,
}

/// The claims of a SET, unverified.
pub(crate) fn claims_of(set: &str) -> Value {
    let claims = set.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64.decode(claims).unwrap()).unwrap()
}

/// A push endpoint that answers as the test says.
pub(crate) struct Endpoint {
    pub(crate) url: String,
    status: Arc<Status>,
    pushed: Receiver<Pushed>,
}

impl Endpoint {
    pub(crate) fn answering(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/events", listener.local_addr().unwrap());
        let status = Arc::new(Status::new(status));
        let (sender, pushed) = mpsc::channel();
        let answered = Arc::clone(&status);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (sender, answered) = (sender.clone(), Arc::clone(&answered));
                thread::spawn(move || serve(&connection.unwrap(), &sender, &answered));
            }
        });
        Self {
            url,
            status,
            pushed,
        }
    }

    pub(crate) fn answer(&self, status: u16) {
        self.status.set(Reply::with(status));
    }

    /// Refuses each SET with a code from now on.
    pub(crate) fn refuse(&self, err: &'static str) {
        let status = 400;
        self.status.set(Reply {
            err,
            ..Reply::with(status)
        });
    }

    /// Asks for so many seconds without pushes from now on.
    pub(crate) fn be_busy(&self, seconds: u32) {
        let retry_after = format!("retry-after: {seconds}\r\n");
        self.status.set(Reply {
            retry_after,
            ..Reply::with(503)
        });
    }

    /// The next push, answered already.
    pub(crate) fn next(&self) -> Pushed {
        self.pushed.recv_timeout(PATIENCE).unwrap()
    }

    /// The pushes that came meanwhile.
    pub(crate) fn rest(&self) -> Vec<Pushed> {
        self.pushed.try_iter().collect()
    }
}

/// What is answered.
#[derive(Clone)]
struct Reply {
    status: u16,
    /// The code in the body of a 400.
    err: &'static str,
    retry_after: String,
}

impl Reply {
    fn with(status: u16) -> Self {
        Self {
            status,
            err: "invalid_audience",
            retry_after: String::new(),
        }
    }
}

/// The status that is answered; whoever waits for one is woken when it is known.
struct Status {
    known: Mutex<Reply>,
    changed: Condvar,
}

impl Status {
    fn new(status: u16) -> Self {
        Self {
            known: Mutex::new(Reply::with(status)),
            changed: Condvar::new(),
        }
    }

    fn set(&self, reply: Reply) {
        *self.known.lock().unwrap() = reply;
        self.changed.notify_all();
    }

    /// What is answered whatever the test does next.
    fn decided(&self) -> Option<Reply> {
        let known = self.known.lock().unwrap();
        (known.status != 0).then(|| known.clone())
    }

    fn wait(&self) -> Reply {
        let known = self.known.lock().unwrap();
        let known = self.changed.wait_while(known, |reply| reply.status == 0);
        known.unwrap().clone()
    }
}

/// Serves one connection. A status of zero means that the answer is still being thought about.
fn serve(connection: &TcpStream, pushed: &Sender<Pushed>, status: &Status) {
    let mut reader = BufReader::new(connection);
    while let Some(push) = read_push(&mut reader) {
        let decided = status.decided();
        if pushed.send(push).is_err() {
            return;
        }
        let Reply {
            status,
            err,
            retry_after,
        } = decided.unwrap_or_else(|| status.wait());
        let body = match status {
            400 => json!({"err": err, "description": "not for us"}).to_string(),
            _ => String::new(),
        };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status} Answer\r\n{retry_after}content-length: {length}\r\n\r\n{body}"
        );
        let mut writer = connection;
        if writer.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn read_push(reader: &mut impl BufRead) -> Option<Pushed> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let head = head.to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))?;
    let mut body = vec![0; length.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    let set = String::from_utf8(body).ok()?;
    Some(Pushed { head, set })
}

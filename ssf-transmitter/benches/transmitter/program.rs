//! The real program in a directory of its own, or this program as the bare server, as a child process.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use rand::RngCore;
use ssf_transmitter::{
    sealing::{DataKey, Sealer},
    store::{Access, SeaStore},
};
use tempfile::TempDir;

use crate::{Fallible, TMP, bare, cluster::Cluster, cpu, sink};

/// What keeps everything.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub(crate) const BOTH: [Self; 2] = [Self::Sqlite, Self::Postgres];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// A database with its keys, in which the program can be started again and again.
pub(crate) struct Installation {
    directory: TempDir,
    database_url: String,
    encryption_key: String,
    environment: Vec<(&'static str, String)>,
}

impl Installation {
    pub(crate) fn new() -> Fallible<Self> {
        Self::on(Engine::Sqlite)
    }

    pub(crate) fn on(engine: Engine) -> Fallible<Self> {
        let directory = TempDir::new_in(TMP)?;
        let database_url = match engine {
            Engine::Sqlite => {
                let path = directory.path().join("transmitter.db");
                format!("sqlite://{}", path.display())
            }
            Engine::Postgres => Cluster::of_this_run().new_database(),
        };
        let mut key = [0; 32];
        rand::rng().fill_bytes(&mut key);
        Ok(Self {
            directory,
            database_url,
            encryption_key: BASE64.encode(key),
            // Longer than anything here takes.
            environment: vec![("SSF_TRANSMITTER_POLL_TIMEOUT_SECONDS", "300".to_owned())],
        })
    }

    /// Sets a variable for all commands.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// Writes a file beside the database and returns its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> Fallible<String> {
        let path = self.directory.path().join(name);
        fs::write(&path, text)?;
        Ok(path.display().to_string())
    }

    /// The database, beside the program or while it does not run.
    pub(crate) async fn store(&self) -> Fallible<SeaStore> {
        let sealer = Sealer::new(&DataKey::parse(&self.encryption_key)?);
        Ok(SeaStore::open(&self.database_url, sealer, Access::Administer).await?)
    }

    pub(crate) fn database_url(&self) -> &str {
        &self.database_url
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ssf-transmitter"));
        command
            .current_dir(self.directory.path())
            .env_clear()
            .env("SSF_TRANSMITTER_DATABASE_URL", &self.database_url)
            .env("SSF_TRANSMITTER_ENCRYPTION_KEY", &self.encryption_key)
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    pub(crate) fn serve(&self) -> Fallible<Server> {
        let mut command = self.command();
        Server::start(command.args(["serve", "--listen", "127.0.0.1:0"]), &[])
    }

    /// Has the program make its keys and end, so that neither is measured.
    pub(crate) fn prepare(&self) -> Fallible<()> {
        self.serve()?.stop()
    }

    /// Registers a source that may speak of everybody, and returns its token.
    pub(crate) fn add_source(&self, name: &str) -> Fallible<String> {
        self.add(
            &["source", "add", name, "--any-subject-issuer"],
            "source_token",
        )
    }

    /// Registers a Receiver and returns its token.
    pub(crate) fn add_receiver(&self, name: &str) -> Fallible<String> {
        let audience = format!("https://{name}.example.com");
        let arguments = ["receiver", "add", name, "--audience", &audience];
        self.add(&arguments, "receiver_token")
    }

    fn add(&self, arguments: &[&str], token: &str) -> Fallible<String> {
        let added = self.command().args(arguments).output()?.stdout;
        let added = String::from_utf8(added)?;
        Ok(value(&added, token).ok_or("no token")?.to_owned())
    }
}

/// A child process that listens; it ends with this value.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// The bare server, which answers with this stream.
    pub(crate) fn bare(stream: &[u8]) -> Fallible<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        Self::start(command.arg(bare::ARGUMENT).stdin(Stdio::piped()), stream)
    }

    /// Receivers on so many hosts, with their port.
    pub(crate) fn sink(hosts: u8, pem: &str) -> Fallible<(Self, u16)> {
        let mut command = Command::new(std::env::current_exe()?);
        let command = command.args([sink::ARGUMENT, &hosts.to_string()]);
        let mut port = String::new();
        let server = Self::start_reading(command.stdin(Stdio::piped()), pem.as_bytes(), |line| {
            if let Some(of_hosts) = value(line, "port") {
                of_hosts.clone_into(&mut port);
            }
        })?;
        Ok((server, port.parse()?))
    }

    /// What a goal costs at least, as this program with these arguments: the bare loop, whose address is that to which it posts, or the
    /// handler that stores.
    pub(crate) fn floor(arguments: &[&str]) -> Fallible<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        Self::start(command.args(arguments).stdin(Stdio::null()), &[])
    }

    fn start(command: &mut Command, input: &[u8]) -> Fallible<Self> {
        Self::start_reading(command, input, |_| {})
    }

    /// Starts it, and reads what it prints until it listens.
    fn start_reading(
        command: &mut Command,
        input: &[u8],
        mut read: impl FnMut(&str),
    ) -> Fallible<Self> {
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input)?;
        }
        let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        let listening = lines.find_map(|line| {
            let line = line.ok()?;
            read(&line);
            value(&line, "listening").map(str::to_owned)
        });
        let address = listening.ok_or("it ended instead of listening")?.parse()?;
        Ok(Self { child, address })
    }

    /// Asks it to end, and waits until it has: it leaves no lease behind.
    pub(crate) fn stop(mut self) -> Fallible<()> {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-s", "TERM", &id]).status()?;
        self.child.wait()?;
        Ok(())
    }

    /// CPU time that it has used, in nanoseconds.
    pub(crate) fn cpu_nanos(&self) -> Fallible<f64> {
        cpu::of_process(self.child.id())
    }

    /// Bytes of its memory that are in use.
    pub(crate) fn resident_bytes(&self) -> Fallible<f64> {
        self.memory("VmRSS:")
    }

    /// Most bytes of its memory that were in use at once.
    pub(crate) fn peak_bytes(&self) -> Fallible<f64> {
        self.memory("VmHWM:")
    }

    fn memory(&self, name: &str) -> Fallible<f64> {
        let status = fs::read_to_string(cpu::process(self.child.id()).join("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(kibibytes.ok_or("no such figure")?.parse::<f64>()? * 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The value of the line `name=value`.
fn value<'l>(lines: &'l str, name: &str) -> Option<&'l str> {
    let of_line = |line: &'l str| line.strip_prefix(name)?.strip_prefix('=');
    lines.lines().find_map(of_line)
}

//! The real program in a directory of its own, or this program as the bare server, as a child process.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::{Fallible, TMP, bare};

/// A database with its keys, in which the program can be started again and again.
pub(crate) struct Installation {
    directory: TempDir,
}

impl Installation {
    pub(crate) fn new() -> Fallible<Self> {
        let directory = TempDir::new_in(TMP)?;
        Ok(Self { directory })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ssf-transmitter"));
        command
            .current_dir(self.directory.path())
            .env_clear()
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    pub(crate) fn serve(&self) -> Fallible<Server> {
        let mut command = self.command();
        command
            .args(["serve", "--listen", "127.0.0.1:0"])
            // Longer than anything here takes.
            .env("SSF_TRANSMITTER_POLL_TIMEOUT_SECONDS", "300");
        Server::start(&mut command, &[])
    }

    /// Registers a Receiver and returns its token.
    pub(crate) fn add_receiver(&self, name: &str) -> Fallible<String> {
        let audience = format!("https://{name}.example.com");
        let mut command = self.command();
        let added = command.args(["receiver", "add", name, "--audience", &audience]);
        let added = String::from_utf8(added.output()?.stdout)?;
        Ok(value(&added, "receiver_token")
            .ok_or("no token")?
            .to_owned())
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

    fn start(command: &mut Command, input: &[u8]) -> Fallible<Self> {
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input)?;
        }
        let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        let listening = lines.find_map(|line| value(&line.ok()?, "listening").map(str::to_owned));
        let address = listening.ok_or("it ended instead of listening")?.parse()?;
        Ok(Self { child, address })
    }

    /// Bytes of its memory that are in use.
    pub(crate) fn resident_bytes(&self) -> Fallible<f64> {
        let path = Path::new("/proc").join(self.child.id().to_string());
        let status = fs::read_to_string(path.join("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(kibibytes.ok_or("no VmRSS")?.parse::<f64>()? * 1024.0)
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

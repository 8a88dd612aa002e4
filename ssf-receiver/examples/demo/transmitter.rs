//! `ssf-transmitter` as an operator runs it, without any configuration.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    BoxError,
    process::{self, Process},
};

/// The running transmitter.
pub(crate) struct Transmitter {
    process: Process,
    issuer: String,
    operator_token: String,
}

/// The program, and the directory that it has for itself.
pub(crate) struct Installation {
    program: PathBuf,
    directory: PathBuf,
}

impl Installation {
    pub(crate) fn new(program: &Path, directory: &Path) -> Result<Self, BoxError> {
        Ok(Self {
            program: program.canonicalize()?,
            directory: directory.to_owned(),
        })
    }

    /// Registers a receiver, and returns its token.
    pub(crate) fn add_receiver(&self, name: &str, audience: &str) -> Result<String, BoxError> {
        let mut command = self.command();
        let command = command.args(["receiver", "add", name, "--audience", audience]);
        let added = String::from_utf8(command.stderr(Stdio::inherit()).output()?.stdout)?;
        let token = process::value(&added, "receiver_token");
        token.ok_or_else(|| format!("the transmitter has not added {name}").into())
    }

    /// Starts the server on a free port.
    pub(crate) fn start(self) -> Result<Transmitter, BoxError> {
        let mut command = self.command();
        let command = command.args(["serve", "--listen", "127.0.0.1:0"]);
        let process = Process::start("the transmitter", command, "listening")?;
        Ok(Transmitter {
            issuer: process.value("issuer")?,
            operator_token: process.value("operator_token")?,
            process,
        })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(&self.directory);
        command
    }
}

impl Transmitter {
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(crate) fn operator_token(&self) -> &str {
        &self.operator_token
    }

    /// Ends it, and waits for it.
    pub(crate) fn stop(self) -> Result<(), BoxError> {
        self.process.stop()
    }
}

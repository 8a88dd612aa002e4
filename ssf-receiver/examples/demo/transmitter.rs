//! `ssf-transmitter` as an operator runs it: a process of its own, without any configuration.

use std::{
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::BoxError;

/// The running transmitter.
pub(crate) struct Transmitter {
    process: Child,
    issuer: String,
    operator_token: String,
    receiver_token: String,
}

impl Transmitter {
    /// Registers the application as a receiver, and starts the server on a free port.
    pub(crate) fn start(
        program: &Path,
        directory: &Path,
        application_url: &str,
    ) -> Result<Self, BoxError> {
        let program = program.canonicalize()?;
        let command = || {
            let mut command = Command::new(&program);
            // A group of its own: Control-C is for the demo, which then stops the transmitter in order.
            command
                .current_dir(directory)
                .stderr(Stdio::null())
                .process_group(0);
            command
        };
        let added = command()
            .args([
                "receiver",
                "add",
                "demo-application",
                "--audience",
                application_url,
            ])
            .output()?;
        let added = String::from_utf8(added.stdout)?;
        let receiver_token = value(&added, "receiver_token")?;

        let mut process = command()
            .args(["serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process
            .stdout
            .take()
            .ok_or("the transmitter has no output")?;
        let mut text = String::new();
        for line in BufReader::new(output).lines() {
            text = format!("{text}{}\n", line?);
            if value(&text, "listening").is_ok() {
                break;
            }
        }
        Ok(Self {
            process,
            issuer: value(&text, "issuer")?,
            operator_token: value(&text, "operator_token")?,
            receiver_token,
        })
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(crate) fn operator_token(&self) -> &str {
        &self.operator_token
    }

    pub(crate) fn receiver_token(&self) -> &str {
        &self.receiver_token
    }

    /// Ends the process as an operator would, and waits for it.
    pub(crate) fn stop(mut self) -> Result<(), BoxError> {
        let ended = Command::new("kill")
            .args(["-TERM", &self.process.id().to_string()])
            .status()?;
        let status = self.process.wait()?;
        if ended.success() && status.success() {
            Ok(())
        } else {
            Err(format!("the transmitter ended with {status}").into())
        }
    }
}

impl Drop for Transmitter {
    fn drop(&mut self) {
        // After stop() it is gone already, and there is nothing to do about a failure.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The value in the line `name=value`.
fn value(text: &str, name: &str) -> Result<String, BoxError> {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
        .map(str::to_owned)
        .ok_or_else(|| format!("the transmitter did not print {name}").into())
}

//! Programs as operators run them: processes of their own, which tell on standard output where they are.

use std::{
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
};

use crate::BoxError;

/// A running program; dropping it kills it.
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    told: String,
}

impl Process {
    /// Starts a program, and reads what it tells as `name=value` until it has told `last`.
    pub(crate) fn start(
        name: &'static str,
        command: &mut Command,
        last: &str,
    ) -> Result<Self, BoxError> {
        // A group of its own: Control-C is for the demo, which then stops everything in order.
        let command = command.process_group(0).stdin(Stdio::null());
        let log = tempfile::NamedTempFile::new()?;
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(log.reopen()?)
            .spawn()?;
        let output = child.stdout.take();
        let mut process = Self {
            name,
            child,
            told: String::new(),
        };
        let output = output.ok_or("a process without an output")?;
        for line in BufReader::new(output).lines() {
            process.told += &(line? + "\n");
            if process.value(last).is_ok() {
                break;
            }
        }
        if process.value(last).is_err() {
            let told = std::fs::read_to_string(log.path())?;
            return Err(format!("{name} does not start:\n{told}").into());
        }
        Ok(process)
    }

    /// What it told under this name.
    pub(crate) fn value(&self, name: &str) -> Result<String, BoxError> {
        value(&self.told, name).ok_or_else(|| format!("{} did not tell {name}", self.name).into())
    }

    /// Ends it as an operator would, and waits for it.
    pub(crate) fn stop(mut self) -> Result<(), BoxError> {
        let ended = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()?;
        let status = self.child.wait()?;
        if ended.success() && status.success() {
            Ok(())
        } else {
            Err(format!("{} ended with {status}", self.name).into())
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // After stop() it is gone already, and there is nothing to do about a failure.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The value in the line `name=value`.
pub(crate) fn value(text: &str, name: &str) -> Option<String> {
    let mut lines = text.lines();
    lines.find_map(|line| Some(line.strip_prefix(name)?.strip_prefix('=')?.to_owned()))
}

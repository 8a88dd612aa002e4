//! A disk that fails when it is told to, for processes that are started on it.

use std::{fs, path::PathBuf, process::Command};

use tempfile::TempDir;

use crate::rig::{Installation, Transmitter};

/// How it fails.
#[derive(Clone, Copy)]
pub(crate) enum DiskFault {
    /// There is no room.
    Full,
    /// What was written is not confirmed.
    NotSynced,
}

impl DiskFault {
    const ALL: [Self; 2] = [Self::Full, Self::NotSynced];

    fn variable(self) -> &'static str {
        match self {
            Self::Full => "SSF_FAULT_FULL",
            Self::NotSynced => "SSF_FAULT_SYNC",
        }
    }
}

/// A library that stands between a process and its disk, and the files whose presence makes it fail.
pub(crate) struct FailingDisk(TempDir);

impl FailingDisk {
    /// Compiles the library.
    pub(crate) fn new() -> Self {
        let disk = Self(tempfile::tempdir().unwrap());
        let source = disk.0.path().join("failing.c");
        fs::write(&source, include_str!("failing.c")).unwrap();
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([disk.library(), source])
            .arg("-ldl")
            .status();
        assert!(compiled.unwrap().success(), "cc does not compile failing.c");
        disk
    }

    fn library(&self) -> PathBuf {
        self.0.path().join("failing.so")
    }

    fn flag(&self, fault: DiskFault) -> PathBuf {
        self.0.path().join(fault.variable())
    }

    /// Starts the program on this disk.
    pub(crate) fn serve(&self, installation: &Installation, issuer: &str) -> Transmitter {
        let serve = ["serve", "--listen", "127.0.0.1:0", "--issuer", issuer];
        let mut command = installation.command(&serve);
        command.env("LD_PRELOAD", self.library());
        for fault in DiskFault::ALL {
            command.env(fault.variable(), self.flag(fault));
        }
        installation.started(command)
    }

    pub(crate) fn fail(&self, fault: DiskFault) {
        fs::write(self.flag(fault), "").unwrap();
    }

    pub(crate) fn recover(&self, fault: DiskFault) {
        fs::remove_file(self.flag(fault)).unwrap();
    }
}

//! Processes that may die at any moment, and where those are that listen.

use std::{
    io::{BufRead, BufReader},
    os::unix::process::ExitStatusExt,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use crate::rig::value;

/// What a process ends with that was sent SIGKILL.
const KILLED: i32 = 9;

/// Where the nodes listen, as far as they do. Clones are the same list.
#[derive(Clone)]
pub(crate) struct Addresses(Arc<Mutex<Vec<Option<String>>>>);

impl Addresses {
    pub(crate) fn of(nodes: usize) -> Self {
        Self(Arc::new(Mutex::new(vec![None; nodes])))
    }

    /// Those that listen.
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().flatten().cloned().collect()
    }

    /// One of those; another number leads to another one, if there is one.
    pub(crate) fn any(&self, number: usize) -> Option<String> {
        let up = self.all();
        let index = number.checked_rem(up.len())?;
        Some(up[index].clone())
    }

    fn set(&self, node: usize, address: Option<String>) {
        self.0.lock().unwrap()[node] = address;
    }
}

/// A process.
pub(crate) struct Node {
    number: usize,
    child: Child,
    addresses: Addresses,
}

impl Node {
    /// Starts it, and waits for nothing: it may never come to listen.
    pub(crate) fn start(number: usize, mut command: Command, addresses: &Addresses) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let told = addresses.clone();
        thread::spawn(move || {
            let mut line = String::new();
            while out.read_line(&mut line).is_ok_and(|length| length > 0) {
                if let Some(address) = value(&line, "listening") {
                    told.set(number, Some(address));
                }
                line.clear();
            }
        });
        Self {
            number,
            child,
            addresses: addresses.clone(),
        }
    }

    /// Whether it has killed itself; it ends in no other way.
    pub(crate) fn has_died(&mut self) -> bool {
        let Some(status) = self.child.try_wait().unwrap() else {
            return false;
        };
        assert_eq!(
            status.signal(),
            Some(KILLED),
            "node {}: {status}",
            self.number
        );
        self.addresses.set(self.number, None);
        true
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.addresses.set(self.number, None);
    }
}

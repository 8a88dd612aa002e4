//! Servers of a bench, each a child process: the real program, or this program in one of its parts.

use std::{
    cell::RefCell,
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    Fallible,
    connection::Connection,
    measure::{Measured, Pair, rounded},
};

/// Requests that are under way at the same time.
pub(crate) const CONNECTIONS: u32 = 16;

/// A child process that listens; it ends with this value.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// This program, in the part that it has with this argument.
    pub(crate) fn of_this(argument: &str) -> Fallible<Self> {
        Self::start(Command::new(std::env::current_exe()?).arg(argument))
    }

    /// Starts it, and reads what it prints until it listens.
    pub(crate) fn start(command: &mut Command) -> Fallible<Self> {
        let command = command.stdin(Stdio::null()).stderr(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        let address = lines.find_map(|line| Some(line.ok()?.strip_prefix("listening=")?.parse()));
        let address = address.ok_or("it ended instead of listening")??;
        Ok(Self { child, address })
    }

    pub(crate) fn connection(&self) -> Fallible<Connection> {
        Connection::open(self.address)
    }

    /// Asks once, so that nothing is fast because it fails.
    pub(crate) fn ask(&self, request: &str, status: u16) -> Fallible<()> {
        self.connection()?.ask(request, status)?;
        Ok(())
    }

    /// The most memory that it had at any time.
    pub(crate) fn peak_memory_mib(&self) -> Fallible<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(kib.ok_or("no peak of memory")?.parse::<f64>()? / 1024.0)
    }

    fn load(&self) -> Fallible<Load> {
        let connections = (0..CONNECTIONS).map(|_| Connection::open(self.address));
        Ok(Load(RefCell::new(connections.collect::<Fallible<_>>()?)))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Connections to a server, which closes them if they are idle.
struct Load(RefCell<Vec<Connection>>);

impl Load {
    /// Sends one request on each connection, and then reads the answers.
    fn round(&self, request: &str) -> Fallible<()> {
        let mut connections = self.0.borrow_mut();
        for connection in connections.iter_mut() {
            connection.send(request)?;
        }
        for connection in connections.iter_mut() {
            connection.receive()?.with(200)?;
        }
        Ok(())
    }
}

/// Asks both the same all the time, for so long; returns the entry of the summary.
///
/// `goal` is the smallest share of the other's requests per second that is good enough.
pub(crate) fn compare(
    name: &str,
    request: &str,
    (ours, yardstick): (&Server, &Server),
    goal: f64,
    duration: Duration,
) -> Fallible<Value> {
    let (our_load, other_load) = (ours.load()?, yardstick.load()?);
    let mut pair = Pair {
        ours: Box::new(|| our_load.round(request).is_ok()),
        yardstick: Box::new(|| other_load.round(request).is_ok()),
    };
    let Measured {
        ours,
        yardstick,
        ratio,
    } = pair.measure(duration)?;
    let (each, share) = (f64::from(CONNECTIONS), 1.0 / ratio);
    Ok(json!({
        "name": format!("{name}, {CONNECTIONS} at a time"),
        "value": rounded(ours / each, 0),
        "unit": "ns",
        "per_second": rounded(1e9 * each / ours, 0),
        "yardstick": rounded(yardstick / each, 0),
        "share": rounded(share, 3),
        "goal": goal,
        "met": share >= goal,
    }))
}

//! The server of a database, found by its URL, to be stopped and started from outside.

use std::{
    fs,
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

/// Between two looks whether all of its processes stand still, and how many there are at most.
const LOOK: Duration = Duration::from_millis(10);
const LOOKS_MAX: usize = 500;

/// The processes of a PostgreSQL cluster of this run's own.
pub(crate) struct Server {
    data: PathBuf,
}

impl Server {
    /// That of a database whose URL names the directory of its sockets.
    pub(crate) fn of(url: &str) -> Self {
        let (_, sockets) = url.split_once("?host=").unwrap();
        Self {
            data: PathBuf::from(sockets).join("data"),
        }
    }

    /// All of its processes, the first of which makes the others.
    fn processes(&self) -> Vec<String> {
        let lines = fs::read_to_string(self.data.join("postmaster.pid")).unwrap();
        let postmaster = lines.lines().next().unwrap();
        let children = format!("/proc/{postmaster}/task/{postmaster}/children");
        let children = fs::read_to_string(children).unwrap();
        let all = std::iter::once(postmaster).chain(children.split_whitespace());
        all.map(str::to_owned).collect()
    }

    /// Has it stand still, until what is returned is dropped: whoever asks it something waits.
    pub(crate) fn stop(&self) -> Stopped<'_> {
        // The first one alone first, so that it makes no others meanwhile.
        signal("STOP", &self.processes()[..1]);
        let all = self.processes();
        signal("STOP", &all);
        let stopped = Stopped(self);
        // They are told, and stop when it is their turn.
        let is_over = (0..LOOKS_MAX).any(|_| {
            thread::sleep(LOOK);
            all.iter().all(|process| is_stopped(process))
        });
        assert!(is_over, "PostgreSQL does not stand still");
        stopped
    }

    /// Ends it as a crash does, and starts it again as it was started before.
    pub(crate) fn crash(&self) {
        let options = fs::read_to_string(self.data.join("postmaster.opts")).unwrap();
        let owner = fs::metadata(&self.data).unwrap();
        signal("STOP", &self.processes()[..1]);
        signal("KILL", &self.processes());
        let started = Command::new("/bin/sh")
            .args(["-c", START, "start", options.trim()])
            .arg(&self.data)
            .current_dir(&self.data)
            .uid(owner.uid())
            .gid(owner.gid())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(started.unwrap().success(), "PostgreSQL did not start again");
    }
}

fn signal(name: &str, processes: &[String]) {
    let sent = Command::new("kill")
        .args(["-s", name])
        .args(processes)
        .stderr(Stdio::null())
        .status();
    // One of them may have ended meanwhile, which counts as a failure.
    sent.unwrap();
}

fn is_stopped(process: &str) -> bool {
    let state = fs::read_to_string(format!("/proc/{process}/stat"));
    state.is_ok_and(|state| state.contains(") T "))
}

/// A server that stands still.
pub(crate) struct Stopped<'s>(&'s Server);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        signal("CONT", &self.0.processes());
    }
}

/// Starts the server in the background and waits until it is ready; again if what is left of the former one was in its way.
/// Its locks go first: where nobody asks how a process ended, its number stays taken.
const START: &str = r#"for try in 1 2 3 4 5; do
    rm -f "$2/postmaster.pid" "$2"/../.s.PGSQL.*
    eval "setsid $1 </dev/null >/dev/null 2>&1 &"
    server=$!
    while kill -0 "$server"; do
        grep -qs ready "$2/postmaster.pid" && exit 0
        sleep 0.1
    done
done
exit 1"#;

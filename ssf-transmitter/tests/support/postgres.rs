//! A PostgreSQL of the tests' own, from the Debian package, in a temporary directory.
//!
//! One cluster serves a whole test binary and ends with it, even if the binary is killed: a shell watches the pipe that
//! ties it to this process. Connections go through a Unix socket, so no port is taken.

use std::{
    io::Read,
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

/// How long the cluster may take to accept connections.
const START_MAX: Duration = Duration::from_secs(60);

/// Runs the server until standard input ends, then stops it and removes the directory.
const WATCH: &str = r#"
"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c fsync=off -c max_connections=200 >"$2/log" 2>&1 &
server=$!
cat >/dev/null
kill -INT $server
wait $server
rm -rf "$2"
"#;

/// Makes an empty database and returns its URL.
pub fn database() -> String {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let cluster = CLUSTER.get_or_init(Cluster::start);
    let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    cluster.run("createdb", &[&name]);
    format!("postgres://postgres@localhost/{name}?host={}", cluster.directory.display())
}

struct Cluster {
    programs: PathBuf,
    directory: PathBuf,
    owner: Option<(u32, u32)>,
}

impl Cluster {
    fn start() -> Self {
        let programs = programs();
        let directory = tempfile::Builder::new().prefix("pg").tempdir().unwrap().keep();
        let owner = unprivileged();
        if let Some((user, group)) = owner {
            chown(&directory, Some(user), Some(group)).unwrap();
        }
        let cluster = Self { programs, directory, owner };
        let data = cluster.directory.join("data");
        cluster.run("initdb", &["-D", data.to_str().unwrap(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"]);
        let mut watch = cluster.command("sh".as_ref());
        watch.args(["-c", WATCH, "sh"]).arg(&cluster.programs).arg(&cluster.directory).stdin(Stdio::piped());
        // The pipe closes when this process ends, however it ends.
        std::mem::forget(watch.spawn().unwrap().stdin.take());
        cluster.wait();
        cluster
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.directory).stdin(Stdio::null()).stdout(Stdio::null()).env("LC_ALL", "C.UTF-8");
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = self.command(&self.programs.join(program));
        command.env("PGHOST", &self.directory).env("PGUSER", "postgres").args(arguments);
        let output = command.stderr(Stdio::piped()).output().unwrap();
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn wait(&self) {
        let begun = Instant::now();
        loop {
            let mut ready = self.command(&self.programs.join("pg_isready"));
            if ready.args(["-q", "-h"]).arg(&self.directory).status().unwrap().success() {
                return;
            }
            assert!(begun.elapsed() < START_MAX, "PostgreSQL does not start: {}", self.log());
            std::thread::yield_now();
        }
    }

    fn log(&self) -> String {
        let mut text = String::new();
        let log = std::fs::File::open(self.directory.join("log"));
        log.and_then(|mut log| log.read_to_string(&mut text)).unwrap_or_default();
        text
    }
}

/// Where the server's programs are: Debian keeps them out of the path.
fn programs() -> PathBuf {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let path = std::env::var_os("PATH").unwrap_or_default();
    debian
        .map(|version| version.path().join("bin"))
        .chain(std::env::split_paths(&path))
        .find(|directory| directory.join("initdb").is_file() && directory.join("postgres").is_file())
        .unwrap_or_else(|| panic!("PostgreSQL is missing: install the Debian package postgresql"))
}

/// The account `postgres`, if we are root: the server refuses to run as root.
fn unprivileged() -> Option<(u32, u32)> {
    let id = Command::new("id").arg("-u").output().unwrap();
    if id.stdout.trim_ascii() != b"0" {
        return None;
    }
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap();
    let mut account = accounts.lines().find(|line| line.starts_with("postgres:"))?.split(':').skip(2);
    Some((account.next()?.parse().ok()?, account.next()?.parse().ok()?))
}

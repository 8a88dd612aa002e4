//! A private PostgreSQL cluster: made when the first test asks for it, gone when the test process is.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

/// Waits until the tests' end of its input is closed, whatever ended them, and takes everything away. A server that is
/// just starting then ends by itself when it misses its files.
const WATCHDOG: &str = r#"trap '' INT TERM HUP
cat
"$1/pg_ctl" stop --pgdata "$2/data" --mode immediate --silent
while [ -e "$2" ]; do rm -rf "$2" || sleep 1; done"#;

/// What ends when the process does, and is never ended before.
pub(crate) struct Cluster {
    programs: PathBuf,
    directory: PathBuf,
    user: Option<User>,
    databases: AtomicU32,
}

/// PostgreSQL refuses to run as root; then it runs as the user that its Debian package made.
#[derive(Clone, Copy)]
struct User {
    uid: u32,
    gid: u32,
}

impl Cluster {
    pub(crate) fn of_this_run() -> &'static Self {
        static CLUSTER: OnceLock<Cluster> = OnceLock::new();
        CLUSTER.get_or_init(Self::start)
    }

    fn start() -> Self {
        let directory = tempfile::Builder::new()
            .prefix("ssf-postgres-")
            .tempdir()
            .unwrap()
            .keep();
        let is_root = fs::metadata(&directory).unwrap().uid() == 0;
        let user = is_root.then(User::of_package);
        if let Some(user) = user {
            chown(&directory, Some(user.uid), Some(user.gid)).unwrap();
        }
        let cluster = Self {
            programs: programs(),
            directory,
            user,
            databases: AtomicU32::new(0),
        };
        cluster.watch();
        let data = cluster.directory.join("data");
        let log = cluster.directory.join("log");
        let data = data.to_str().unwrap();
        cluster.run(
            "initdb",
            &[
                "--pgdata",
                data,
                "--username",
                "postgres",
                "--auth",
                "trust",
                "--no-sync",
                "--encoding",
                "UTF8",
                "--locale",
                "C",
            ],
        );
        let sockets = cluster.directory.display();
        let options =
            format!("-k {sockets} -c listen_addresses= -c fsync=off -c max_connections=400");
        let log = log.to_str().unwrap();
        cluster.run(
            "pg_ctl",
            &[
                "start",
                "--wait",
                "--silent",
                "--pgdata",
                data,
                "--log",
                log,
                "--options",
                &options,
            ],
        );
        cluster
    }

    /// The URL of an empty database.
    pub(crate) fn new_database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        let sockets = self.directory.to_str().unwrap();
        self.run(
            "createdb",
            &["--host", sockets, "--username", "postgres", &name],
        );
        format!("postgres://postgres@localhost/{name}?host={sockets}")
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        // A server inherits what its starter has open, and would keep a pipe open for ever: so a file.
        let output = self.directory.join(format!("{program}.output"));
        let file = fs::File::create(&output).unwrap();
        let mut command = self.command(&self.programs.join(program));
        let status = command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .status()
            .unwrap();
        let output = fs::read_to_string(output).unwrap();
        assert!(status.success(), "{program}: {output}");
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.directory);
        if let Some(user) = self.user {
            command.uid(user.uid).gid(user.gid);
        }
        command
    }

    fn watch(&self) {
        let watchdog = self
            .command(Path::new("/bin/sh"))
            .args(["-c", WATCHDOG, "watchdog"])
            .arg(&self.programs)
            .arg(&self.directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        // Our end of its input stays open until the process ends, and nothing else tells the watchdog so.
        std::mem::forget(watchdog);
    }
}

impl User {
    fn of_package() -> Self {
        let passwd = fs::read_to_string("/etc/passwd").unwrap();
        let ids = |line: &str| {
            let fields: Vec<&str> = line.split(':').collect();
            (fields[0] == "postgres").then(|| Self {
                uid: fields[2].parse().unwrap(),
                gid: fields[3].parse().unwrap(),
            })
        };
        passwd
            .lines()
            .find_map(ids)
            .expect("there is no user postgres: install the Debian package postgresql")
    }
}

/// The newest installation of the Debian package, or else the first on the path.
fn programs() -> PathBuf {
    let packages = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut found: Vec<PathBuf> = packages
        .map(|version| version.unwrap().path().join("bin"))
        .collect();
    found.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    found
        .into_iter()
        .rev()
        .chain(std::env::split_paths(&path))
        .find(|directory| directory.join("initdb").is_file())
        .expect("PostgreSQL is not installed: install the Debian package postgresql")
}

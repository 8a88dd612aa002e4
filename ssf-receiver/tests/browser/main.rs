//! The demo in a real browser: two people, two applications, and one session that ends at both with the next request.
//!
//! `make witnesses` installs puppeteer-core, which drives Debian's chromium, into a directory that `SSF_WITNESSES` names.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of tests panics as they do"
)]

use std::{
    env,
    fs::File,
    io::{self, BufRead, BufReader, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

/// How long anything may take before the test fails.
const PATIENCE: Duration = Duration::from_mins(2);

/// How long the demo may take to end, before it is killed.
const END: Duration = Duration::from_secs(20);

/// How many addresses it tells: two applications and the provider's console.
const PAGES: usize = 3;

/// Where the libraries are installed; without them, a lone `cargo test` tells that it proves less.
fn witnesses() -> Option<PathBuf> {
    if let Some(directory) = env::var_os("SSF_WITNESSES") {
        return Some(directory.into());
    }
    assert!(
        env::var_os("CI").is_none(),
        "SSF_WITNESSES is not set: run `make test`, or `make witnesses` first"
    );
    let told =
        "\nNOT TESTED in a browser: `make test` installs what drives it, this run has none\n\n";
    io::stderr().write_all(told.as_bytes()).unwrap();
    None
}

/// A program that `cargo test --workspace` has built.
fn built(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_ssf-receiver")).with_file_name(name);
    assert!(
        path.exists(),
        "there is no {}: run `cargo test --workspace`",
        path.display()
    );
    path
}

/// The demo; dropping it ends it, and with it all that it has started.
struct Demo {
    child: Child,
    lines: Receiver<String>,
}

impl Demo {
    fn start() -> Self {
        let mut command = Command::new(built("examples/demo"));
        let mut child = command
            .arg("--transmitter")
            .arg(built("ssf-transmitter"))
            .args(["--receiver", env!("CARGO_BIN_EXE_ssf-receiver"), "--stay"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                // Nobody hears the last words.
                let _ = sender.send(line);
            }
        });
        Self { child, lines }
    }

    /// The addresses of its pages, once it has played by itself.
    fn pages(&self) -> Vec<String> {
        let mut told = String::new();
        let mut pages = Vec::new();
        while pages.len() < PAGES {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                panic!("the demo does not get there:\n{told}");
            };
            let words = line
                .strip_prefix("  http")
                .and_then(|rest| rest.split_once(' '));
            pages.extend(words.map(|(rest, _)| format!("http{rest}")));
            told += &(line + "\n");
        }
        pages
    }

    /// Ends it as Control-C does.
    fn end(&mut self) -> Option<ExitStatus> {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", "INT", &id]).status();
        sent.is_ok_and(|sent| sent.success())
            .then(|| ended(&mut self.child, END))?
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) && self.end().is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Waits, within bounds, until a process ends.
fn ended(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let begun = Instant::now();
    while begun.elapsed() < patience {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(10));
    }
    None
}

/// Has chromium, with a profile of its own, do what the script says.
fn drive(witnesses: &Path, pages: &[String]) {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    // As text, the script finds the library in the directory where it runs instead of the one where it lies.
    let mut node = Command::new("node");
    let mut node = node
        .args([
            "--input-type=module",
            "--eval",
            include_str!("demo.mjs"),
            "--",
        ])
        .args(pages)
        .arg(directory.path().join("profile"))
        .current_dir(witnesses.join("node"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let status = ended(&mut node, PATIENCE);
    if status.is_none() {
        // Chromium ends with the pipe that it is driven by.
        node.kill().unwrap();
        node.wait().unwrap();
    }
    let told = std::fs::read_to_string(&log).unwrap();
    assert!(
        status.is_some_and(|status| status.success()),
        "{status:?}; `make setup witnesses` installs what this needs\n{told}"
    );
}

#[test]
fn in_a_browser_a_session_ends_at_both_applications_with_the_next_request_and_another_goes_on() {
    let Some(witnesses) = witnesses() else {
        return;
    };
    let mut demo = Demo::start();
    let pages = demo.pages();
    drive(&witnesses, &pages);
    let status = demo.end().unwrap();
    assert!(status.success(), "{status}");
    for page in pages {
        let address = page.trim_start_matches("http://").trim_end_matches('/');
        assert!(TcpStream::connect(address).is_err(), "{page} still answers");
    }
}

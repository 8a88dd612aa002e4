//! The program against the reference receiver that has its stream there: what it prints, what it writes, and how it exits.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, what cannot go on has failed"
)]

use std::{
    fs, future,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::{Command, Output},
    time::Duration,
};

use serde_json::{Value, json};
use ssf_conformance::{
    cases,
    checks::Verdict,
    peer::{
        faults,
        host::{Delivery, Host, Settings},
        receiver::{Access, Orders, ReceiverFault, WithStream},
    },
    push::{OverStream, PushRun, Security, judge},
    record::Ended,
    target::Target,
    target_file::Limits,
    wire,
};
use tempfile::TempDir;

const AUDIENCE: &str = "https://rp.example.com";

const TOKEN: &str = "s3cret-token";

/// Cases about pushes, for one that polls, about TLS, on loopback, and about tokens, for one that has its own.
const NOT_RUN: [&str; 6] = [
    "INTEROP-031.scopes",
    "PUSH-R-020.tls-1.1",
    "SSF-R-121.authorization_header",
    "INTEROP-006.expired",
    "INTEROP-006.other-name",
    "INTEROP-006.unknown-authority",
];

/// An address that is free now; the program serves its transmitter there.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// The reference, which asks until somebody is there.
fn receiver(address: SocketAddr, fault: Option<&ReceiverFault>) -> WithStream {
    let issuer = Target::parse(&format!("http://{address}/tenant")).unwrap();
    WithStream::start(orders(issuer), fault).unwrap()
}

fn orders(issuer: Target) -> Orders {
    Orders {
        issuer,
        audience: AUDIENCE.to_owned(),
        token: TOKEN.to_owned(),
        access: Access::Token,
        delivery: Delivery::Poll,
        dialect: None,
        authorities: None,
    }
}

async fn judged(directory: &TempDir, toml: &str, arguments: &[&str]) -> Output {
    let target = directory.path().join("target.toml");
    fs::write(&target, toml).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ssf-conformance"));
    command.args(["receiver", "--target"]).arg(target);
    command.args(arguments).env("TOKEN", TOKEN);
    // The reference polls from this runtime meanwhile.
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

fn target(address: SocketAddr, more: &str) -> String {
    format!(
        "audience = {AUDIENCE:?}\nserve = \"{address}\"\ncredentials.token.env = \"TOKEN\"\n{more}"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_without_a_fault_exits_with_0_and_the_reports_agree() {
    let (address, directory) = (free(), tempfile::tempdir().unwrap());
    let receiver = receiver(address, None);
    let toml = target(
        address,
        &format!(
            "profiles = [\"ssf-1.0\", \"caep-interop\", \"hardening\"]\nadapters.alive.url = {:?}\nlimits.inactivity_seconds = 10",
            receiver.hook()
        ),
    );
    let paths = ["report.json", "report.html"].map(|name| directory.path().join(name));
    let [json, html] = paths.each_ref().map(|path| path.to_str().unwrap());
    let output = judged(&directory, &toml, &["--json", json, "--html", html]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    let asks =
        format!("make its stream at the issuer http://{address}/tenant with the token in TOKEN");
    assert!(told.contains(&asks), "{told}");
    let report = fs::read_to_string(&paths[0]).unwrap();
    assert!(!report.contains(TOKEN), "a secret is in the report");
    let report: Value = serde_json::from_str(&report).unwrap();
    let schema: Value = serde_json::from_str(include_str!("../schema/report.schema.json")).unwrap();
    assert!(jsonschema::is_valid(&schema, &report));
    assert_eq!(report["role"], json!("receiver"));
    let passed = cases::receiver().filter(|case| !NOT_RUN.contains(&case.id));
    let passed = passed.count();
    assert_eq!(report["counts"]["passed"], json!(passed));
    let page = fs::read_to_string(&paths[1]).unwrap();
    assert!(page.contains("What the specifications ask of receivers"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_exits_with_1_and_shows_the_poll_that_proves_it() {
    let (address, directory) = (free(), tempfile::tempdir().unwrap());
    let fault = faults::receiver().find(|fault| fault.name == "a SET is taken under any name");
    let _receiver = receiver(address, fault);
    let arguments = ["--only", "POLL-R-016"];
    let output = judged(&directory, &target(address, ""), &arguments).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        told.contains("the status: expected 400, found 202"),
        "{told}"
    );
    assert!(told.contains("/ssf/poll/stream-"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_known_deviation_does_not_fail_the_run_until_it_is_mended() {
    let entry = "[[deviations]]\ncase = \"POLL-R-016.other-name\"\nreason = \"until version 2\"\n";
    let only = ["--only", "POLL-R-016"];
    let (address, directory) = (free(), tempfile::tempdir().unwrap());
    let fault = faults::receiver().find(|fault| fault.name == "a SET is taken under any name");
    let faulty = receiver(address, fault);
    let known = judged(&directory, &target(address, entry), &only).await;
    assert_eq!(known.status.code(), Some(0), "{known:?}");
    let told = String::from_utf8(known.stdout).unwrap();
    assert!(told.contains("known deviation"), "{told}");
    assert!(told.contains("until version 2"), "{told}");
    drop(faulty);
    let address = free();
    let _mended = receiver(address, None);
    let unexpected = judged(&directory, &target(address, entry), &only).await;
    assert_eq!(unexpected.status.code(), Some(1), "{unexpected:?}");
    let told = String::from_utf8(unexpected.stdout).unwrap();
    assert!(told.contains("remove its entry"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_adapter_nobody_says_that_a_session_ended() {
    let (address, directory) = (free(), tempfile::tempdir().unwrap());
    let _receiver = receiver(address, None);
    let arguments = ["--only", "INTEROP-044"];
    let output = judged(&directory, &target(address, ""), &arguments).await;
    // Nothing was judged, which is no success.
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        told.contains("needs the adapter alive (adapters.alive)"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_makes_no_stream_exits_with_2_and_what_to_check() {
    let (address, directory) = (free(), tempfile::tempdir().unwrap());
    let toml = target(address, "limits.wait_seconds = 1");
    let output = judged(&directory, &toml, &[]).await;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("has made no stream: it has asked for nothing"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_that_has_not_ended_by_the_limit_of_the_run_is_broken() {
    let host = Host::start(Settings {
        address: (Ipv4Addr::LOCALHOST, 0).into(),
        public: None,
        security: Security::Plain,
        token: TOKEN.to_owned(),
        audience: AUDIENCE.to_owned(),
        inactivity: Duration::from_hours(24),
        settle: Duration::from_mins(1),
        wire: wire::Settings::default(),
    })
    .unwrap();
    let fault =
        faults::receiver().find(|fault| fault.name == "a SET that comes again is left alone");
    let _receiver = WithStream::start(orders(host.target().clone()), fault).unwrap();
    let run = PushRun::over_stream(OverStream {
        patience: Duration::from_mins(1),
        limits: Limits {
            case_seconds: 2,
            ..Limits::default()
        },
        ..OverStream::new(host)
    })
    .await
    .unwrap();
    let case = cases::find("POLL-R-006.again").unwrap();
    let results = judge(&run, &[case], |_| {}, future::pending()).await;
    let ended = &results[0].ended;
    assert_eq!(*ended, Ended::Judged(Verdict::Warning), "{:?}", results[0]);
    let assertions = &results[0].record.assertions;
    assert_eq!(assertions.last().unwrap().expected, "an end within 2 s");
}

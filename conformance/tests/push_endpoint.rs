//! The program against the reference receiver: what it prints, what it writes, and how it exits.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, what cannot go on has failed"
)]

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Command, Output},
};

use serde_json::{Value, json};
use ssf_conformance::{
    cases,
    peer::{
        faults,
        receiver::{Receiver, ReceiverFault, Trust},
    },
    push::{Dialect, Security},
    target::Target,
};

const AUDIENCE: &str = "https://rp.example.com";

/// An address that is free now; the program serves its issuer there.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

fn trust(issuer: &str) -> Trust {
    Trust {
        issuer: Target::parse(issuer).unwrap(),
        audience: AUDIENCE.to_owned(),
        authorization: Some("Bearer s3cret".to_owned()),
        dialect: None,
        ca_certificates: None,
        security: Security::Plain,
    }
}

fn receiver(address: SocketAddr, fault: Option<&ReceiverFault>) -> Receiver {
    Receiver::start(trust(&format!("http://{address}")), fault).unwrap()
}

async fn judged(receiver: &Receiver, address: SocketAddr, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ssf-conformance"));
    command.arg("push-endpoint").arg(receiver.endpoint());
    command.args(["--serve", &address.to_string(), "--wait", "0"]);
    command
        .args(["--authorization-env", "SHOWN"])
        .args(arguments);
    command.env("SHOWN", "Bearer s3cret");
    // The reference serves from this runtime meanwhile.
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_without_a_fault_exits_with_0_and_the_reports_agree() {
    let (address, directory) = (free(), tempfile::tempdir().unwrap());
    let paths =
        ["report.json", "report.xml", "report.html"].map(|name| directory.path().join(name));
    let [json, junit, html] = paths.each_ref().map(|path| path.to_str().unwrap());
    let all = ["ssf-1.0", "caep-interop", "hardening"].map(|name| ["--profile", name]);
    let reports = ["--json", json, "--junit", junit, "--html", html];
    let reports = [&reports[..], &["--audience", AUDIENCE]].concat();
    let arguments = [all.as_flattened(), &reports[..]].concat();
    let output = judged(&receiver(address, None), address, &arguments).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report = text(&paths[0]);
    assert!(!report.contains("s3cret"), "a secret is in the report");
    let report: Value = serde_json::from_str(&report).unwrap();
    let schema: Value = serde_json::from_str(include_str!("../schema/report.schema.json")).unwrap();
    assert!(jsonschema::is_valid(&schema, &report));
    assert_eq!(report["role"], json!("push-endpoint"));
    let count = cases::push_endpoint().count();
    // On loopback it does without TLS.
    assert_eq!(report["counts"]["passed"], json!(count - 1));
    assert_eq!(text(&paths[1]).matches("<testcase ").count(), count);
    assert!(text(&paths[2]).contains("What the specifications ask of receivers"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_report_names_the_profiles_that_were_judged_and_not_all_that_a_case_is_in() {
    let address = free();
    let arguments = [
        "--audience",
        AUDIENCE,
        "--only",
        "PUSH-R-002",
        "--json",
        "-",
    ];
    let output = judged(&receiver(address, None), address, &arguments).await;
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["profiles"], json!(["ssf-1.0"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_issuer_is_served_over_https_by_an_authority_of_the_run() {
    let (address, directory) = (free(), tempfile::tempdir().unwrap());
    let root = directory.path().join("ca.pem");
    let trust = Trust {
        ca_certificates: Some(root.clone()),
        ..trust(&format!("https://{address}"))
    };
    let trusting = Receiver::start(trust, None).unwrap();
    let root = root.to_str().unwrap();
    let arguments = ["--audience", AUDIENCE, "--ca-out", root];
    let arguments = [&arguments[..], &["--only", "PUSH-R-002"]].concat();
    let output = judged(&trusting, address, &arguments).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_exits_with_1_and_what_was_found() {
    let address = free();
    let fault = faults::push_endpoint().find(|fault| fault.name == "jti may be missing");
    let faulty = receiver(address, fault);
    let arguments = ["--audience", AUDIENCE, "--only", "PUSH-R-003"];
    let output = judged(&faulty, address, &arguments).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        told.contains("the status: expected 400, found 202"),
        "{told}"
    );
    assert!(
        told.contains("repeat it with --only PUSH-R-003.without-jti\n"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_known_deviation_does_not_fail_the_run_until_it_is_mended() {
    let arguments = ["--audience", AUDIENCE, "--only", "PUSH-R-003"];
    let known = "PUSH-R-003.without-jti=until version 2";
    let arguments = [&arguments[..], &["--deviation", known]].concat();
    let address = free();
    let fault = faults::push_endpoint().find(|fault| fault.name == "jti may be missing");
    let output = judged(&receiver(address, fault), address, &arguments).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("known deviation"), "{told}");
    let address = free();
    let output = judged(&receiver(address, None), address, &arguments).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("remove its entry"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deviation_that_no_run_could_tell_of_exits_with_2() {
    let address = free();
    let receiver = receiver(address, None);
    for (deviation, why) in [
        (
            "SSF-T-122.empty-list=x",
            "there is no case SSF-T-122.empty-list of a push endpoint",
        ),
        (
            "PUSH-R-003.without-jti",
            "PUSH-R-003.without-jti needs a reason",
        ),
    ] {
        let arguments = ["--audience", AUDIENCE, "--deviation", deviation];
        let output = judged(&receiver, address, &arguments).await;
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(why), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_of_an_older_draft_is_judged_by_what_that_writes() {
    let (address, directory) = (free(), tempfile::tempdir().unwrap());
    let trust = Trust {
        dialect: Some(Dialect::Okta),
        ..trust(&format!("http://{address}"))
    };
    let reading = Receiver::start(trust, None).unwrap();
    let report = directory.path().join("report.json");
    let arguments = ["--audience", AUDIENCE, "--dialect", "okta"];
    let arguments = [&arguments[..], &["--json", report.to_str().unwrap()]].concat();
    let output = judged(&reading, address, &arguments).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report: Value = serde_json::from_str(&text(&report)).unwrap();
    assert_eq!(report["profiles"], json!(["legacy"]));
    assert_eq!(report["counts"]["failed"], json!(0));
    // To the letter of SSF 1.0, its SETs are about nobody.
    let address = free();
    let arguments = ["--audience", AUDIENCE, "--dialect", "okta"];
    let output = judged(&receiver(address, None), address, &arguments).await;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("that it expects SETs as okta"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn older_drafts_are_judged_with_a_dialect_and_without_other_profiles() {
    let address = free();
    let receiver = receiver(address, None);
    for (arguments, told) in [
        (
            &["--profile", "legacy"][..],
            "needs a dialect, one of ssf-id3",
        ),
        (
            &[
                "--profile",
                "legacy",
                "--profile",
                "ssf-1.0",
                "--dialect",
                "okta",
            ],
            "in a run of its own",
        ),
        (
            &["--profile", "ssf-1.0", "--dialect", "okta"],
            "is for the profile legacy",
        ),
        (&["--dialect", "esperanto"], "a dialect is one of ssf-id3"),
    ] {
        let arguments = [&["--audience", AUDIENCE], arguments].concat();
        let output = judged(&receiver, address, &arguments).await;
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(told), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_takes_no_sound_set_exits_with_2_and_what_to_check() {
    let address = free();
    let arguments = ["--audience", "https://other.example.com"];
    let output = judged(&receiver(address, None), address, &arguments).await;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("invalid_audience"), "{told}");
    assert!(
        told.contains("its audience is https://other.example.com"),
        "{told}"
    );
    assert!(!told.contains("s3cret"), "{told}");
}

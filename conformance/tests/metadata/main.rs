//! `ssf-conformance metadata` against transmitters on loopback: one without a fault, and mutants of it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test, what cannot go on has failed"
)]

mod judged;
mod server;

use std::{
    io::Write,
    net::TcpListener,
    process::{Command, Output},
};

use serde_json::{Value, json};
use ssf_conformance::{
    checks::{Outcome, Verdict},
    peer::{Reply, Site},
    report::{Conclusion, Finding, Report},
};
use ssf_types::{
    jose::{self, SigningKey},
    metadata::{AuthorizationScheme, DefaultSubjects, TransmitterMetadata},
    set::Algorithm,
    uri::{EndpointUrl, Issuer},
};

use crate::{
    judged::judged,
    server::{AUTHORITY, Server},
};

fn deviations(report: &Report) -> Vec<(&'static str, Verdict)> {
    report
        .findings()
        .iter()
        .filter(|finding| !matches!(finding.verdict, Verdict::Passed | Verdict::NotRun))
        .map(|finding| (finding.check.name(), finding.verdict))
        .collect()
}

fn finding<'r>(report: &'r Report, name: &str) -> &'r Finding {
    let named = |finding: &&Finding| finding.check.name() == name;
    report.findings().iter().find(named).unwrap()
}

#[test]
fn a_transmitter_without_a_fault_passes_everything() {
    let report = judged(Server::with_tls(), |_| {});
    for finding in report.findings() {
        assert_eq!(finding.verdict, Verdict::Passed, "{finding:?}");
    }
    assert_eq!(report.conclusion(), Conclusion::Conformant);
}

#[test]
fn what_ssf_types_writes_is_conformant() {
    let report = judged(Server::with_tls(), |site| {
        let origin = site.issuer.trim_end_matches("/tenant/").to_owned();
        let url = |path: &str| EndpointUrl::parse(format!("{origin}{path}")).unwrap();
        let mut metadata = TransmitterMetadata::new(Issuer::parse(site.issuer.as_str()).unwrap());
        metadata.jwks_uri = Some(url("/jwks.json"));
        metadata.delivery_methods_supported = vec!["urn:ietf:rfc:8935".to_owned()];
        metadata.configuration_endpoint = Some(url("/ssf/streams"));
        metadata.status_endpoint = Some(url("/ssf/status"));
        metadata.add_subject_endpoint = Some(url("/ssf/subjects:add"));
        metadata.remove_subject_endpoint = Some(url("/ssf/subjects:remove"));
        metadata.verification_endpoint = Some(url("/ssf/verify"));
        metadata.critical_subject_members = vec!["user".to_owned()];
        metadata.authorization_schemes = vec![AuthorizationScheme::bearer()];
        metadata.default_subjects = Some(DefaultSubjects::All);
        site.document = serde_json::to_value(&metadata).unwrap();
        let keys = [Algorithm::Rs256, Algorithm::Es256];
        let keys = keys.map(|algorithm| SigningKey::generate(algorithm).unwrap());
        site.keys = jose::jwks(&keys);
    });
    assert_eq!(deviations(&report), []);
    assert_eq!(report.count(Verdict::NotRun), 0);
}

#[test]
fn whether_sets_are_signed_is_not_guessed() {
    let report = judged(Server::with_tls(), |site| {
        site.document.as_object_mut().unwrap().remove("jwks_uri");
    });
    for name in [
        "jwks_uri-given",
        "jwks_uri-https",
        "jwks-answers",
        "jwks-keys-public",
    ] {
        assert_eq!(finding(&report, name).verdict, Verdict::NotRun, "{name}");
    }
    assert_eq!(report.conclusion(), Conclusion::Conformant);
}

#[test]
fn what_a_request_with_credentials_would_show_is_not_guessed() {
    let report = judged(Server::with_tls(), |site| {
        let document = site.document.as_object_mut().unwrap();
        document.remove("authorization_schemes");
    });
    let public = finding(&report, "authorization-schemes-public");
    assert_eq!(public.verdict, Verdict::NotRun);
}

#[test]
fn a_transmitter_that_serves_every_tenant_has_not_failed_the_request() {
    let report = judged(Server::with_tls(), |site| {
        let issuer = format!("{}ssf-conformance-no-such-tenant", site.issuer);
        site.unknown_tenant = Reply::json(&json!({ "issuer": issuer }));
    });
    assert_eq!(finding(&report, "error-status").verdict, Verdict::NotRun);
}

#[test]
fn metadata_in_the_wrong_place_is_pointed_out() {
    let report = judged(Server::with_tls(), |site| {
        site.metadata_path = "/tenant/.well-known/ssf-configuration".to_owned();
    });
    let evidence = finding(&report, "metadata-at-well-known-path")
        .outcome
        .text();
    assert!(
        evidence.contains("appended instead of inserted"),
        "{evidence}"
    );
}

#[test]
fn without_tls_nothing_about_https_is_passed() {
    let report = judged(Server::plain(), |_| {});
    let loopback: Vec<&str> = report
        .findings()
        .iter()
        .filter(|finding| finding.outcome.text() == Outcome::LOOPBACK)
        .map(|finding| finding.check.requirement())
        .collect();
    assert_eq!(
        loopback,
        [
            "SSF-T-003",
            "SSF-T-011",
            "SSF-T-013",
            "SSF-T-016",
            "SSF-T-018",
            "SSF-T-020",
            "SSF-T-022",
            "SSF-T-024",
        ]
    );
    assert!(deviations(&report).is_empty());
    assert_eq!(report.conclusion(), Conclusion::Conformant);
}

#[test]
fn without_tls_an_endpoint_elsewhere_without_tls_still_fails() {
    let report = judged(Server::plain(), |site| {
        site.document["status_endpoint"] = json!("http://tr.example.com/status");
    });
    assert_eq!(
        finding(&report, "status_endpoint-https").verdict,
        Verdict::Failed
    );
}

/// Runs the command itself against a transmitter that was changed.
fn command(server: Server, arguments: &[&str], change: impl FnOnce(&mut Site)) -> Output {
    let mut site = Site::without_fault(&server.origin());
    change(&mut site);
    let issuer = site.issuer.clone();
    server.serve(site.routes());
    tester(&[&["metadata", &issuer], arguments].concat())
}

fn tester(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ssf-conformance"))
        .args(arguments)
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn the_exit_code_tells_conformant_from_non_conformant() {
    let conformant = command(Server::plain(), &[], |_| {});
    assert_eq!(conformant.status.code(), Some(0), "{conformant:?}");
    let broken = command(Server::plain(), &[], |site| {
        site.document["default_subjects"] = json!("SOME");
    });
    assert_eq!(broken.status.code(), Some(1), "{broken:?}");
    let text = String::from_utf8(broken.stdout).unwrap();
    assert!(
        text.contains("failed   SSF-T-031 MUST   SSF 1.0 §7.1: "),
        "{text}"
    );
    assert!(text.contains("\"SOME\""), "{text}");
}

#[test]
fn the_report_can_be_had_as_json() {
    let output = command(Server::plain(), &["--json"], |_| {});
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report.pointer("/conformant"), Some(&json!(true)));
    assert_eq!(report.pointer("/counts/failed"), Some(&json!(0)));
    assert_eq!(report.pointer("/counts/not_run"), Some(&json!(8)));
    assert_eq!(report.pointer("/requests/0/status"), Some(&json!(200)));
}

#[test]
fn an_authority_of_ones_own_has_to_be_given() {
    let unknown = command(Server::with_tls(), &[], |_| {});
    assert_eq!(unknown.status.code(), Some(2), "{unknown:?}");
    assert!(stderr(&unknown).contains("certificate"), "{unknown:?}");
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&AUTHORITY.pem()).unwrap();
    let path = file.path().to_str().unwrap();
    let known = command(Server::with_tls(), &["--ca-certificates", path], |_| {});
    assert_eq!(known.status.code(), Some(0), "{known:?}");
}

#[test]
fn what_cannot_begin_exits_with_2_and_what_to_fix() {
    for (issuer, fix) in [
        ("tr.example.com", "must be an absolute URL"),
        ("http://tr.example.com", "must begin with https://"),
        ("https://127.0.0.1:1", "check the address"),
    ] {
        let output = tester(&["metadata", issuer]);
        assert_eq!(output.status.code(), Some(2), "{issuer}");
        assert!(stderr(&output).contains(fix), "{output:?}");
    }
    assert_eq!(tester(&["metadata"]).status.code(), Some(2));
    assert_eq!(tester(&[]).status.code(), Some(2));
}

#[test]
fn a_transmitter_that_never_answers_is_given_up() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let issuer = format!("http://{}", silent.local_addr().unwrap());
    let output = tester(&["metadata", &issuer, "--timeout", "1"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(stderr(&output).contains("no answer: "), "{output:?}");
}

#[test]
fn a_file_that_holds_no_certificates_is_refused() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n")
        .unwrap();
    for path in [file.path().to_str().unwrap(), "/nonexistent/authority.pem"] {
        let output = tester(&["metadata", "https://127.0.0.1:1", "--ca-certificates", path]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(stderr(&output).contains("cannot be read"), "{output:?}");
    }
}

#[test]
fn metadata_without_end_is_not_read_to_the_end() {
    let output = command(Server::plain(), &[], |site| {
        site.metadata.body = vec![b' '; 256 * 1024 + 1];
    });
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(
        stderr(&output).contains("more than 262144 bytes"),
        "{output:?}"
    );
}

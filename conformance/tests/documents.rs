//! The documents name cases that there are, and the mapping names every module of the official suite once.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, what cannot go on has failed"
)]

use std::{collections::BTreeSet, fs, path::PathBuf};

use ssf_conformance::cases;

/// The modules of the official suite's SSF plans, in its version of August 2026.
const MODULES: [&str; 29] = [
    "openid-ssf-transmitter-metadata",
    "openid-ssf-stream-control-happy-path",
    "openid-ssf-stream-control-error-create-stream-with-broken-input",
    "openid-ssf-stream-control-error-create-stream-with-invalid-token",
    "openid-ssf-stream-control-error-create-stream-with-duplicate-config",
    "openid-ssf-stream-control-error-read-stream-with-invalid-token",
    "openid-ssf-stream-control-error-read-unknown-stream",
    "openid-ssf-stream-control-error-update-stream-with-invalid-token",
    "openid-ssf-stream-control-error-update-stream-with-invalid-body",
    "openid-ssf-stream-control-error-update-unknown-stream",
    "openid-ssf-stream-control-error-replace-stream-with-invalid-body",
    "openid-ssf-stream-control-error-replace-stream-with-invalid-token",
    "openid-ssf-stream-control-error-replace-unknown-stream",
    "openid-ssf-stream-control-error-delete-stream-with-invalid-token",
    "openid-ssf-stream-control-error-delete-unknown-stream",
    "openid-ssf-stream-subject-control",
    "openid-ssf-transmitter-stream-verification-push",
    "openid-ssf-transmitter-stream-verification-poll-only",
    "openid-ssf-transmitter-stream-verification-poll-and-ack",
    "openid-ssf-transmitter-stream-verification-ack-only",
    "openid-ssf-transmitter-stream-verification-error-push-no-auth",
    "openid-ssf-transmitter-stream-caep-interop",
    "openid-ssf-receiver-happypath",
    "openid-ssf-receiver-stream-create-delete",
    "openid-ssf-receiver-stream-status-update",
    "openid-ssf-receiver-stream-verification",
    "openid-ssf-receiver-unsolicited-stream-verification",
    "openid-ssf-receiver-stream-supported-events",
    "openid-ssf-receiver-stream-caep-interop",
];

fn document(name: &str) -> String {
    let docs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs");
    fs::read_to_string(docs.join(name)).unwrap()
}

/// What stands between backquotes on a line.
fn quoted(text: &str) -> Vec<&str> {
    text.lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .collect()
}

/// Whether this is written like the id of a case: capital letters, digits and hyphens, a number of three digits, and what
/// is judged.
fn is_a_case(text: &str) -> bool {
    let Some((requirement, what)) = text.split_once('.') else {
        return false;
    };
    let number = requirement.rsplit('-').next().unwrap_or_default();
    let is_number = number.len() == 3 && number.bytes().all(|byte| byte.is_ascii_digit());
    let begins = requirement.starts_with(|c: char| c.is_ascii_uppercase());
    begins && is_number && !what.is_empty()
}

#[test]
fn each_case_that_a_document_names_is_one() {
    let known: BTreeSet<&str> = cases::all().map(|case| case.id).collect();
    let mut unknown = Vec::new();
    for name in [
        "conformance.md",
        "conformance-findings.md",
        "conformance-mapping.md",
    ] {
        let text = document(name);
        let named: Vec<&str> = quoted(&text)
            .into_iter()
            .filter(|one| is_a_case(one))
            .collect();
        unknown.extend(
            named
                .iter()
                .filter(|id| !known.contains(**id))
                .map(|id| format!("{name}: {id}")),
        );
    }
    assert_eq!(unknown, Vec::<String>::new());
}

#[test]
fn the_mapping_has_each_module_once_and_names_cases() {
    let text = document("conformance-mapping.md");
    let rows = text
        .lines()
        .filter(|line| line.starts_with("| `openid-ssf-"));
    let mut modules: Vec<&str> = rows.map(|row| quoted(row)[0]).collect();
    let mut expected = MODULES.to_vec();
    modules.sort_unstable();
    expected.sort_unstable();
    assert_eq!(modules, expected);
    assert!(
        quoted(&text)
            .into_iter()
            .filter(|one| is_a_case(one))
            .count()
            > 50
    );
}

#[test]
fn what_is_written_like_a_case_is_told_from_what_is_not() {
    for case in ["SSF-T-100.created", "JWTBCP-002.alg-none", "SET-002.sub"] {
        assert!(is_a_case(case), "{case}");
    }
    for other in [
        "SSF-T-100",
        "ssf-conformance",
        "docs/conformance.md",
        "urn:ietf:rfc:8935",
        "1.0",
    ] {
        assert!(!is_a_case(other), "{other}");
    }
}

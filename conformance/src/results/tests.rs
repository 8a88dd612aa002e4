use serde_json::Value;

use super::*;
use crate::{
    case::{Case, Stop},
    checks::Level,
    record::Record,
};

static MUST: Case = Case {
    id: "X-1.must",
    section: "SSF 1.0 §8.1",
    level: Level::Must,
    title: "it is <so>",
    ..Case::MANAGEMENT
};

static SHOULD: Case = Case {
    id: "X-2.should",
    level: Level::Should,
    ..MUST
};

fn broken() -> Record {
    let mut record = Record::default();
    record.assertions.push(crate::record::Assertion {
        what: "the status".to_owned(),
        expected: "201".to_owned(),
        found: "500 \u{1b}".to_owned(),
        holds: false,
        seen: 0,
    });
    record
}

fn result(case: &'static Case, record: Record, end: Result<(), Stop>) -> CaseResult {
    CaseResult {
        ended: record.ended(case.level, end),
        case,
        record,
        took: Duration::from_millis(5),
    }
}

fn results(cases: Vec<CaseResult>) -> Results {
    Results {
        role: Role::Transmitter,
        issuer: "https://tr.example.com".to_owned(),
        profiles: vec![Profile::Ssf],
        seed: 7,
        strictness: Strictness::Lenient,
        cases,
        left_behind: Vec::new(),
        discovery: Vec::new(),
        began: SystemTime::UNIX_EPOCH,
        took: Duration::from_secs(1),
    }
}

fn not_run() -> CaseResult {
    result(&MUST, Record::default(), Err(Stop::not_offered("no poll")))
}

#[test]
fn a_run_without_a_case_or_with_none_judged_does_not_succeed() {
    assert_eq!(results(vec![]).conclusion(), Conclusion::NonConformant);
    assert_eq!(
        results(vec![not_run()]).conclusion(),
        Conclusion::NonConformant
    );
}

#[test]
fn a_case_that_expected_nothing_fails_the_run() {
    let empty = result(&MUST, Record::default(), Ok(()));
    assert_eq!(results(vec![empty]).conclusion(), Conclusion::NonConformant);
}

#[test]
fn a_broken_should_counts_where_the_run_is_strict() {
    let mut results = results(vec![result(&SHOULD, broken(), Ok(()))]);
    assert_eq!(results.conclusion(), Conclusion::Conformant);
    results.strictness = Strictness::Strict;
    assert_eq!(results.conclusion(), Conclusion::NonConformant);
}

#[test]
fn an_entry_of_the_deviations_that_is_no_longer_true_fails_the_run() {
    let mut passed = result(&MUST, broken(), Ok(()));
    passed.ended = Ended::KnownDeviation {
        reason: "until version 2".to_owned(),
    };
    let known = results(vec![passed.clone()]);
    assert_eq!(known.conclusion(), Conclusion::Conformant);
    passed.ended = Ended::UnexpectedPass;
    assert_eq!(
        results(vec![passed]).conclusion(),
        Conclusion::NonConformant
    );
}

static HARDENED: Case = Case {
    id: "X-3.hardened",
    profiles: &[Profile::Hardening],
    ..SHOULD
};

#[test]
fn the_score_of_hardening_counts_what_was_judged_of_that_profile() {
    let mut sound = broken();
    sound.assertions[0].holds = true;
    let not_run = result(&HARDENED, Record::default(), Err(Stop::not_offered("x")));
    let judged = results(vec![
        result(&HARDENED, broken(), Ok(())),
        result(&HARDENED, sound, Ok(())),
        result(&MUST, broken(), Ok(())),
        not_run.clone(),
    ]);
    let score = Score {
        passed: 1,
        judged: 2,
    };
    assert_eq!(judged.hardening(), Some(score));
    assert_eq!(judged.to_json()["hardening"]["judged"], 2);
    let mut text = Vec::new();
    judged.write_text(&mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("hardening: 1 of 2 passed"), "{text}");
    assert_eq!(results(vec![not_run]).hardening(), None);
}

#[test]
fn the_json_report_obeys_its_schema() {
    let schema: Value =
        serde_json::from_str(include_str!("../../schema/report.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let report = results(vec![result(&HARDENED, broken(), Ok(())), not_run()]).to_json();
    let errors: Vec<String> = validator
        .iter_errors(&report)
        .map(|e| e.to_string())
        .collect();
    assert_eq!(errors, Vec::<String>::new());
    assert_eq!(report.pointer("/cases/0/result").unwrap(), "warning");
    assert_eq!(report.pointer("/cases/1/not_run").unwrap(), "not_offered");
    let mut faulty = report;
    faulty["cases"][0]["result"] = Value::from("fine");
    assert!(!validator.is_valid(&faulty));
}

#[test]
fn the_reports_for_people_and_for_ci_name_the_case_and_what_was_found() {
    let results = results(vec![result(&MUST, broken(), Ok(())), not_run()]);
    let mut text = Vec::new();
    results.write_text(&mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("--only X-1.must --seed 7"), "{text}");
    assert!(
        text.contains("1 failed, 1 not run: not conformant"),
        "{text}"
    );
    assert!(!text.contains('\u{1b}'), "{text}");
    let mut xml = Vec::new();
    results.write_junit(&mut xml).unwrap();
    let xml = String::from_utf8(xml).unwrap();
    assert!(
        xml.contains(r#"<failure message="it is &lt;so&gt;">the status: expected 201, found 500 "#),
        "{xml}"
    );
    assert!(xml.contains(r#"failures="1" skipped="1""#), "{xml}");
}

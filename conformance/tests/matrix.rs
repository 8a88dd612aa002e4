//! The tester, tested: the reference transmitter passes everything, and each of its faults is found by just the cases that
//! claim to find it.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, what cannot go on has failed"
)]

use std::{collections::BTreeSet, future};

use ssf_conformance::{
    case::{NotRun, NotRunKind},
    cases,
    checks::Verdict,
    matrix::{Breadth, Row, Rows},
    peer::{
        Peer,
        chaos::{Chosen, Peers},
        faults,
        habits::{EVERYBODY, HABITS, ONE_STREAM},
    },
    push::Dialect,
    record::{CaseResult, Ended},
    results::Line,
    run::{Outset, Run, judge},
};

/// Cases that no fault of a transmitter of its own can be found by, with the reason.
const WITHOUT_FAULT: [&str; 4] = [
    // Not run when what they ask for is absent, which the tests of `metadata` show.
    "SSF-T-012.jwks_uri-given",
    "SSF-T-027.authorization-schemes-public",
    // Say that they need more than metadata and keys; cases with requests of their own judge that.
    "SSF-T-009.one-issuer-everywhere",
    "SSF-T-029.poll-endpoint-authorized",
];

/// Cases that are not run against the reference, and why.
const NOT_RUN: [&str; 3] = [
    "SSF-T-009.one-issuer-everywhere",
    "SSF-T-029.poll-endpoint-authorized",
    // Its streams cover nobody who is not added.
    "SSF-T-032.everybody",
];

/// Cases that are not run where streams cover everybody.
const NOT_RUN_FOR_EVERYBODY: [&str; 6] = [
    "SSF-T-009.one-issuer-everywhere",
    "SSF-T-029.poll-endpoint-authorized",
    "SSF-T-034.nobody-else",
    "SSF-T-201.other-issuer",
    "SSF-T-201.capital-letters",
    "SSF-T-205.differs",
];

/// Each fault is looked for by the cases that claim it and by one in so many of the others, so that all of this takes minutes;
/// by all of them where `SSF_MATRIX` is `whole` (`make matrix`).
const OTHERS: u64 = 6;

fn breadth() -> Breadth {
    match std::env::var("SSF_MATRIX").as_deref() {
        Ok("whole") => Breadth::Whole,
        _ => Breadth::OneIn(OTHERS),
    }
}

fn not_run(results: &[CaseResult]) -> Vec<&'static str> {
    let not_run = |result: &&CaseResult| matches!(result.ended, Ended::NotRun(_));
    results
        .iter()
        .filter(not_run)
        .map(|result| result.case.id)
        .collect()
}

fn text(row: &Row) -> String {
    let mut text = Vec::new();
    row.write_text(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// The rows whose faults are not found by just the cases that claim them.
async fn unsound(mut rows: Rows) -> String {
    let mut unsound = String::new();
    while let Some(row) = rows.next().await {
        let row = row.unwrap();
        if !row.is_sound() {
            unsound.push_str(&text(&row));
        }
    }
    unsound
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reference_without_a_fault_passes_everything() {
    let row = Row::of(None).await.unwrap();
    assert!(row.is_sound(), "{}", text(&row));
    assert_eq!(not_run(&row.results), NOT_RUN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_transmitter_may_do_is_taken_by_all_cases() {
    for habit in HABITS {
        let row = Row::of(Some(habit)).await.unwrap();
        assert!(row.is_sound(), "{}", text(&row));
        assert_eq!(not_run(&row.results), NOT_RUN, "{}", habit.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chaos_that_changes_how_things_look_alone_is_taken_by_all_cases() {
    let mut chosen = Chosen::all(Peers::Transmitter, 1);
    chosen.kinds.retain(|kind| kind.is_of_form());
    let peer = Peer::with_chaos(chosen).unwrap();
    let outset = Outset { seed: 1, run_id: 1 };
    let run = Run::begin(peer.given(), outset).await.unwrap();
    let chosen: Vec<_> = cases::transmitter().collect();
    let results = judge(&run, &chosen, |_| {}, future::pending()).await;
    let passed = |result: &&CaseResult| {
        // A note tells what is unusual, and need not be.
        matches!(result.ended, Ended::Judged(Verdict::Passed | Verdict::Note))
    };
    let found: Vec<_> = results
        .iter()
        .filter(|result| !passed(result) && !NOT_RUN.contains(&result.case.id))
        .map(|result| Line(result).to_string())
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transmitter_whose_streams_cover_everybody_passes_everything_else() {
    let row = Row::of(Some(&EVERYBODY)).await.unwrap();
    assert!(row.is_sound(), "{}", text(&row));
    assert_eq!(not_run(&row.results), NOT_RUN_FOR_EVERYBODY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_may_have_one_stream_lacks_only_the_cases_that_need_two() {
    let peer = Peer::start(Some(&ONE_STREAM)).unwrap();
    let mut given = peer.given();
    given.file.limits.streams = 1;
    let outset = Outset { seed: 1, run_id: 1 };
    let run = Run::begin(given, outset).await.unwrap();
    let chosen: Vec<_> = cases::transmitter().collect();
    let results = judge(&run, &chosen, |_| {}, future::pending()).await;
    let two = chosen.iter().filter(|case| case.streams > 1);
    let mut expected: Vec<_> = two.map(|case| case.id).chain(NOT_RUN).collect();
    let mut found = not_run(&results);
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected);
    let failed = |result: &&CaseResult| result.ended == Ended::Judged(Verdict::Failed);
    assert_eq!(results.iter().filter(failed).count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_is_found_by_the_cases_that_claim_it_and_by_no_other() {
    assert_eq!(
        unsound(Rows::of(faults::transmitter().map(Some), breadth())).await,
        ""
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reference_receiver_without_a_fault_passes_everything() {
    let row = Row::of_receiver(None).await.unwrap();
    assert!(row.is_sound(), "{}", text(&row));
    assert_eq!(not_run(&row.results), Vec::<&str>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_of_a_receiver_is_found_by_the_cases_that_claim_it_and_by_no_other() {
    let rows = Rows::of_receivers(faults::push_endpoint().map(Some));
    assert_eq!(unsound(rows).await, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reference_receiver_with_a_stream_and_without_a_fault_passes_everything() {
    let row = Row::over_stream(None).await.unwrap();
    assert!(row.is_sound(), "{}", text(&row));
    assert_eq!(not_run(&row.results), Vec::<&str>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_of_a_receiver_with_a_stream_is_found_by_the_cases_that_claim_it_and_by_no_other()
 {
    let rows = Rows::over_stream(faults::over_stream().map(Some));
    assert_eq!(unsound(rows).await, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reference_receiver_passes_in_each_dialect_and_what_a_dialect_has_not_is_not_run() {
    let mut rows = Rows::in_dialects(Dialect::ALL.into_iter().map(|dialect| (dialect, None)));
    let mut judged = BTreeSet::new();
    while let Some(row) = rows.next().await {
        let row = row.unwrap();
        assert!(row.is_sound(), "{}", text(&row));
        for result in &row.results {
            match &result.ended {
                Ended::NotRun(NotRun { kind, .. }) => {
                    assert!(cases::push::older().any(|case| case.id == result.case.id));
                    assert_eq!(*kind, NotRunKind::NotOffered, "{}", result.case.id);
                }
                Ended::Judged(_)
                | Ended::KnownDeviation { .. }
                | Ended::UnexpectedPass
                | Ended::Faulty(_) => drop(judged.insert(result.case.id)),
            }
        }
    }
    assert_eq!(judged.len(), cases::in_dialect().count());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_in_how_a_dialect_is_read_is_found_by_the_cases_that_claim_it_and_by_no_other() {
    let faults = faults::in_dialect().map(|(dialect, fault)| (dialect, Some(fault)));
    assert_eq!(unsound(Rows::in_dialects(faults)).await, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_spoilt_is_found_in_a_dialect_as_well() {
    let is_shared = |id: &str| cases::in_dialect().any(|case| case.id == id);
    let shared = faults::over_stream().filter(move |fault| {
        let mut claims = fault.found.iter();
        fault.is_in_sets() && claims.any(|(id, _)| is_shared(id))
    });
    let rows = Rows::in_dialects(shared.map(|fault| (Dialect::Okta, Some(fault))));
    assert_eq!(unsound(rows).await, "");
}

#[test]
fn each_case_has_a_fault_that_it_finds() {
    let receiver = faults::push_endpoint().chain(faults::receiver());
    let receiver = receiver.chain(faults::in_dialect().map(|(_, fault)| fault));
    let receiver = receiver.flat_map(|fault| fault.found);
    let found: BTreeSet<&str> = faults::transmitter()
        .flat_map(|fault| fault.found)
        .chain(receiver)
        .map(|(id, _)| *id)
        .collect();
    let known: BTreeSet<&str> = cases::all().map(|case| case.id).collect();
    let unknown: Vec<_> = found.difference(&known).collect();
    assert!(
        unknown.is_empty(),
        "faults claim cases that there are not: {unknown:?}"
    );
    let without: Vec<_> = known.difference(&found).copied().collect();
    let mut expected = WITHOUT_FAULT;
    expected.sort_unstable();
    assert_eq!(without, expected);
}

#[test]
fn each_fault_has_a_name_of_its_own() {
    let mut names = BTreeSet::new();
    let receiver = faults::push_endpoint().chain(faults::receiver());
    let receiver = receiver.chain(faults::in_dialect().map(|(_, fault)| fault));
    let receiver = receiver.map(|fault| (fault.name, fault.found));
    let transmitter = faults::transmitter().map(|fault| (fault.name, fault.found));
    for (name, found) in transmitter.chain(receiver) {
        assert!(names.insert(name), "{name}");
        assert!(!found.is_empty(), "{name}");
    }
}

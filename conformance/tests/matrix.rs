//! The tester, tested: the reference transmitter passes everything, and each of its faults is found by just the cases that
//! claim to find it.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, what cannot go on has failed"
)]

use std::{collections::BTreeSet, future};

use ssf_conformance::{
    case::{Case, NotRun, NotRunKind},
    cases,
    checks::Verdict,
    matrix::{Breadth, Row, Rows},
    peer::{
        Fault, Peer,
        chaos::{Chosen, Peers},
        faults,
        habits::{EVERYBODY, HABITS, ONE_STREAM, PUSH_ALONE, STOPS_IDLE},
    },
    push::Dialect,
    record::{CaseResult, Ended},
    results::Line,
    run::{Outset, Run, judge},
    target_file::Delivery,
};

/// Cases that no fault of a transmitter of its own can be found by, with the reason.
const WITHOUT_FAULT: [&str; 2] = [
    // Not run when what they ask for is absent, which the tests of `metadata` show.
    "SSF-T-012.jwks_uri-given",
    "SSF-T-027.authorization-schemes-public",
];

/// Cases that are not run against the reference, and why.
const NOT_RUN: [&str; 7] = [
    // A receiver may have several streams there.
    "SSF-T-102.conflict",
    // It has a day for a sign of life.
    "SSF-T-090.not-before",
    "SSF-T-091.status-read",
    "SSF-T-091.configuration-read",
    "SSF-T-091.poll",
    "SSF-T-092.announced",
    // Its streams cover nobody who is not added.
    "SSF-T-032.everybody",
];

/// Cases that are not run where streams cover everybody.
const NOT_RUN_FOR_EVERYBODY: [&str; 11] = [
    "SSF-T-102.conflict",
    "SSF-T-090.not-before",
    "SSF-T-091.status-read",
    "SSF-T-091.configuration-read",
    "SSF-T-091.poll",
    "SSF-T-092.announced",
    "SSF-T-034.nobody-else",
    "SSF-T-201.other-issuer",
    "SSF-T-201.capital-letters",
    "SSF-T-201.other-format",
    "SSF-T-205.differs",
];

/// Cases that look into what polls bring, and are not about polls.
const NEED_POLLS: [&str; 18] = [
    "SSF-T-104.poll-by-default",
    "SSF-T-105.poll-url",
    "SET-021.jti",
    "JWTBCP-007.utf-8",
    "SSF-T-171.paused",
    "SSF-T-171.disabled",
    "SSF-T-171.enabled",
    "SSF-T-172.asked-for",
    "SSF-T-200.after-restart",
    "SSF-T-200.added",
    "SSF-T-206.without-verified",
    "SSF-T-203.less-specific",
    "SSF-T-204.more-specific",
    "SSF-T-033.put-back",
    "SSF-T-213.stream-itself",
    "SSF-T-107.poll-url-of-the-receiver",
    "SSF-T-057.status",
    "SSF-T-183.poll",
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
    let not_run_else = NOT_RUN.into_iter().filter(|id| *id != "SSF-T-102.conflict");
    let expected: BTreeSet<_> = two.map(|case| case.id).chain(not_run_else).collect();
    let found: BTreeSet<_> = not_run(&results).into_iter().collect();
    assert_eq!(found, expected);
    let failed = |result: &&CaseResult| result.ended == Ended::Judged(Verdict::Failed);
    assert_eq!(results.iter().filter(failed).count(), 0);
}

/// What the cases of inactivity make of a transmitter that stops idle streams, by push, by poll, or both.
async fn judged_by_inactivity(delivery: Vec<Delivery>) -> Vec<CaseResult> {
    let peer = Peer::start(Some(&STOPS_IDLE)).unwrap();
    let mut given = peer.given();
    given.file.delivery = delivery;
    given.file.limits.streams = 8;
    let outset = Outset { seed: 1, run_id: 1 };
    let run = Run::begin(given, outset).await.unwrap();
    let of_inactivity = cases::transmitter().filter(|case| case.tags.contains(&"inactivity"));
    let chosen: Vec<_> = of_inactivity.collect();
    judge(&run, &chosen, |_| {}, future::pending()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transmitter_that_stops_idle_streams_is_judged_by_how_it_does_that() {
    for delivery in [vec![Delivery::Push, Delivery::Poll], vec![Delivery::Poll]] {
        for result in judged_by_inactivity(delivery).await {
            let passed = Ended::Judged(Verdict::Passed);
            assert_eq!(result.ended, passed, "{}", Line(&result));
        }
    }
    let results = judged_by_inactivity(vec![Delivery::Push]).await;
    assert_eq!(not_run(&results), ["SSF-T-091.poll"]);
}

/// What all cases make of the reference with this fault, where pushes alone are judged.
async fn judged_by_pushes(fault: &'static Fault) -> Vec<CaseResult> {
    let peer = Peer::start(Some(fault)).unwrap();
    let mut given = peer.given();
    given.file.delivery = vec![Delivery::Push];
    let outset = Outset { seed: 1, run_id: 1 };
    let run = Run::begin(given, outset).await.unwrap();
    let chosen: Vec<_> = cases::transmitter().collect();
    judge(&run, &chosen, |_| {}, future::pending()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transmitter_that_pushes_alone_is_judged_by_what_it_pushes() {
    let results = judged_by_pushes(&PUSH_ALONE).await;
    let is_fine = |result: &&CaseResult| match &result.ended {
        Ended::Judged(Verdict::Passed) => true,
        Ended::NotRun(NotRun { reason, .. }) => !reason.is_empty() && may_be_left(result.case),
        Ended::Judged(_)
        | Ended::KnownDeviation { .. }
        | Ended::UnexpectedPass
        | Ended::Faulty(_) => false,
    };
    let broken: Vec<_> = results.iter().filter(|result| !is_fine(result)).collect();
    let broken: Vec<_> = broken.into_iter().map(|r| Line(r).to_string()).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Whether it is about polls, or is not run against the reference at all.
fn may_be_left(case: &Case) -> bool {
    let left = [&NOT_RUN[..], &NEED_POLLS, &["POLL-T-014.after-restart"]];
    case.tags.contains(&"poll") || left.concat().contains(&case.id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_in_signing_is_found_where_pushes_alone_are_judged() {
    let breaks_signature = |fault: &&Fault| {
        let mut claims = fault.found.iter();
        claims.any(|(id, _)| *id == "SET-029.signature")
    };
    let fault = faults::transmitter().find(breaks_signature).unwrap();
    let results = judged_by_pushes(fault).await;
    let signature = results
        .iter()
        .find(|one| one.case.id == "SET-029.signature");
    let ended = &signature.unwrap().ended;
    assert_eq!(*ended, Ended::Judged(Verdict::Failed));
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
    assert_eq!(
        not_run(&row.results),
        ["PUSH-R-020.tls-1.1", "SSF-R-121.authorization_header"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reference_receiver_that_is_pushed_passes_everything_that_is_not_about_polls() {
    let row = Row::over_pushes(None).await.unwrap();
    assert!(row.is_sound(), "{}", text(&row));
    // It is on loopback, and does without TLS there.
    let is_left = |case: &&Case| {
        let mut tags = case.tags.iter();
        tags.any(|tag| matches!(*tag, "poll" | "setup" | "tls"))
    };
    let expected: Vec<_> = cases::receiver()
        .filter(is_left)
        .map(|case| case.id)
        .collect();
    assert_eq!(not_run(&row.results), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_of_a_receiver_that_is_pushed_is_found_by_the_cases_that_claim_it_and_by_no_other()
 {
    let rows = Rows::over_pushes(faults::over_pushes().map(Some));
    assert_eq!(unsound(rows).await, "");
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
    let receiver = faults::of_receivers().flat_map(|fault| fault.found);
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
    let receiver = receiver.chain(faults::over_pushes());
    let receiver = receiver.chain(faults::in_dialect().map(|(_, fault)| fault));
    let receiver = receiver.map(|fault| (fault.name, fault.found));
    let transmitter = faults::transmitter().map(|fault| (fault.name, fault.found));
    for (name, found) in transmitter.chain(receiver) {
        assert!(names.insert(name), "{name}");
        assert!(!found.is_empty(), "{name}");
    }
}

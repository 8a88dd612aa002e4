//! A hostile receiver breaks no rule: without chaos it is judged like any other.

use std::time::{Duration, Instant, SystemTime};

use ssf_conformance::{
    cases,
    checks::Verdict,
    peer::{
        Operation, Reply,
        chaos::{Chosen, Journal, Receiving, Taking},
        host::{Host, Seen, Wanted},
    },
    push::{self, OverStream, PushRun, SESSION_REVOKED},
    record::{CaseResult, Ended},
    results::Line,
    target_file::PushSettings,
};

use super::{
    PATIENCE,
    receiver_wire::{given, host},
};

/// For how long a SET may be without an answer, and a verification is late.
const SETTLE: Duration = Duration::from_secs(10);

/// What it is asked to wait for.
const PUT_OFF: Duration = Duration::from_secs(3);

/// A date has whole seconds, and its clock may be as much ahead.
const PAUSE_MIN: Duration = Duration::from_millis(1900);

async fn receiving(host: &Host, taking: Taking) -> Receiving {
    let mut given = given(host.issuer(), taking, Chosen::none());
    given.events.push(SESSION_REVOKED.to_owned());
    Receiving::start(given, Journal::closed()).await.unwrap()
}

/// Judges it by all cases but those of a stream that is there before, or gone: it makes one and no other, whatever there is.
async fn judged(taking: Taking) -> Vec<CaseResult> {
    let host = host(SETTLE);
    let receiving = receiving(&host, taking).await;
    assert!(receiving.verify().await);
    let over = OverStream {
        patience: PATIENCE,
        ..OverStream::new(host)
    };
    let run = PushRun::over_stream(over).await.unwrap();
    let chosen = cases::receiver()
        .filter(|case| !case.tags.contains(&"setup") && case.requirement() != "SSF-R-030");
    let chosen: Vec<_> = chosen.collect();
    push::judge(&run, &chosen, |_| {}, std::future::pending()).await
}

/// Nothing is broken, and these cases have judged something.
fn assert_legal(results: &[CaseResult], passed: &[&str]) {
    let is_broken = |result: &&CaseResult| match &result.ended {
        Ended::Judged(Verdict::Failed | Verdict::Warning)
        | Ended::UnexpectedPass
        | Ended::Faulty(_) => true,
        Ended::Judged(Verdict::Passed | Verdict::Note | Verdict::NotRun)
        | Ended::KnownDeviation { .. }
        | Ended::NotRun(_) => false,
    };
    let broken = results.iter().filter(is_broken);
    let broken: Vec<String> = broken.map(|result| Line(result).to_string()).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    for id in passed {
        let result = results.iter().find(|result| result.case.id == *id);
        assert_eq!(
            result.unwrap().ended,
            Ended::Judged(Verdict::Passed),
            "{id}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_chaos_a_receiver_that_polls_breaks_no_rule() {
    let results = judged(Taking::Polls).await;
    let passed = [
        "POLL-R-010.content-language",
        "POLL-R-014.retry-after",
        "SSF-R-105.foreign-state",
        "SSF-R-106.invalid_state",
    ];
    assert_legal(&results, &passed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_chaos_a_receiver_that_is_pushed_to_breaks_no_rule() {
    let results = judged(Taking::Pushes(PushSettings::default(), None)).await;
    let passed = ["SSF-R-105.foreign-state", "SSF-R-106.invalid_state"];
    assert_legal(&results, &passed);
}

fn put_off(told: &str) -> Reply {
    let mut reply = Reply::error(429);
    reply.set_header("Retry-After", told);
    reply
}

#[expect(
    clippy::disallowed_methods,
    reason = "a date is understood by the clock of this machine alone"
)]
fn date() -> String {
    httpdate::fmt_http_date(SystemTime::now() + PUT_OFF)
}

/// The time between a request of this kind that was put off since then, and the next.
async fn pause(host: &Host, operation: Operation, since: Instant) -> Duration {
    let pause = host.seen(|log| {
        let mut asked = log
            .iter()
            .filter(|seen| seen.operation == Some(operation) && seen.at >= since);
        let put_off_at = asked.find_map(|seen| {
            let (answer, at) = seen.answer.as_ref()?;
            (answer.status == 429).then_some(*at)
        })?;
        let next = log
            .iter()
            .find(|seen: &&Seen| seen.operation == Some(operation) && seen.at >= put_off_at)?;
        Some(next.at - put_off_at)
    });
    tokio::time::timeout(PATIENCE, pause).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_that_is_put_off_until_a_date_comes_no_earlier() {
    let host = host(SETTLE);
    let began = Instant::now();
    host.answer_next_poll(put_off(&date()));
    let _receiving = receiving(&host, Taking::Polls).await;
    assert!(pause(&host, Operation::Poll, began).await >= PAUSE_MIN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_put_off_until_a_date_comes_no_earlier_and_one_that_is_put_off_for_long_not_at_all()
 {
    let host = host(SETTLE);
    let receiving = receiving(&host, Taking::Polls).await;
    let began = Instant::now();
    let verify = Wanted::Operation(Operation::Verify);
    host.change_next(verify, |reply| *reply = put_off(&date()));
    assert!(receiving.verify().await);
    assert!(pause(&host, Operation::Verify, began).await >= PAUSE_MIN);
    let verifications = || {
        let is_one = |seen: &&Seen| seen.operation == Some(Operation::Verify);
        host.log(|log| log.iter().filter(is_one).count())
    };
    let before = verifications();
    host.change_next(verify, |reply| *reply = put_off("3600"));
    assert!(!receiving.verify().await);
    assert_eq!(verifications(), before + 1);
}

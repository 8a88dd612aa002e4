use std::time::Duration;

use url::Url;

use super::*;
use crate::{
    case::Case,
    checks::Verdict,
    exchange::Request,
    record::{Ended, Record},
};

static FIRST: Case = Case {
    id: "SSF-T-122.first",
    ..Case::MANAGEMENT
};

static SECOND: Case = Case {
    id: "SSF-T-122.second",
    ..Case::MANAGEMENT
};

/// A poll that brings nothing, and what its answer has of its own.
fn poll(second: u32) -> Exchange {
    let mut request = Request::new("POST", Url::parse("https://tr.example.com/poll").unwrap());
    request.body = b"{}".to_vec();
    let date = format!("Fri, 07 Nov 2025 12:00:{second:02} GMT");
    let headers = [("date", date), ("x-request-id", second.to_string())];
    let headers = headers.map(|(name, value)| (name.to_owned(), value));
    let answer = Answer {
        status: 200,
        headers: headers.into(),
        body: br#"{"sets":{}}"#.to_vec(),
    };
    Exchange::new(request, Ok(answer), Duration::from_millis(second.into()))
}

/// One that another body answers.
fn full(second: u32) -> Exchange {
    let mut poll = poll(second);
    if let Ok(answer) = &mut poll.result {
        answer.body = br#"{"sets":{"a":"b"}}"#.to_vec();
    }
    poll
}

fn result(case: &'static Case, exchanges: Vec<Exchange>) -> CaseResult {
    CaseResult {
        case,
        record: Record {
            exchanges,
            ..Record::default()
        },
        ended: Ended::Judged(Verdict::Passed),
        took: Duration::ZERO,
    }
}

fn written<'r>(result: &'r CaseResult, shown: &mut Shown<'r>) -> String {
    let mut out = Vec::new();
    write(result, shown, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn count(written: &str) -> usize {
    written.matches(r#"<details class="exchange""#).count()
}

#[test]
fn what_is_answered_alike_again_and_again_stands_once_with_how_often_and_until_when() {
    let result = result(&FIRST, vec![poll(5), poll(3), poll(9), full(10), poll(11)]);
    let written = written(&result, &mut Shown::default());
    assert_eq!(count(&written), 3, "{written}");
    let times = "3 times, the last at Fri, 07 Nov 2025 12:00:09 GMT</span> <span class=\"took\">each 3 to 9 ms<";
    assert!(written.contains(times), "{written}");
    assert_eq!(written.matches(" times").count(), 1, "{written}");
}

#[test]
fn what_differs_in_any_other_way_stands_by_itself() {
    let mut asked = poll(1);
    asked.request.body = b"{\"maxEvents\":1}".to_vec();
    let mut status = poll(2);
    let mut header = poll(3);
    if let (Ok(status), Ok(header)) = (&mut status.result, &mut header.result) {
        status.status = 503;
        let retry = ("retry-after".to_owned(), "1".to_owned());
        header.headers.push(retry);
    }
    let result = result(&FIRST, vec![poll(0), asked, status, header]);
    assert_eq!(count(&written(&result, &mut Shown::default())), 4);
}

#[test]
fn what_another_case_shows_already_is_linked_and_counted() {
    let shared = vec![poll(1), full(2), poll(3)];
    let first = result(&FIRST, shared.clone());
    let second = result(&SECOND, [shared, vec![poll(4)]].concat());
    let mut shown = Shown::default();
    assert_eq!(count(&written(&first, &mut shown)), 3);
    let written = written(&second, &mut shown);
    assert_eq!(count(&written), 1, "{written}");
    let link = "3 requests and their answers stand with <a href=\"#SSF-T-122.first.requests\">";
    assert!(written.contains(link), "{written}");
}

#[test]
fn what_shows_a_broken_expectation_stands_open_with_its_case_whoever_else_shows_it() {
    let shared = vec![poll(1), full(2), poll(3)];
    let first = result(&FIRST, shared.clone());
    let mut second = result(&SECOND, shared);
    let what = "the SET".to_owned();
    second
        .record
        .expect(false, what, "a subject".to_owned(), "none".to_owned());
    second.record.assertions[0].seen = 2;
    let mut shown = Shown::default();
    written(&first, &mut shown);
    let written = written(&second, &mut shown);
    assert_eq!(count(&written), 1, "{written}");
    let proof = written.split(r#"<details class="exchange" open>"#).nth(1);
    assert!(
        proof.unwrap().contains("&quot;a&quot;: &quot;b&quot;"),
        "{written}"
    );
    assert_eq!(
        written
            .matches("1 request and its answer stand with")
            .count(),
        2
    );
}

use std::time::{Duration, SystemTime};

use url::Url;

use super::*;
use crate::{
    case::{Case, NotRun, NotRunKind, Profile},
    checks::Level,
    exchange::{Answer, Exchange, NoAnswer, Request},
    record::{Assertion, Record},
    results::BODY_BYTES_MAX,
};

static CASE: Case = Case {
    id: "SSF-T-122.empty-list",
    section: "SSF 1.0 §8.1.1.2",
    level: Level::Must,
    title: "a receiver without streams gets an empty array",
    why: "It asks before it makes one.",
    ..Case::MANAGEMENT
};

static OTHER: Case = Case {
    id: "SSF-T-120.read",
    ..CASE
};

const HOSTILE: &str = "</pre></style><script src=\"//evil.example\">alert('1')</script><img src=x onerror=\"a\">\u{202e}\u{0}";

fn exchange(path: &str, body: &[u8]) -> Exchange {
    let mut request = Request::get(
        Url::parse("https://tr.example.com/")
            .unwrap()
            .join(path)
            .unwrap(),
    );
    request
        .headers
        .push(("x-sent".to_owned(), HOSTILE.to_owned()));
    let answer = Answer {
        status: 404,
        headers: vec![(HOSTILE.to_owned(), HOSTILE.to_owned())],
        body: body.to_vec(),
    };
    Exchange::new(request, Ok(answer), Duration::from_millis(3))
}

fn broken(exchanges: Vec<Exchange>) -> Record {
    Record {
        assertions: vec![Assertion {
            what: "GET https://tr.example.com/list: the status".to_owned(),
            expected: "200".to_owned(),
            found: HOSTILE.to_owned(),
            holds: false,
            seen: exchanges.len(),
        }],
        notes: vec![HOSTILE.to_owned()],
        exchanges,
    }
}

fn result(case: &'static Case, record: Record, ended: Ended) -> CaseResult {
    let took = Duration::from_millis(14);
    CaseResult {
        case,
        record,
        ended,
        took,
    }
}

fn failed(exchanges: Vec<Exchange>) -> CaseResult {
    result(&CASE, broken(exchanges), Ended::Judged(Verdict::Failed))
}

fn passed() -> CaseResult {
    result(&OTHER, Record::default(), Ended::Judged(Verdict::Passed))
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
        took: Duration::from_secs(2),
    }
}

fn page(results: &Results) -> String {
    let mut page = Vec::new();
    results.write_html(&mut page).unwrap();
    String::from_utf8(page).unwrap()
}

#[test]
fn what_a_stranger_says_is_text_and_never_markup() {
    let not_run = Ended::NotRun(NotRun {
        kind: NotRunKind::Blocked,
        reason: HOSTILE.to_owned(),
    });
    let known = Ended::KnownDeviation {
        reason: HOSTILE.to_owned(),
    };
    let silent = Exchange {
        result: Err(NoAnswer::Unreachable {
            reason: HOSTILE.to_owned(),
        }),
        ..exchange("list", b"")
    };
    let json = format!("{{\"{HOSTILE}\": [\"{HOSTILE}\"]}}");
    let hostile = Results {
        issuer: HOSTILE.to_owned(),
        left_behind: vec![HOSTILE.to_owned()],
        discovery: vec![exchange("meta", HOSTILE.as_bytes())],
        ..results(vec![
            failed(vec![exchange("list", json.as_bytes()), silent]),
            result(&OTHER, Record::default(), not_run),
            result(&OTHER, broken(Vec::new()), known),
        ])
    };
    let page = page(&hostile);
    assert!(
        !page.contains("<script") && !page.contains("<img"),
        "{page}"
    );
    assert!(!page.contains(['\u{202e}', '\u{0}']), "{page}");
    // Issuer in title and head, stream, discovery (three headers and a body), and the cases.
    assert!(
        page.matches("&lt;script src=&quot;//evil.example&quot;&gt;")
            .count()
            > 12
    );
    assert_eq!(page.matches("</style>").count(), 1);
}

#[test]
fn the_page_allows_its_own_style_and_nothing_else() {
    let page = page(&results(vec![passed()]));
    let style = page.split("<style>").nth(1).unwrap();
    let style = style.split("</style>").next().unwrap();
    let hash = STANDARD.encode(digest(&SHA256, style.as_bytes()));
    let policy = format!("default-src 'none'; style-src 'sha256-{hash}';");
    assert!(page.contains(&policy), "{policy}");
    for elsewhere in ["<script", "<link", "url(", "@import", " src=", " style="] {
        assert!(!page.contains(elsewhere), "{elsewhere}");
    }
}

#[test]
fn what_failed_comes_first_and_shows_the_exchange_that_proves_it() {
    let exchanges = vec![
        exchange("before", b""),
        exchange("list", b"not here"),
        exchange("after", b""),
    ];
    let page = page(&results(vec![passed(), failed(exchanges)]));
    let at = |text: &str| {
        page.find(text)
            .unwrap_or_else(|| panic!("{text} in {page}"))
    };
    assert!(at(r#"<section id="failed">"#) < at(r#"<section id="passed">"#));
    assert!(page.contains("<h1>Not conformant</h1>"), "{page}");
    assert!(
        page.contains("1 case failed. 2 of 2 cases were judged."),
        "{page}"
    );
    assert_eq!(page.matches("<details class=\"exchange\" open>").count(), 1);
    let proof = page
        .split("<details class=\"exchange\" open>")
        .nth(1)
        .unwrap();
    assert!(
        proof.starts_with("<summary><b>GET</b> <span class=\"url\">https://tr.example.com/list<")
    );
    assert!(
        page.contains("--only SSF-T-122.empty-list --seed 7"),
        "{page}"
    );
    assert!(page.contains("<b>MUST</b> · SSF 1.0 §8.1.1.2"), "{page}");
}

#[test]
fn several_that_failed_are_listed_before_they_are_shown() {
    static FAILED: [Case; 4] = [
        Case {
            id: "SSF-T-122.a",
            ..CASE
        },
        Case {
            id: "SSF-T-122.b",
            ..CASE
        },
        Case {
            id: "SSF-T-122.c",
            ..CASE
        },
        Case {
            id: "SSF-T-122.d",
            ..CASE
        },
    ];
    let listed = |failed: &'static [Case]| {
        let failed = failed.iter().map(|case| {
            let ended = Ended::Judged(Verdict::Failed);
            result(case, broken(Vec::new()), ended)
        });
        let page = page(&results(failed.collect()));
        let list = page.find(r#"<ul class="list">"#)?;
        let links = page[list..]
            .matches(r##"<li><a href="#SSF-T-122."##)
            .count();
        assert!(list < page.find(r#"<article class="case failed" id="SSF-T-122.a">"#)?);
        Some(links)
    };
    assert_eq!(listed(&FAILED), Some(4));
    assert_eq!(listed(&FAILED[..3]), None);
}

#[test]
fn what_was_not_run_for_one_reason_stands_together() {
    static THIRD: Case = Case {
        id: "SSF-T-122.third",
        ..CASE
    };
    let not_run = |case: &'static Case, kind, reason: &str| {
        let reason = reason.to_owned();
        let ended = Ended::NotRun(NotRun { kind, reason });
        result(case, Record::default(), ended)
    };
    let token = "needs another token";
    let page = page(&results(vec![
        not_run(&CASE, NotRunKind::NotConfigured, token),
        not_run(&OTHER, NotRunKind::NotOffered, "no poll"),
        not_run(&THIRD, NotRunKind::NotConfigured, token),
    ]));
    assert_eq!(page.matches(token).count(), 1, "{page}");
    let group = page.split(r#"<h4 class="reason">"#).nth(1).unwrap();
    let count = r#"needs another token <span class="count">2</span>"#;
    assert!(group.starts_with(count), "{group}");
    let (first, third) = (
        r#"<li id="SSF-T-122.empty-list">"#,
        r#"<li id="SSF-T-122.third">"#,
    );
    assert!(group.contains(first) && group.contains(third), "{group}");
}

#[test]
fn a_long_body_is_cut_and_says_so() {
    let body = vec![b'x'; BODY_BYTES_MAX + 10];
    let page = page(&results(vec![failed(vec![exchange("list", &body)])]));
    assert!(page.contains("… 10 bytes more"), "{page}");
    assert!(!page.contains(&"x".repeat(BODY_BYTES_MAX + 1)));
}

#[test]
fn a_body_in_json_is_laid_out_and_loses_nothing() {
    let body = br#"{"a":1,"a":[2]}"#;
    let page = page(&results(vec![failed(vec![exchange("list", body)])]));
    let laid_out = "{\n  &quot;a&quot;: 1,\n  &quot;a&quot;: [\n    2\n  ]\n}";
    assert!(page.contains(laid_out), "{page}");
}

#[test]
fn a_run_in_which_nothing_was_judged_does_not_look_like_a_success() {
    let not_run = Ended::NotRun(NotRun {
        kind: NotRunKind::NotOffered,
        reason: "no poll".to_owned(),
    });
    let page = page(&results(vec![result(&CASE, Record::default(), not_run)]));
    assert!(page.contains("<h1>Not judged</h1>"), "{page}");
    assert!(page.contains(r#"<header class="failed">"#), "{page}");
    assert!(page.contains("no poll"), "{page}");
}

#[test]
fn a_broken_should_stands_where_it_counts() {
    let warned = || result(&CASE, broken(Vec::new()), Ended::Judged(Verdict::Warning));
    let mut results = results(vec![warned(), passed()]);
    let lenient = page(&results);
    assert!(
        lenient.contains(r#"<section id="warnings">"#) && lenient.contains("<h1>Conformant</h1>")
    );
    results.strictness = Strictness::Strict;
    let strict = page(&results);
    assert!(
        strict.contains(r#"<section id="failed">"#) && strict.contains("<h1>Not conformant</h1>")
    );
    assert!(!strict.contains(r#"<section id="warnings">"#));
}

#[test]
fn the_coverage_tells_each_requirement_from_what_was_not_judged() {
    let page = page(&results(vec![passed(), failed(Vec::new())]));
    let coverage = page.split(r#"<section id="coverage">"#).nth(1).unwrap();
    let chip = |start: &str, id: &str| {
        let chips = coverage
            .split("<li>")
            .filter(|chip| chip.starts_with(start));
        chips
            .filter(|chip| chip.contains(&format!("</span> {id}<")))
            .count()
    };
    let failed = r##"<a class="chip failed" href="#SSF-T-122.empty-list""##;
    assert_eq!(chip(failed, "SSF-T-122"), 1, "{coverage}");
    let passed = r##"<a class="chip passed" href="#SSF-T-120.read""##;
    assert_eq!(chip(passed, "SSF-T-120"), 1, "{coverage}");
    assert_eq!(
        chip(r#"<span class="chip idle""#, "SSF-T-001"),
        1,
        "{coverage}"
    );
    assert_eq!(
        chip(r#"<span class="chip out""#, "SSF-T-055"),
        1,
        "{coverage}"
    );
    assert!(
        coverage.contains("SSF 1.0 has no parameter for it"),
        "{coverage}"
    );
    // What binds receivers alone is not asked of a transmitter.
    assert!(!coverage.contains("POLL-R-002"), "{coverage}");
}

#[test]
fn a_requirement_stands_as_its_worst_case_does() {
    static SECOND: Case = Case {
        id: "SSF-T-122.second",
        ..CASE
    };
    let second = result(&SECOND, Record::default(), Ended::Judged(Verdict::Passed));
    let page = page(&results(vec![second, failed(Vec::new())]));
    let worst = r##"<a class="chip failed" href="#SSF-T-122.empty-list""##;
    assert!(page.contains(worst), "{page}");
    assert!(!page.contains("href=\"#SSF-T-122.second\""), "{page}");
}

#[test]
fn each_place_that_is_linked_is_there_once() {
    let page = page(&results(vec![passed(), failed(Vec::new())]));
    let links = page.split("href=\"#").skip(1);
    for link in links.map(|rest| rest.split('"').next().unwrap()) {
        assert_eq!(page.matches(&format!("id=\"{link}\"")).count(), 1, "{link}");
    }
}

#[test]
fn a_push_endpoint_is_a_receiver_and_has_no_seed() {
    let results = Results {
        role: Role::PushEndpoint {
            url: "https://rp.example.com/events".to_owned(),
        },
        ..results(vec![failed(Vec::new())])
    };
    let page = page(&results);
    assert!(page.contains("push-endpoint · ssf-conformance"), "{page}");
    assert!(page.contains("https://rp.example.com/events"), "{page}");
    assert!(
        page.contains("What the specifications ask of receivers"),
        "{page}"
    );
    // A row that binds receivers alone, and none that binds transmitters alone.
    assert!(page.contains("PUSH-R-002"), "{page}");
    assert!(!page.contains("SSF-T-013"), "{page}");
    assert!(!page.contains("--seed"), "{page}");
}

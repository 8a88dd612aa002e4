use super::*;
use crate::{
    exchange::{NoAnswer, Request},
    wire::{Settings, Wire},
};

const PATIENCE: std::time::Duration = std::time::Duration::from_mins(1);

fn authority() -> Arc<Authority> {
    Arc::new(Authority::new().unwrap())
}

async fn over_tls(authority: &Arc<Authority>) -> Sink {
    let settings = PushSettings::default();
    let sink = Sink::start(&settings, Some(Arc::clone(authority)));
    sink.await.unwrap()
}

/// Somebody who pushes and trusts this authority.
fn wire(authority: &Authority, url: &Url) -> Wire {
    let settings = Settings {
        extra_authorities: Some(authority.root().as_bytes().to_vec()),
        timeout: PATIENCE,
    };
    Wire::to(url, &settings).unwrap()
}

fn push(url: &Url) -> Request {
    let mut request = Request::new("POST", url.clone());
    request
        .headers
        .push(("x-case".to_owned(), "Kept".to_owned()));
    request.body = b"e30.e30.".to_vec();
    request
}

#[tokio::test]
async fn what_comes_is_kept_as_it_came_and_answered_as_was_said() {
    let authority = authority();
    let sink = over_tls(&authority).await;
    let inbox = sink.inbox("a");
    let wire = wire(&authority, inbox.url());
    let mut url = inbox.url().clone();
    url.set_query(Some("x=%2F"));
    inbox.answer(|push| Reaction::with_header(503, "retry-after", &push.earlier.to_string()));
    let answer = wire.send(push(&url)).await.result.unwrap();
    assert_eq!(
        (answer.status, answer.header("retry-after").next()),
        (503, Some("0"))
    );
    let found = inbox
        .until(PATIENCE, |pushes| pushes.first().cloned())
        .await
        .unwrap();
    assert_eq!(found.target, "/push/a?x=%2F");
    assert_eq!(found.header("x-case").next(), Some("Kept"));
    assert!(found.set.is_some());
    let elsewhere = sink.inbox("b").url().join("c").unwrap();
    assert_eq!(
        wire.send(push(&elsewhere)).await.result.unwrap().status,
        404
    );
    assert_eq!((inbox.count(), sink.inbox("b").count()), (1, 0));
}

#[tokio::test]
async fn a_connection_is_closed_without_a_word_where_that_was_said() {
    let sink = Sink::start(&PushSettings::default(), None).await.unwrap();
    let inbox = sink.inbox("a");
    inbox.answer(|_| Reaction::HangUp);
    let wire = Wire::to(inbox.url(), &Settings::default()).unwrap();
    let result = wire.send(push(inbox.url())).await.result;
    assert!(
        matches!(result, Err(NoAnswer::Unreachable { .. })),
        "{result:?}"
    );
    assert_eq!(inbox.count(), 1);
}

#[tokio::test]
async fn an_unsound_certificate_is_seen_to_be_refused() {
    let authority = authority();
    let sink = over_tls(&authority).await;
    let inbox = sink.inbox("a");
    let (door, url) = sink.door("a").await.unwrap();
    let wire = wire(&authority, &url);
    assert_eq!(wire.send(push(&url)).await.result.unwrap().status, 202);
    for (at, unsound) in [
        sink.certificate(Flaw::OtherName),
        sink.certificate(Flaw::Expired),
        sink.certificate_of_a_stranger(),
    ]
    .into_iter()
    .enumerate()
    {
        door.show(unsound.unwrap());
        assert!(wire.send(push(&url)).await.result.is_err());
        assert!(door.breaks_more_than(at, PATIENCE).await);
    }
    assert_eq!(inbox.count(), 1);
}

#[tokio::test]
async fn a_url_that_leads_nowhere_is_refused() {
    let settings = |url: &str| PushSettings {
        url: Some(url.to_owned()),
        ..PushSettings::default()
    };
    let start = async |url: &str| Sink::start(&settings(url), None).await;
    assert!(matches!(start("ftp://h/").await, Err(SinkError::Url)));
    assert!(matches!(
        start("tester.example.com").await,
        Err(SinkError::Url)
    ));
    let sink = start("https://tester.example.com/in").await.unwrap();
    let url = sink.inbox("a").url().to_string();
    assert_eq!(url, "https://tester.example.com/in/push/a");
}

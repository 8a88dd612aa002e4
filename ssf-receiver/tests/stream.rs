//! Setting up the stream: with a Transmitter that is honest, away, or lying.

#![cfg(all(feature = "actix", feature = "sqlite"))]
#![expect(clippy::unwrap_used, reason = "a helper of tests panics as they do")]

mod common;

use std::sync::atomic::Ordering;

use common::{Lie, TOKEN, Transmitter, email, signed, until};
use ssf_receiver::{Builder, Receiver, StreamState, guard::Decision};
use ssf_types::time::Timestamp;

const T: u64 = 1_615_305_159;
const ENDPOINT: &str = "http://127.0.0.1:9/push";

fn builder(transmitter: &Transmitter) -> Builder {
    Receiver::builder(&transmitter.issuer, ENDPOINT).management_token(TOKEN)
}

struct Disk(tempfile::TempDir);

impl Disk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn url(&self) -> String {
        format!("sqlite://{}", self.0.path().join("receiver.db").display())
    }
}

async fn accept(receiver: &Receiver, authorization: &str, set: &str) -> u16 {
    let media_type = Some("application/secevent+jwt");
    let answer = receiver.accept(Some(authorization), media_type, set.as_bytes());
    answer.await.status()
}

/// Waits for the first failed attempt and returns its error.
async fn last_error(receiver: &Receiver) -> String {
    let mut found = None;
    until("an attempt fails", || {
        if let StreamState::Pending { last_error } = receiver.status().stream {
            found = last_error;
        }
        found.is_some()
    })
    .await;
    found.unwrap()
}

#[actix_web::test]
async fn the_stream_is_made_once_and_adopted_after_a_restart() {
    let transmitter = Transmitter::start();
    let disk = Disk::new();
    let mut secrets = Vec::new();
    for _ in 0..2 {
        let receiver = builder(&transmitter).database(disk.url()).start().await;
        let receiver = receiver.unwrap();
        receiver.ready().await;
        let StreamState::Ready { stream_id } = receiver.status().stream else {
            panic!()
        };
        assert_eq!(stream_id.unwrap().as_str(), "stream-1");
        secrets.push(transmitter.stream().authorization);
    }
    assert_eq!(secrets[0], secrets[1]);
    assert!(secrets[0].len() >= "Bearer ".len() + 43);
    assert_eq!(transmitter.state.created.load(Ordering::SeqCst), 1);
    let requested = &transmitter.stream().configuration["events_requested"];
    assert_eq!(requested.as_array().unwrap().len(), 2);
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_stream_whose_secret_is_lost_is_replaced_where_streams_cannot_be_changed() {
    let transmitter = Transmitter::start();
    transmitter.state.unchanging.store(true, Ordering::SeqCst);
    for disk in [Disk::new(), Disk::new()] {
        let receiver = builder(&transmitter).database(disk.url()).start().await;
        receiver.unwrap().ready().await;
    }
    assert_eq!(transmitter.stream().id, "stream-2");
    assert_eq!(transmitter.state.deleted.load(Ordering::SeqCst), 1);
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_transmitter_that_is_away_keeps_nobody_from_starting() {
    let transmitter = Transmitter::start();
    transmitter.state.down.store(true, Ordering::SeqCst);
    let receiver = builder(&transmitter).in_memory().start().await.unwrap();
    assert_eq!(
        last_error(&receiver).await,
        "discovery did not succeed: the transmitter's metadata cannot be fetched: 127.0.0.1 answered with status 503"
    );
    let session = receiver
        .session(Timestamp::from_secs(T))
        .email("a@b.example");
    assert_eq!(receiver.decide(&session), Decision::Allow);
    transmitter.state.down.store(false, Ordering::SeqCst);
    receiver.ready().await;
    assert_eq!(transmitter.stream().id, "stream-1");
    transmitter.stop().await;
}

#[actix_web::test]
async fn what_was_revoked_counts_before_the_transmitter_is_back() {
    let transmitter = Transmitter::start();
    let disk = Disk::new();
    let start = async || {
        builder(&transmitter)
            .database(disk.url())
            .start()
            .await
            .unwrap()
    };
    let receiver = start().await;
    receiver.ready().await;
    let claims = transmitter.claims("1", &email("alice@example.com"), T);
    let set = signed(&Transmitter::header(), &claims);
    let authorization = transmitter.stream().authorization;
    assert_eq!(accept(&receiver, &authorization, &set).await, 202);
    drop(receiver);

    transmitter.state.down.store(true, Ordering::SeqCst);
    let receiver = start().await;
    let decided = |email: &str, began| {
        let session = receiver.session(Timestamp::from_secs(began)).email(email);
        receiver.decide(&session)
    };
    let Decision::Deny(denial) = decided("alice@example.com", T) else {
        panic!()
    };
    assert_eq!(denial.message(Some("de")).1, "Vom Administrator abgemeldet");
    assert_eq!(decided("alice@example.com", T + 1), Decision::Allow);
    assert_eq!(decided("bob@example.com", T), Decision::Allow);
    // The keys that were fetched before verify it.
    assert_eq!(accept(&receiver, &authorization, &set).await, 202);
    transmitter.stop().await;
}

#[actix_web::test]
async fn metadata_of_another_issuer_is_not_believed() {
    let transmitter = Transmitter::start();
    let lie = r#"{"issuer":"https://evil.example.com","jwks_uri":"https://evil.example.com/jwks"}"#;
    *transmitter.state.metadata_lie.lock().unwrap() = Some(Lie::Body(lie.into()));
    let receiver = builder(&transmitter).in_memory().start().await.unwrap();
    assert_eq!(
        last_error(&receiver).await,
        "discovery did not succeed: the transmitter's metadata is faulty: issuer must be byte for byte the issuer whose metadata was asked for"
    );
    assert!(transmitter.state.streams.lock().unwrap().is_empty());
    transmitter.stop().await;
}

#[actix_web::test]
async fn redirects_garbage_and_endless_metadata_are_given_up() {
    let transmitter = Transmitter::start();
    for (lie, told) in [
        (Lie::Status(302), "redirects are not followed"),
        (Lie::Body("<html>".into()), "not JSON (line 1, column 1)"),
        (Lie::Body("{}".into()), "issuer is missing"),
        (Lie::Endless, "has more than 262144 bytes"),
    ] {
        *transmitter.state.metadata_lie.lock().unwrap() = Some(lie);
        let receiver = builder(&transmitter).in_memory().start().await.unwrap();
        let error = last_error(&receiver).await;
        assert!(error.contains(told), "{error}");
    }
    transmitter.stop().await;
}

#[actix_web::test]
async fn keys_that_are_none_leave_the_receiver_unready() {
    let transmitter = Transmitter::start();
    for lie in [
        Lie::Body("garbage".into()),
        Lie::Body(r#"{"keys":[]}"#.into()),
        Lie::Endless,
    ] {
        *transmitter.state.keys_lie.lock().unwrap() = Some(lie);
        let receiver = builder(&transmitter).in_memory().start().await.unwrap();
        assert_eq!(
            last_error(&receiver).await,
            "the transmitter's keys cannot be fetched"
        );
        assert!(!receiver.status().keys_loaded);
    }
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_stream_of_another_issuer_is_not_accepted() {
    let transmitter = Transmitter::start();
    *transmitter.state.stream_iss.lock().unwrap() = Some("https://evil.example.com".into());
    let receiver = builder(&transmitter).in_memory().start().await.unwrap();
    assert_eq!(
        last_error(&receiver).await,
        "the stream cannot be set up: the stream has another iss than the transmitter's metadata"
    );
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_wrong_management_token_is_told_what_to_fix_and_not_printed() {
    let transmitter = Transmitter::start();
    let receiver = Receiver::builder(&transmitter.issuer, ENDPOINT)
        .management_token("wr0ng")
        .in_memory();
    assert!(!format!("{receiver:?}").contains("wr0ng"));
    let receiver = receiver.start().await.unwrap();
    assert_eq!(
        last_error(&receiver).await,
        "the stream cannot be set up: the transmitter does not list streams: 127.0.0.1 answered with status 401; check the management token, or the client's credentials"
    );
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_faulty_configuration_is_told_at_once() {
    let fault = async |builder: Builder| {
        let Err(error) = builder.start().await else {
            panic!("it started")
        };
        ssf_types::error::Chain(&error).to_string()
    };
    let new = |issuer: &str, endpoint: &str| {
        Receiver::builder(issuer, endpoint)
            .management_token(TOKEN)
            .in_memory()
    };
    assert_eq!(
        fault(new("http://idp.example.com", ENDPOINT)).await,
        "the transmitter's issuer cannot be used: the scheme must be https (http is for loopback addresses only)"
    );
    assert_eq!(
        fault(new("https://idp.example.com", "/push")).await,
        "the push endpoint's URL cannot be used: this is not an absolute URI"
    );
    let nothing = || Receiver::builder("https://idp.example.com", ENDPOINT);
    assert_eq!(
        fault(nothing().in_memory()).await,
        "a receiver needs a stream: call management_token(…), oauth_client(…) or existing_stream(…)"
    );
    assert_eq!(
        fault(nothing().management_token(TOKEN)).await,
        "a receiver needs a database: call database(\"sqlite://receiver.db\")"
    );
}

#[actix_web::test]
async fn a_stream_that_somebody_else_made_needs_no_management() {
    let transmitter = Transmitter::start();
    let audience = ssf_types::audience::Audience::new([common::AUDIENCE]).unwrap();
    let secret = ssf_types::secret::AuthorizationHeader::parse("Bearer x").unwrap();
    let receiver = Receiver::builder(&transmitter.issuer, ENDPOINT)
        .existing_stream(audience, secret)
        .in_memory()
        .start()
        .await
        .unwrap();
    receiver.ready().await;
    let claims = transmitter.claims("1", &email("alice@example.com"), T);
    let set = signed(&Transmitter::header(), &claims);
    assert_eq!(accept(&receiver, "Bearer x", &set).await, 202);
    assert!(transmitter.state.streams.lock().unwrap().is_empty());
    transmitter.stop().await;
}

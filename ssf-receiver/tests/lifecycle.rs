//! A stream from its beginning to its end: found, taken over, kept, made anew, and deleted.

#![cfg(all(feature = "actix", feature = "sqlite"))]
#![expect(clippy::unwrap_used, reason = "a helper of tests panics as they do")]

mod common;

use std::sync::atomic::Ordering;

use common::{TOKEN, Transmitter, email, signed, until};
use ssf_receiver::{Builder, DeleteStreamError, Receiver, RotateError, StreamState};
use ssf_types::uri::EventTypeUri;

const T: u64 = 1_615_305_159;
const ENDPOINT: &str = "http://127.0.0.1:9/push";
const ELSEWHERE: &str = "http://127.0.0.1:9/elsewhere";

fn builder(transmitter: &Transmitter) -> Builder {
    Receiver::builder(&transmitter.issuer, ENDPOINT).management_token(TOKEN)
}

async fn started(builder: Builder) -> Receiver {
    let receiver = builder.start().await.unwrap();
    receiver.ready().await;
    receiver
}

fn stream_id(receiver: &Receiver) -> Option<String> {
    let StreamState::Ready { stream_id } = receiver.status().stream else {
        return None;
    };
    stream_id.map(String::from)
}

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

/// The status that a push of the Transmitter gets.
async fn pushed(transmitter: &Transmitter, receiver: &Receiver) -> u16 {
    let claims = transmitter.claims("1", &email("alice@example.com"), T);
    let set = signed(&Transmitter::header(), &claims);
    let authorization = transmitter.stream().authorization;
    let media_type = Some("application/secevent+jwt");
    let answer = receiver.accept(Some(&authorization), media_type, set.as_bytes());
    answer.await.status()
}

#[actix_web::test]
async fn a_stream_that_pushes_here_and_is_not_remembered_gets_our_secret_and_stays() {
    let transmitter = Transmitter::start();
    let former = started(builder(&transmitter).in_memory()).await;
    former.stop().await;
    let secret = transmitter.stream().authorization;
    let receiver = started(builder(&transmitter).in_memory()).await;
    let stream = transmitter.stream();
    assert_eq!(stream.id, "stream-1");
    assert_ne!(stream.authorization, secret);
    assert_eq!(pushed(&transmitter, &receiver).await, 202);
    assert_eq!(transmitter.state.deleted.load(Ordering::SeqCst), 0);
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_stream_that_delivers_elsewhere_is_left_alone() {
    let transmitter = Transmitter::start();
    let other = Receiver::builder(&transmitter.issuer, ELSEWHERE).management_token(TOKEN);
    let _other = started(other.in_memory()).await;
    let before = transmitter.stream();
    let receiver = started(builder(&transmitter).in_memory()).await;
    assert_eq!(stream_id(&receiver).unwrap(), "stream-2");
    let streams = transmitter.state.streams.lock().unwrap().clone();
    assert_eq!(streams.len(), 2);
    assert_eq!(streams[0].configuration, before.configuration);
    assert_eq!(streams[0].authorization, before.authorization);
    transmitter.stop().await;
}

#[actix_web::test]
async fn where_the_only_stream_delivers_elsewhere_it_is_told_and_left_alone() {
    let transmitter = Transmitter::start();
    transmitter.state.one_stream.store(true, Ordering::SeqCst);
    let other = Receiver::builder(&transmitter.issuer, ELSEWHERE).management_token(TOKEN);
    let _other = started(other.in_memory()).await;
    let before = transmitter.stream();
    let receiver = builder(&transmitter).in_memory().start().await.unwrap();
    let told = last_error(&receiver).await;
    assert!(told.contains("and the first delivers elsewhere"), "{told}");
    assert_eq!(transmitter.stream().configuration, before.configuration);
    assert_eq!(transmitter.stream().authorization, before.authorization);
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_stream_that_only_a_conflict_tells_of_is_taken_over() {
    let transmitter = Transmitter::start();
    transmitter.state.one_stream.store(true, Ordering::SeqCst);
    let former = started(builder(&transmitter).in_memory()).await;
    former.stop().await;
    transmitter.state.lists_behind.store(1, Ordering::SeqCst);
    let receiver = started(builder(&transmitter).in_memory()).await;
    assert_eq!(stream_id(&receiver).unwrap(), "stream-1");
    assert_eq!(pushed(&transmitter, &receiver).await, 202);
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_stream_asks_for_the_events_that_are_wanted_now() {
    let transmitter = Transmitter::start();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("receiver.db");
    let url = format!("sqlite://{}", path.display());
    let builder = || builder(&transmitter).database(&url);
    let events = [EventTypeUri::parse(common::SESSION_REVOKED).unwrap()];
    let updated = || transmitter.state.updated.load(Ordering::SeqCst);

    started(builder()).await.stop().await;
    started(builder()).await.stop().await;
    assert_eq!(updated(), 0);
    let secret = transmitter.stream().authorization;
    started(builder().events(events.clone())).await.stop().await;
    assert_eq!(updated(), 1);
    let stream = transmitter.stream();
    let requested = &stream.configuration["events_requested"];
    assert_eq!(*requested, serde_json::json!([common::SESSION_REVOKED]));
    assert_eq!(stream.authorization, secret);

    // Where streams cannot be changed, what it delivers is better than nothing.
    transmitter.state.unchanging.store(true, Ordering::SeqCst);
    started(builder()).await.stop().await;
    assert_eq!(transmitter.stream().id, "stream-1");
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_stream_that_is_gone_is_noticed_and_made_anew() {
    let transmitter = Transmitter::start();
    transmitter.state.forgetful.store(true, Ordering::SeqCst);
    let receiver = started(builder(&transmitter).in_memory()).await;
    until("another stream is there", || {
        stream_id(&receiver).is_some_and(|id| id == "stream-2")
    })
    .await;
    assert_eq!(pushed(&transmitter, &receiver).await, 202);
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_stream_that_is_listed_and_has_no_status_is_not_set_up_for_ever() {
    let transmitter = Transmitter::start();
    transmitter
        .state
        .without_status
        .store(true, Ordering::SeqCst);
    let receiver = started(builder(&transmitter).in_memory()).await;
    let asked = &transmitter.state.verifications;
    until("a verification is asked for all the same", || {
        !asked.lock().unwrap().is_empty()
    })
    .await;
    assert_eq!(stream_id(&receiver).unwrap(), "stream-1");
    // Of each set-up, and of the first heartbeats of each.
    assert_eq!(transmitter.state.statuses.load(Ordering::SeqCst), 4);
    assert_eq!(transmitter.state.created.load(Ordering::SeqCst), 1);
    transmitter.stop().await;
}

#[actix_web::test]
async fn activity_is_shown_before_an_idle_stream_would_be_stopped() {
    let transmitter = Transmitter::start();
    *transmitter.state.inactivity_timeout.lock().unwrap() = Some(10);
    let _receiver = started(builder(&transmitter).in_memory()).await;
    until("the status is read once more than at the start", || {
        transmitter.state.statuses.load(Ordering::SeqCst) > 2
    })
    .await;
    // A verification is no more frequent for that.
    assert_eq!(transmitter.state.verifications.lock().unwrap().len(), 1);
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_stream_is_deleted_and_nobody_makes_it_anew() {
    let transmitter = Transmitter::start();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("receiver.db");
    let url = format!("sqlite://{}", path.display());
    let receiver = started(builder(&transmitter).database(&url)).await;
    assert_eq!(pushed(&transmitter, &receiver).await, 202);
    receiver.delete_stream().await.unwrap();
    assert!(transmitter.state.streams.lock().unwrap().is_empty());
    assert_eq!(last_error(&receiver).await, "the stream was deleted");
    // What was revoked stays so.
    assert_eq!(receiver.status().revocations, 1);
    let again = receiver.delete_stream().await.unwrap_err();
    assert!(matches!(again, DeleteStreamError::NoStream), "{again}");
    assert_eq!(transmitter.state.created.load(Ordering::SeqCst), 1);
    drop(receiver);
    let receiver = started(builder(&transmitter).database(&url)).await;
    assert_eq!(stream_id(&receiver).unwrap(), "stream-2");
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_stream_that_cannot_be_deleted_is_told_and_may_be_tried_again() {
    let transmitter = Transmitter::start();
    let receiver = started(builder(&transmitter).in_memory()).await;
    transmitter.state.down.store(true, Ordering::SeqCst);
    let error = receiver.delete_stream().await.unwrap_err();
    let told = ssf_types::error::Chain(&error).to_string();
    assert!(told.starts_with("the stream is still there: "), "{told}");
    transmitter.state.down.store(false, Ordering::SeqCst);
    receiver.delete_stream().await.unwrap();
    assert!(transmitter.state.streams.lock().unwrap().is_empty());
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_stream_that_somebody_else_made_is_not_deleted() {
    let transmitter = Transmitter::start();
    let receiver = common::started(common::builder(&transmitter).in_memory()).await;
    let error = receiver.delete_stream().await.unwrap_err();
    assert!(matches!(error, DeleteStreamError::NotManaged), "{error}");
    transmitter.stop().await;
}

#[actix_web::test]
async fn the_token_is_not_sent_to_where_no_metadata_leads() {
    let transmitter = Transmitter::start();
    let stranger = Transmitter::start();
    let place = format!("{}/poll/1", stranger.issuer);
    *transmitter.state.polled_at.lock().unwrap() = Some(place);
    let receiver = Receiver::polling(&transmitter.issuer).management_token(TOKEN);
    let receiver = receiver.in_memory().start().await.unwrap();
    let told = last_error(&receiver).await;
    assert!(
        told.contains("the management token is not sent there"),
        "{told}"
    );
    assert!(stranger.state.polls.seen().is_empty());
    transmitter.stop().await;
    stranger.stop().await;
}

/// Whether a push with this `Authorization` is taken for the Transmitter's.
async fn is_trusted(receiver: &Receiver, authorization: &str) -> bool {
    let media_type = Some("application/secevent+jwt");
    let answer = receiver.accept(Some(authorization), media_type, b"no SET");
    answer.await.error().unwrap().err.as_str() != "authentication_failed"
}

#[actix_web::test]
async fn a_change_of_the_push_secret_goes_on_after_a_restart_and_refuses_no_push() {
    let transmitter = Transmitter::start();
    let directory = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}", directory.path().join("r.db").display());
    let start = async || started(builder(&transmitter).database(&database)).await;
    let receiver = start().await;
    let former = transmitter.stream().authorization;
    transmitter.state.down.store(true, Ordering::SeqCst);
    receiver.rotate_push_secret().await.unwrap();
    assert!(is_trusted(&receiver, &former).await);
    receiver.stop().await;
    drop(receiver);

    transmitter.state.down.store(false, Ordering::SeqCst);
    assert_eq!(transmitter.stream().authorization, former);
    let receiver = start().await;
    assert!(is_trusted(&receiver, &former).await);
    until("the transmitter pushes with another secret", || {
        transmitter.stream().authorization != former
    })
    .await;
    assert_eq!(transmitter.stream().id, "stream-1");
    assert_eq!(pushed(&transmitter, &receiver).await, 202);
    assert!(is_trusted(&receiver, &former).await, "it may be under way");
    assert!(!is_trusted(&receiver, "Bearer guess").await);
    receiver.stop().await;
    drop(receiver);

    // Both outlive a restart as well, since the former one is not over.
    let receiver = start().await;
    assert!(is_trusted(&receiver, &former).await);
    assert_eq!(pushed(&transmitter, &receiver).await, 202);
    receiver.stop().await;
    transmitter.stop().await;
}

#[actix_web::test]
async fn who_polls_or_uses_the_stream_of_others_has_no_push_secret_to_change() {
    let transmitter = Transmitter::start();
    let polling = Receiver::polling(&transmitter.issuer).management_token(TOKEN);
    for builder in [polling, common::builder(&transmitter)] {
        let receiver = builder.in_memory().start().await.unwrap();
        let refused = receiver.rotate_push_secret().await;
        assert!(matches!(refused, Err(RotateError::NotOurs)));
        receiver.stop().await;
    }
    transmitter.stop().await;
}

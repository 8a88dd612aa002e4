//! The application's own handlers, called from the inbox.

#![cfg(all(feature = "client", feature = "sqlite"))]
#![expect(clippy::unwrap_used, reason = "a helper of tests panics as they do")]

mod common;

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use common::{Transmitter, builder, email, signed, started, until};
use ssf_receiver::{Again, HandedSet, HandleError, HandlerName, Receiver};
use ssf_types::event::Event;
use tokio::sync::Notify;

const T: u64 = 1_615_305_159;

async fn receiver(transmitter: &Transmitter, directory: &Path) -> Receiver {
    let url = format!("sqlite://{}", directory.join("receiver.db").display());
    started(builder(transmitter).database(url)).await
}

/// Pushes a SET that ends Alice's sessions.
async fn pushed(transmitter: &Transmitter, receiver: &Receiver, jti: &str) {
    let claims = transmitter.claims(jti, &email("alice@example.com"), T);
    let set = signed(&Transmitter::header(), &claims);
    let media_type = Some("application/secevent+jwt");
    let answer = receiver.accept(Some("Bearer x"), media_type, set.as_bytes());
    assert_eq!(answer.await.status(), 202);
}

/// What a handler was called with.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<Vec<(String, u32)>>>);

impl Calls {
    fn add(&self, set: &HandedSet) {
        let jti = set.claims.jti.to_string();
        self.0.lock().unwrap().push((jti, set.attempt));
    }

    fn all(&self) -> Vec<(String, u32)> {
        self.0.lock().unwrap().clone()
    }
}

fn call(jti: &str, attempt: u32) -> (String, u32) {
    (jti.to_owned(), attempt)
}

#[actix_web::test]
async fn a_handler_is_called_with_each_set_that_is_taken() {
    let transmitter = Transmitter::start();
    let directory = tempfile::tempdir().unwrap();
    let receiver = receiver(&transmitter, directory.path()).await;
    pushed(&transmitter, &receiver, "before").await;
    let calls = Calls::default();
    let seen = calls.clone();
    let handler = move |set: HandedSet| {
        let seen = seen.clone();
        async move {
            assert!(matches!(set.claims.event, Event::SessionRevoked(_)));
            seen.add(&set);
            Ok::<_, std::io::Error>(())
        }
    };
    receiver.handle("crm", handler).await.unwrap();
    pushed(&transmitter, &receiver, "1").await;
    pushed(&transmitter, &receiver, "1").await;
    pushed(&transmitter, &receiver, "2").await;
    until("both are handed over", || calls.all().len() == 2).await;
    assert_eq!(calls.all(), [call("1", 1), call("2", 1)]);
}

#[actix_web::test]
async fn what_a_process_did_not_get_to_its_successor_does() {
    let transmitter = Transmitter::start();
    let directory = tempfile::tempdir().unwrap();
    let hanging = receiver(&transmitter, directory.path()).await;
    let begun = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&begun);
    let hang = move |_: HandedSet| {
        count.fetch_add(1, Ordering::SeqCst);
        std::future::pending::<Result<(), std::io::Error>>()
    };
    hanging.handle("crm", hang).await.unwrap();
    pushed(&transmitter, &hanging, "1").await;
    until("the call has begun", || begun.load(Ordering::SeqCst) == 1).await;
    pushed(&transmitter, &hanging, "2").await;
    // A handler that hangs keeps no SET from being acknowledged, and is broken off with its process.
    hanging.stop().await;
    drop(hanging);

    let successor = receiver(&transmitter, directory.path()).await;
    let calls = Calls::default();
    let seen = calls.clone();
    let handler = move |set: HandedSet| {
        seen.add(&set);
        std::future::ready(Ok::<_, std::io::Error>(()))
    };
    successor.handle("crm", handler).await.unwrap();
    until("both are handed over", || calls.all().len() == 2).await;
    let mut all = calls.all();
    all.sort_unstable();
    assert_eq!(all, [call("1", 1), call("2", 1)]);
}

#[actix_web::test]
async fn a_handler_that_fails_is_called_again() {
    let transmitter = Transmitter::start();
    let directory = tempfile::tempdir().unwrap();
    let receiver = receiver(&transmitter, directory.path()).await;
    let calls = Calls::default();
    let seen = calls.clone();
    let handler = move |set: HandedSet| {
        seen.add(&set);
        let first = set.attempt == 1;
        async move {
            match set.claims.jti.as_str() {
                "fails" if first => Err(std::io::Error::other("no route")),
                "panics" if first => panic!("as a test wants it"),
                _ => Ok(()),
            }
        }
    };
    receiver.handle("crm", handler).await.unwrap();
    pushed(&transmitter, &receiver, "fails").await;
    pushed(&transmitter, &receiver, "panics").await;
    until("both are handed over twice", || calls.all().len() == 4).await;
    let mut all = calls.all();
    all.sort_unstable();
    let expected = [("fails", 1), ("fails", 2), ("panics", 1), ("panics", 2)];
    assert_eq!(all, expected.map(|(jti, attempt)| call(jti, attempt)));
    let name = HandlerName::parse("crm").unwrap();
    assert_eq!(receiver.dead_letters(&name).await.unwrap(), []);
}

#[actix_web::test]
async fn what_came_before_is_handed_over_when_somebody_asks_for_it() {
    let transmitter = Transmitter::start();
    let directory = tempfile::tempdir().unwrap();
    let receiver = receiver(&transmitter, directory.path()).await;
    pushed(&transmitter, &receiver, "1").await;
    pushed(&transmitter, &receiver, "2").await;
    let calls = Calls::default();
    let seen = calls.clone();
    let handler = move |set: HandedSet| {
        seen.add(&set);
        std::future::ready(Ok::<_, std::io::Error>(()))
    };
    receiver.handle("late", handler).await.unwrap();
    let name = HandlerName::parse("late").unwrap();
    let again = Again::Jti("2".to_owned());
    assert_eq!(receiver.hand_again(&name, &again).await.unwrap(), 1);
    until("it is handed over", || !calls.all().is_empty()).await;
    assert_eq!(calls.all(), [call("2", 1)]);
}

#[actix_web::test]
async fn one_that_hangs_keeps_no_other_from_its_turn() {
    let transmitter = Transmitter::start();
    let directory = tempfile::tempdir().unwrap();
    let receiver = receiver(&transmitter, directory.path()).await;
    let calls = Calls::default();
    let (seen, go_on) = (calls.clone(), Arc::new(Notify::new()));
    let went_on = Arc::new(AtomicBool::new(false));
    let (wait, done) = (Arc::clone(&go_on), Arc::clone(&went_on));
    let handler = move |set: HandedSet| {
        let (seen, wait, done) = (seen.clone(), Arc::clone(&wait), Arc::clone(&done));
        async move {
            if set.claims.jti.as_str() == "hangs" {
                wait.notified().await;
                done.store(true, Ordering::SeqCst);
            }
            seen.add(&set);
            Ok::<_, std::io::Error>(())
        }
    };
    receiver.handle("crm", handler).await.unwrap();
    pushed(&transmitter, &receiver, "hangs").await;
    for number in 0..40 {
        pushed(&transmitter, &receiver, &number.to_string()).await;
    }
    until("all others are handed over", || calls.all().len() == 40).await;
    assert!(!went_on.load(Ordering::SeqCst));
    go_on.notify_one();
    until("it ends", || calls.all().len() == 41).await;
}

#[actix_web::test]
async fn a_name_is_for_one_handler() {
    let transmitter = Transmitter::start();
    let directory = tempfile::tempdir().unwrap();
    let receiver = receiver(&transmitter, directory.path()).await;
    let handler = |_: HandedSet| std::future::ready(Ok::<_, std::io::Error>(()));
    receiver.handle("crm", handler).await.unwrap();
    let taken = receiver.handle("crm", handler).await;
    assert!(matches!(taken, Err(HandleError::Taken)), "{taken:?}");
    let faulty = receiver.handle("C R M", handler).await;
    assert!(matches!(faulty, Err(HandleError::Name)), "{faulty:?}");
}

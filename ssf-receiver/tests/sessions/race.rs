//! Threat T56: saves at the time of a revocation, through the middleware of actix-session.

use std::collections::HashMap;

use actix_session::{Session, SessionMiddleware, storage};
use actix_web::{
    App, HttpResponse,
    cookie::{Cookie, Key},
    test::{self, TestRequest},
    web,
};
use futures_util::{
    StreamExt,
    future::{FutureExt, LocalBoxFuture},
    stream,
};
use ssf_receiver::{
    Receiver,
    sessions::{Ending, SessionStore},
};
use tokio::task::yield_now;

use super::{
    common::{Transmitter, email},
    eventually, keys, pushed, receiver,
    recording::Recording,
};

/// Requests that save a session.
const SAVES: usize = 1000;

/// So many of them are under way at a time: all at once, they would only wait for each other, on a machine that is busy for too
/// long.
const UNDER_WAY: usize = 100;

/// Signs somebody in, in a session that began before or after the revocation.
async fn sign_in(
    session: Session,
    receiver: web::Data<Receiver>,
    who: web::Path<(String, i64)>,
) -> HttpResponse {
    let (person, after) = who.into_inner();
    session.renew();
    session
        .insert("ssf", keys(&receiver, &person, after))
        .unwrap();
    session.insert("person", person).unwrap();
    HttpResponse::Ok().finish()
}

/// Counts the visits of a session: who is signed in is told so.
async fn visit(session: Session) -> String {
    let Some(person) = session.get::<String>("person").unwrap() else {
        return "nobody".to_owned();
    };
    for _ in 0..rand::random_range(0..8) {
        yield_now().await;
    }
    let visits: u64 = session.get("visits").unwrap().unwrap_or_default();
    session.insert("visits", visits + 1).unwrap();
    person
}

fn of<'s>(
    left: &'s [HashMap<String, String>],
    person: &str,
) -> impl Iterator<Item = &'s HashMap<String, String>> {
    let person = format!("{person:?}");
    left.iter()
        .filter(move |state| state.get("person") == Some(&person))
}

/// Has a thousand sessions saved while a SET ends them: half of them anew, half of them because somebody visits.
pub(crate) async fn nobody_survives<S, I>(stored: S, registered: I)
where
    S: storage::SessionStore + Clone + 'static,
    I: SessionStore + Clone,
{
    let transmitter = Transmitter::start();
    let directory = tempfile::tempdir().unwrap();
    let receiver = receiver(&transmitter, directory.path()).await;
    let deleting = receiver.delete_sessions("sessions", registered.clone());
    deleting.await.unwrap();
    let stored = Recording::new(stored);
    let store = Ending::new(receiver.clone(), stored.clone(), registered);
    let key = Key::generate();
    let app = App::new()
        .app_data(web::Data::new(receiver.clone()))
        .route("/sign-in/{person}/{after}", web::post().to(sign_in))
        .route("/visit", web::get().to(visit))
        .wrap(SessionMiddleware::new(store, key));
    let app = test::init_service(app).await;
    let signed_in = async |person: &str, after: i64| -> Cookie<'static> {
        let request = TestRequest::post().uri(&format!("/sign-in/{person}/{after}"));
        let response = test::call_service(&app, request.to_request()).await;
        assert_eq!(response.status(), 200);
        let cookie = response.response().cookies().next().unwrap();
        cookie.into_owned()
    };
    let visited = async |cookie: &Cookie<'static>| {
        let request = TestRequest::get().uri("/visit").cookie(cookie.clone());
        test::call_and_read_body(&app, request.to_request()).await
    };

    let mut alice = Vec::new();
    for _ in 0..SAVES / 2 {
        alice.push(signed_in("alice", -1).await);
    }
    let later = signed_in("alice", 1).await;
    let mut bob = Vec::new();
    for _ in 0..10 {
        bob.push(signed_in("bob", -1).await);
    }

    let mut at_once: Vec<LocalBoxFuture<'_, ()>> = Vec::new();
    for (number, cookie) in alice.iter().chain(&bob).chain([&later]).enumerate() {
        at_once.push(visited(cookie).map(|_| ()).boxed_local());
        if number < SAVES / 2 {
            at_once.push(signed_in("alice", -1).map(|_| ()).boxed_local());
        }
        if number == SAVES / 4 {
            let subject = email("alice@example.com");
            let (transmitter, receiver) = (&transmitter, &receiver);
            at_once.push(
                async move { pushed(transmitter, receiver, "1", &subject).await }.boxed_local(),
            );
        }
    }
    let ended = stream::iter(at_once).buffer_unordered(UNDER_WAY);
    ended.collect::<Vec<()>>().await;

    // Nobody saves any more: what the handler is about to delete goes, and what it has left stays.
    let is_one_left = async || of(&stored.left().await, "alice").count() == 1;
    eventually("all but the later session are gone", is_one_left).await;
    assert_eq!(of(&stored.left().await, "bob").count(), bob.len());
    assert_eq!(visited(&later).await, "alice");
    for cookie in &bob {
        assert_eq!(visited(cookie).await, "bob");
    }
    for cookie in &alice {
        assert_eq!(visited(cookie).await, "nobody");
    }
}

//! From the provider's event to the end of a session, by push and by poll: the real program and a real receiver, with a crash
//! in between.

use std::net::TcpListener;

use actix_web::{App, HttpServer, dev::ServerHandle};
use ssf_receiver::{Receiver, Session, guard::Decision};
use ssf_types::time::Timestamp;

use crate::rig::{Answer, Installation, PATIENCE, Transmitter, client, event_about};

/// Serves the application's push route; without it the application is down.
fn serve(receiver: &Receiver, listener: TcpListener) -> ServerHandle {
    let receiver = receiver.clone();
    let server = HttpServer::new(move || App::new().service(receiver.push_route()))
        .workers(1)
        .disable_signals()
        .listen(listener)
        .unwrap()
        .run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    handle
}

/// A session that began long before the event that [`event_about`] makes.
fn session_of(receiver: &Receiver, email: &str) -> Session {
    receiver
        .session(Timestamp::from_secs(1_600_000_000))
        .email(email)
}

fn is_refused(receiver: &Receiver, session: &Session) -> bool {
    matches!(receiver.decide(session), Decision::Deny(_))
}

async fn refused(receiver: &Receiver, session: &Session) {
    let waited = async {
        while !is_refused(receiver, session) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.unwrap();
}

async fn end_sessions_of(email: &str, transmitter: &Transmitter, token: &str) {
    let request = client().post(transmitter.url("/ingest/events"));
    let request = request.json(&event_about(email)).bearer_auth(token);
    assert_eq!(Answer::to(request).await.status, 202);
}

#[actix_web::test]
async fn a_session_dies_although_the_transmitter_was_killed_between_accepting_and_delivering() {
    let installation = Installation::new();
    let transmitter = installation.serve();
    let operator = transmitter.operator_token.clone().unwrap();
    let application = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = application.local_addr().unwrap();
    let receiver = Receiver::builder(&transmitter.issuer, format!("http://{address}/ssf/events"))
        .in_memory()
        .management_token(installation.add_receiver("application"))
        .start()
        .await
        .unwrap();
    tokio::time::timeout(PATIENCE, receiver.ready())
        .await
        .unwrap();
    let alice = session_of(&receiver, "alice@example.com");
    let bob = session_of(&receiver, "bob@example.com");

    // The application is down while the event is accepted, so that nothing can be delivered before the crash.
    drop(application);
    end_sessions_of("alice@example.com", &transmitter, &operator).await;
    let listen = transmitter.address.to_string();
    transmitter.kill();
    assert!(!is_refused(&receiver, &alice));

    let server = serve(&receiver, TcpListener::bind(address).unwrap());
    let _again = installation.serve_at(&listen);
    refused(&receiver, &alice).await;
    assert!(!is_refused(&receiver, &bob));
    server.stop(false).await;
}

#[actix_web::test]
async fn what_was_acknowledged_by_poll_outlives_both_sides_and_does_not_come_again() {
    let installation = Installation::new();
    let transmitter = installation.serve();
    let operator = transmitter.operator_token.clone().unwrap();
    let token = installation.add_receiver("application");
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("receiver.db");
    let database = format!("sqlite://{}", database.display());
    let issuer = transmitter.issuer.clone();
    let start = async || {
        let receiver = Receiver::polling(&issuer)
            .database(&database)
            .management_token(token.clone())
            .start()
            .await
            .unwrap();
        tokio::time::timeout(PATIENCE, receiver.ready())
            .await
            .unwrap();
        receiver
    };

    // A poll waits at the transmitter when alice's event comes.
    let receiver = start().await;
    let alice = session_of(&receiver, "alice@example.com");
    let bob = session_of(&receiver, "bob@example.com");
    end_sessions_of("alice@example.com", &transmitter, &operator).await;
    refused(&receiver, &alice).await;
    receiver.stop().await;
    drop(receiver);

    // The application is away when bob's comes, and the transmitter dies before it is back.
    end_sessions_of("bob@example.com", &transmitter, &operator).await;
    let listen = transmitter.address.to_string();
    transmitter.kill();
    let _again = installation.serve_at(&listen);
    let receiver = start().await;
    assert!(is_refused(&receiver, &alice));
    refused(&receiver, &bob).await;
    receiver.stop().await;
    assert_eq!(receiver.status().acknowledged, 1);
    drop(receiver);

    let receiver = start().await;
    let answered = async {
        while receiver.status().polls.unwrap().answered == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, answered).await.unwrap();
    receiver.stop().await;
    assert_eq!(receiver.status().acknowledged, 0);
    assert!(is_refused(&receiver, &alice) && is_refused(&receiver, &bob));
}

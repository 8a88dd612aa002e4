//! What a crash does to handlers: they may be called twice, and are never not called.

use std::collections::BTreeMap;

use reqwest::Client;
use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};

use crate::{
    common::{Transmitter, client, email, hooks::Application, signed, until},
    crashes,
    rig::{Daemon, Installation},
};

/// The points of handing over, and how often a process passes each before it dies there, at most.
const POINTS: [(&str, usize); 2] = [("after-call", 3), ("before-settled", 3)];

/// More SETs than a process takes before it dies.
const SETS_MAX: usize = 50;

/// Pushes a SET; whether it was acknowledged.
async fn pushed(client: &Client, transmitter: &Transmitter, daemon: &Daemon, jti: &str) -> bool {
    let claims = transmitter.claims(jti, &email("alice@example.com"), 1_615_305_159);
    let request = client
        .post(&daemon.endpoint)
        .header("Authorization", transmitter.stream().authorization)
        .header("Content-Type", "application/secevent+jwt")
        .body(signed(&Transmitter::header(), &claims));
    let answer = request.send().await;
    answer.is_ok_and(|answer| answer.status().as_u16() == 202)
}

/// How often the application was told of each SET.
fn told(application: &Application) -> BTreeMap<String, usize> {
    let mut told = BTreeMap::new();
    for message in application.messages() {
        let jti = message.json()["data"]["jti"].as_str().unwrap().to_owned();
        *told.entry(jti).or_default() += 1;
    }
    told
}

#[actix_web::test]
async fn each_set_that_was_acknowledged_is_handed_over_whenever_the_process_dies() {
    let transmitter = Transmitter::start();
    let application = Application::start();
    let mut installation = Installation::of(&transmitter)
        // The stream is the one that the first process made.
        .with("LISTEN", &free_address())
        .with("WEBHOOK_APP_URL", &application.url)
        .with(
            "WEBHOOK_APP_SECRET",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        );
    let (client, mut acknowledged) = (client(), Vec::new());
    for (point, passes) in POINTS {
        for crash in 0..crashes() {
            installation.arm(Some(&format!("{point}:{}", 1 + crash % passes)));
            let mut daemon = installation.serve().await;
            daemon.ready().await;
            // What ends together is noted together, so that not each SET passes each point.
            for number in 0..SETS_MAX {
                if daemon.has_died() {
                    break;
                }
                let jti = format!("{point}-{crash}-{number}");
                if pushed(&client, &transmitter, &daemon, &jti).await {
                    acknowledged.push(jti);
                }
            }
            daemon.ended().await;
            installation.arm(None);
            let daemon = installation.serve().await;
            until("everything is handed over", || {
                let told = told(&application);
                acknowledged.iter().all(|jti| told.contains_key(jti))
            })
            .await;
            // So that the next process dies over a SET of its own, and not while it starts.
            while !is_settled(&installation).await {
                tokio::task::yield_now().await;
            }
            daemon.kill().await;
        }
    }
    assert!(acknowledged.len() >= 2 * crashes());
    // Each time somebody died between a call and the note of it.
    assert!(told(&application).values().any(|times| *times > 1));
    application.server.stop(false).await;
    transmitter.stop().await;
}

/// Whether the inbox knows of all SETs that they were handed over.
async fn is_settled(installation: &Installation) -> bool {
    let path = installation.path("ssf-receiver.db");
    let url = format!("sqlite://{}?mode=ro", path.display());
    let database = Database::connect(url).await.unwrap();
    let all = "SELECT (SELECT done FROM handler) = (SELECT max(id) FROM inbox) \
               AND NOT EXISTS (SELECT 1 FROM task)";
    let statement = Statement::from_string(DbBackend::Sqlite, all);
    let row = database.query_one_raw(statement).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

/// An address that nobody listens on.
fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

//! Our own receiver, judged like any other.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, what cannot go on has failed"
)]

use std::{
    net::{Ipv4Addr, TcpListener},
    path::Path,
    time::Duration,
};

use actix_web::{App, HttpServer, dev::ServerHandle};
use ssf_conformance::{
    cases,
    checks::Verdict,
    push::{self, PushRun},
    record::{CaseResult, Ended},
    results::Line,
};
use ssf_receiver::Receiver;
use ssf_types::{audience::Audience, secret::AuthorizationHeader};

const AUDIENCE: &str = "https://rp.example.com";

const AUTHORIZATION: &str = "Bearer s3cret";

/// Cases in which it puts off what others refuse, since the key may be published later.
const NOTED: [&str; 2] = ["PUSH-R-010.unknown-kid", "JWTBCP-010.kid-as-path"];

/// The receiver behind HTTP: it takes the SETs of a stream that somebody else made.
async fn pushed(issuer: &str, directory: &Path) -> (Receiver, ServerHandle, String) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let endpoint = format!("http://{}/events", listener.local_addr().unwrap());
    let database = format!("sqlite://{}", directory.join("rp.db").display());
    let receiver = Receiver::builder(issuer, &endpoint)
        .database(database)
        .existing_stream(
            Audience::new([AUDIENCE.to_owned()]).unwrap(),
            AuthorizationHeader::parse(AUTHORIZATION).unwrap(),
        )
        .start()
        .await
        .unwrap();
    let routes = receiver.clone();
    let server = HttpServer::new(move || App::new().service(routes.push_route()))
        .workers(1)
        .disable_signals()
        .shutdown_timeout(0)
        .listen(listener)
        .unwrap()
        .run();
    let handle = server.handle();
    tokio::spawn(server);
    (receiver, handle, endpoint)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_push_endpoint_is_conformant() {
    let directory = tempfile::tempdir().unwrap();
    let address = (Ipv4Addr::LOCALHOST, 0).into();
    let issuer = push::Issuer::serve(address, None, push::Security::Plain).unwrap();
    let (receiver, server, endpoint) = pushed(issuer.issuer(), directory.path()).await;
    let given = push::Given {
        authorization: Some(AUTHORIZATION.to_owned()),
        patience: Duration::from_mins(1),
        ..push::Given::new(endpoint, push::Signer::Served(issuer), AUDIENCE)
    };
    let run = PushRun::begin(given).await.unwrap();
    let chosen: Vec<_> = cases::push_endpoint().collect();
    let results = push::judge(&run, &chosen, |_| {}, std::future::pending()).await;
    server.stop(false).await;
    receiver.stop().await;
    assert_fine(&results, &NOTED);
}

/// Everything has passed, but for these cases, which may have a note.
fn assert_fine(results: &[CaseResult], noted: &[&str]) {
    let is_fine = |result: &CaseResult| match &result.ended {
        Ended::Judged(Verdict::Passed) => true,
        Ended::Judged(Verdict::Note) => noted.contains(&result.case.id),
        Ended::Judged(_)
        | Ended::NotRun(_)
        | Ended::KnownDeviation { .. }
        | Ended::UnexpectedPass
        | Ended::Faulty(_) => false,
    };
    let broken: Vec<String> = results
        .iter()
        .filter(|result| !is_fine(result))
        .map(|result| Line(result).to_string())
        .collect();
    assert!(
        !results.is_empty() && broken.is_empty(),
        "{}",
        broken.join("\n")
    );
}

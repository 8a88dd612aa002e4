//! A receiver that is killed right after its 202 has lost nothing: shown with a real process and a real kill.

#![cfg(all(feature = "actix", feature = "sqlite"))]

mod common;

use common::{Transmitter, email, party::RelyingParty, push, signed, until};

const T: u64 = 1_615_305_159;

#[actix_web::test]
async fn a_receiver_that_is_killed_after_its_202_refuses_the_session_and_only_that_one() {
    let transmitter = Transmitter::start();
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("receiver.db");
    let database = format!("sqlite://{}", database.display());
    let mut party = RelyingParty::start(&transmitter.issuer, &database, "127.0.0.1:0");
    let streams = &transmitter.state.streams;
    until("the receiver makes its stream", || {
        !streams.lock().unwrap().is_empty()
    })
    .await;
    let alice = party.sign_in("alice", "s1", T).await;
    let bob = party.sign_in("bob", "s2", T - 100).await;
    assert_eq!(party.me(&alice).await, 200);
    assert_eq!(party.me(&bob).await, 200);

    let claims = transmitter.claims("1", &email("alice@example.com"), T + 1);
    let set = signed(&Transmitter::header(), &claims);
    let stream = transmitter.stream();
    let endpoint = stream.configuration["delivery"]["endpoint_url"].clone();
    let pushed = async || {
        let answer = push(
            endpoint.as_str().unwrap(),
            &stream.authorization,
            set.clone(),
        )
        .await;
        answer.status().as_u16()
    };
    // The stream is made before its `aud` is known: as a Transmitter does, try again until it is taken.
    let taken = async {
        loop {
            match pushed().await {
                503 => tokio::task::yield_now().await,
                status => break status,
            }
        }
    };
    let status = tokio::time::timeout(std::time::Duration::from_secs(20), taken).await;
    assert_eq!(status.unwrap(), 202);
    let address = party.address();
    party.kill();

    let party = RelyingParty::start(&transmitter.issuer, &database, &address);
    assert_eq!(party.me(&alice).await, 401);
    assert_eq!(party.me(&bob).await, 200);
    let again = party.sign_in("alice", "s3", T + 2).await;
    assert_eq!(party.me(&again).await, 200);
    assert_eq!(party.me(&alice).await, 401);
    transmitter.stop().await;
}

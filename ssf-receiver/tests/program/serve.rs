//! Receiving by the program, from its start to its end.

use std::net::SocketAddr;

use serde_json::json;
use ssf_types::set::SET_BYTES_MAX;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    common::{
        Transmitter, client, email,
        polls::{Reply, Seen},
        push, signed,
    },
    rig::{Answer, Daemon, Installation},
};

const T: u64 = 1_615_305_159;

fn set(transmitter: &Transmitter, jti: &str) -> String {
    let claims = transmitter.claims(jti, &email("alice@example.com"), T);
    signed(&Transmitter::header(), &claims)
}

async fn revocations(daemon: &Daemon) -> String {
    let metrics = daemon.metrics().await;
    let mut lines = metrics.lines();
    let line = lines.find_map(|line| line.strip_prefix("ssf_receiver_revocations "));
    line.unwrap_or_default().to_owned()
}

#[actix_web::test]
async fn a_set_that_is_answered_202_outlives_the_process() {
    let transmitter = Transmitter::start();
    let installation = Installation::of(&transmitter);
    let daemon = installation.serve().await;
    daemon.ready().await;
    assert_eq!(daemon.endpoint, daemon.url("/events/idp"));
    let stream = transmitter.stream();
    let delivery = &stream.configuration["delivery"];
    assert_eq!(delivery["endpoint_url"], daemon.endpoint);
    assert_eq!(revocations(&daemon).await, "0");
    let answer = push(
        &daemon.endpoint,
        &stream.authorization,
        set(&transmitter, "1"),
    );
    assert_eq!(Answer::read(answer.await).await.status, 202);
    assert_eq!(revocations(&daemon).await, "1");
    daemon.kill().await;
    let daemon = installation.serve().await;
    assert_eq!(revocations(&daemon).await, "1");
    transmitter.stop().await;
}

#[actix_web::test]
async fn decisions_are_ready_although_the_transmitter_is_away() {
    let transmitter = Transmitter::start();
    let installation = Installation::of(&transmitter);
    transmitter.stop().await;
    let daemon = installation.serve().await;
    let answer = daemon.probe("/readyz").await;
    assert_eq!(answer.status, 200);
    let idp = json!({ "stream": "pending", "keys": false });
    let expected = json!({ "status": "ok", "transmitters": { "idp": idp } });
    assert_eq!(answer.json(), expected);
    let metrics = daemon.metrics().await;
    let not_ready = r#"ssf_receiver_stream_ready{transmitter="idp"} 0"#;
    assert!(metrics.contains(not_ready), "{metrics}");
}

#[actix_web::test]
async fn a_successor_lives_and_is_ready_once_its_predecessor_has_ended() {
    let transmitter = Transmitter::start();
    let installation = Installation::of(&transmitter);
    let predecessor = installation.serve().await;
    let successor = installation.start().await;
    assert_eq!(successor.probe("/livez").await.status, 200);
    let answer = successor.probe("/readyz").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.body, r#"{"status":"starting"}"#);
    predecessor.signal("TERM").await;
    assert!(predecessor.ended().await.success());
    let successor = successor.serves().await;
    assert_eq!(successor.probe("/readyz").await.status, 200);
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_transmitter_that_cannot_reach_the_program_is_polled() {
    let transmitter = Transmitter::start();
    let installation = Installation::of(&transmitter).with("TRANSMITTER_IDP_DELIVERY", "poll");
    let daemon = installation.serve().await;
    daemon.ready().await;
    assert_eq!(daemon.endpoint, "");
    let push = client().post(daemon.url("/events/idp")).send().await;
    assert_eq!(push.unwrap().status().as_u16(), 404);
    let polls = &transmitter.state.polls;
    polls.answer(Reply::sets([("1", set(&transmitter, "1"))]));
    let is_told = |poll: &Seen| poll.acknowledged() == ["1"];
    polls.find("the SET is acknowledged", is_told).await;
    assert_eq!(revocations(&daemon).await, "1");
    daemon.signal("TERM").await;
    assert!(daemon.ended().await.success());
    transmitter.stop().await;
}

/// Sends the head of a push and half of its body.
async fn half(address: SocketAddr, authorization: &str, set: &str) -> TcpStream {
    let mut peer = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /events/idp HTTP/1.1\r\nHost: {address}\r\nAuthorization: {authorization}\r\n\
         Content-Type: application/secevent+jwt\r\nContent-Length: {}\r\n\r\n",
        set.len()
    );
    let first = &set[..set.len() / 2];
    let both = format!("{head}{first}");
    peer.write_all(both.as_bytes()).await.unwrap();
    peer
}

#[actix_web::test]
async fn a_stop_answers_what_is_under_way_and_nothing_new() {
    let transmitter = Transmitter::start();
    let installation = Installation::of(&transmitter);
    let daemon = installation.serve().await;
    daemon.ready().await;
    let authorization = transmitter.stream().authorization;
    let set = set(&transmitter, "1");
    let mut peer = half(daemon.address, &authorization, &set).await;
    // What was sent later is answered, so the head has been taken.
    let other = client().get(daemon.url("/nothing")).send().await.unwrap();
    assert_eq!(other.status().as_u16(), 404);
    daemon.signal("TERM").await;
    let stopping = daemon
        .probe_until("/readyz", |answer| answer.status == 503)
        .await;
    assert_eq!(stopping.body, r#"{"status":"stopping"}"#);
    peer.write_all(&set.as_bytes()[set.len() / 2..])
        .await
        .unwrap();
    let mut answer = [0; 12];
    peer.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 202");
    drop(peer);
    let address = daemon.address;
    assert!(daemon.ended().await.success());
    assert!(TcpStream::connect(address).await.is_err());
    assert!(installation.log().contains("the receiver has stopped"));
    transmitter.stop().await;
}

#[actix_web::test]
async fn whatever_is_no_set_of_the_transmitter_is_refused_before_it_costs_anything() {
    let transmitter = Transmitter::start();
    let installation = Installation::of(&transmitter);
    let daemon = installation.serve().await;
    daemon.ready().await;
    let authorization = transmitter.stream().authorization;
    let answer = async |authorization: &str, set: String| {
        Answer::read(push(&daemon.endpoint, authorization, set).await).await
    };
    let stranger = answer("Bearer stranger", set(&transmitter, "1")).await;
    assert_eq!(stranger.status, 400);
    assert_eq!(stranger.json()["err"], "authentication_failed");
    assert_eq!(stranger.header("cache-control"), Some("no-store"));
    assert_eq!(stranger.header("x-request-id").unwrap().len(), 32);
    let long = answer(&authorization, "A".repeat(SET_BYTES_MAX + 1)).await;
    assert_eq!(long.status, 413);
    let get = client().get(&daemon.endpoint).send().await.unwrap();
    assert_eq!(get.status().as_u16(), 405);
    for path in [
        "/",
        "/events",
        "/events/other",
        "/events/idp/",
        "/auth",
        "/metrics",
        "/readyz",
    ] {
        let answer = client().post(daemon.url(path)).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 404, "{path}");
    }
    let sound = answer(&authorization, set(&transmitter, "1")).await;
    assert_eq!(sound.status, 202);
    transmitter.stop().await;
}

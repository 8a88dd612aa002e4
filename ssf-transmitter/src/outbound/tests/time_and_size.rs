//! What a peer may cost.

use std::time::{Duration, Instant};

use tokio::net::TcpListener;

use super::{
    super::{client::Terms, deadlines::Deadlines, fault::Fault, reply::BodyEnd},
    rig::{ACCEPTED, AMPLE, client, fault, peer, post, send, terms},
};

const SHORT: Duration = Duration::from_millis(200);
const DRIP: Duration = Duration::from_millis(20);

/// Longer than any of these deadlines, on a busy machine as well, and shorter than [`AMPLE`] ones.
const SOON: Duration = Duration::from_secs(10);

fn with(deadlines: Deadlines) -> Terms {
    Terms {
        deadlines,
        ..terms()
    }
}

#[tokio::test]
async fn t09_a_head_that_drips_costs_no_more_than_its_deadline() {
    let url = peer(b"HTTP/1.1 202 Accepted\r\nx: ", b"x", DRIP).await;
    let client = client(with(Deadlines {
        head: SHORT,
        ..AMPLE
    }));
    let started = Instant::now();
    assert_eq!(fault(&client, &url).await, Fault::Timeout);
    assert!(started.elapsed() < SOON);
}

#[tokio::test]
async fn t09_a_body_that_drips_costs_no_more_than_its_deadline() {
    let head = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 100000\r\n\r\n";
    let url = peer(head, b"x", DRIP).await;
    let client = client(with(Deadlines {
        body: SHORT,
        ..AMPLE
    }));
    let started = Instant::now();
    let reply = send(&client, &url).await.unwrap();
    let (body, end) = reply.body(100_000).await;
    assert!(started.elapsed() < SOON);
    assert!(body.len() < 100_000);
    let BodyEnd::BrokeOff(error) = end else {
        panic!("{end:?}")
    };
    assert_eq!(error.fault, Fault::Timeout);
}

#[tokio::test]
async fn t09_the_whole_ends_what_its_parts_would_allow() {
    let head = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 100000\r\n\r\n";
    let url = peer(head, b"x", DRIP).await;
    let client = client(with(Deadlines {
        whole: SHORT,
        ..AMPLE
    }));
    let started = Instant::now();
    let reply = send(&client, &url).await.unwrap();
    let (_, end) = reply.body(100_000).await;
    assert!(matches!(end, BodyEnd::BrokeOff(_)));
    assert!(started.elapsed() < SOON);
}

#[tokio::test]
async fn t09_a_handshake_that_never_ends_costs_no_more_than_the_deadline_of_connecting() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", silent.local_addr().unwrap());
    let client = client(with(Deadlines {
        connect: SHORT,
        ..AMPLE
    }));
    let started = Instant::now();
    assert_eq!(fault(&client, &url).await, Fault::ConnectTimeout);
    assert!(started.elapsed() < SOON);
}

#[tokio::test]
async fn t09_a_host_that_drips_takes_its_own_places_and_nobody_elses() {
    let head = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 100000\r\n\r\n";
    let slow = peer(head, b"x", DRIP).await;
    let healthy = peer(ACCEPTED.as_bytes(), b"", Duration::ZERO).await;
    let client = client(Terms {
        host_requests_max: 2,
        ..with(Deadlines {
            whole: Duration::from_secs(2),
            ..AMPLE
        })
    });
    let first = send(&client, &slow).await.unwrap();
    let second = send(&client, &slow).await.unwrap();
    assert_eq!(fault(&client, &slow).await, Fault::Crowded);
    let reply = send(&client, &healthy).await.unwrap();
    assert_eq!(reply.status().as_u16(), 202);
    drop((first, second));
    assert!(send(&client, &slow).await.is_ok());
}

#[tokio::test]
async fn t10_an_endless_body_is_cut_off_at_the_limit() {
    let head = b"HTTP/1.1 400 Bad Request\r\n\r\n";
    let url = peer(head, &[b'x'; 8 * 1024], Duration::ZERO).await;
    let reply = send(&client(terms()), &url).await.unwrap();
    let (body, end) = reply.body(16 * 1024).await;
    assert_eq!(body.len(), 16 * 1024);
    assert!(matches!(end, BodyEnd::TooLong));
}

#[tokio::test]
async fn t10_a_body_of_just_the_limit_is_whole() {
    let answer = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 4\r\n\r\nfour";
    let url = peer(answer, b"", Duration::ZERO).await;
    let client = client(terms());
    let (body, end) = send(&client, &url).await.unwrap().body(4).await;
    assert_eq!(body, b"four");
    assert!(matches!(end, BodyEnd::Complete));
    let (body, end) = send(&client, &url).await.unwrap().body(3).await;
    assert_eq!(body, b"fou");
    assert!(matches!(end, BodyEnd::TooLong));
}

/// A thousand zeros.
const COMPRESSED: [u8; 29] = [
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 99, 96, 24, 5, 163, 96, 20, 12, 119, 0, 0, 128, 23, 11, 6,
    232, 3, 0, 0,
];

#[tokio::test]
async fn t10_a_compressed_body_is_not_decoded_and_none_is_asked_for() {
    let mut answer =
        b"HTTP/1.1 400 Bad Request\r\ncontent-encoding: gzip\r\ncontent-length: 29\r\n\r\n"
            .to_vec();
    answer.extend_from_slice(&COMPRESSED);
    let url = peer(&answer, b"", Duration::ZERO).await;
    let reply = send(&client(terms()), &url).await.unwrap();
    let (body, end) = reply.body(16 * 1024).await;
    assert_eq!(body, COMPRESSED);
    assert!(matches!(end, BodyEnd::Complete));
}

#[tokio::test]
async fn t10_an_endless_head_is_no_http() {
    let url = peer(
        b"HTTP/1.1 202 Accepted\r\nx: ",
        &[b'x'; 8 * 1024],
        Duration::ZERO,
    )
    .await;
    assert_eq!(fault(&client(terms()), &url).await, Fault::Malformed);
}

#[tokio::test]
async fn an_announced_length_makes_nobody_reserve_memory() {
    let answer = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 9223372036854775807\r\n\r\nfour";
    let url = peer(answer, b"", Duration::ZERO).await;
    let reply = client(terms()).send(post(&url)).await.unwrap();
    let (body, end) = reply.body(usize::MAX).await;
    assert_eq!(body, b"four");
    assert!(matches!(end, BodyEnd::BrokeOff(_)));
}

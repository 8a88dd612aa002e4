//! Where connections go.

use std::{net::Ipv4Addr, time::Duration};

use tokio::net::TcpListener;

use super::{
    super::{client::HttpClient, fault::Fault},
    rig::{ACCEPTED, Canary, Turns, client, fault, peer, send, terms, terms_with},
};
use crate::tls::HandshakeFault;

/// The second loopback address stands for one that is everybody's.
const PUBLIC: &str = "127.0.0.2/32";

/// A port on which [`PUBLIC`] takes calls and hangs up, and the machine itself must not be called.
async fn two_hosts() -> (Canary, u16) {
    loop {
        let canary = Canary::new().await;
        let port = canary.port();
        let public = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), port)).await;
        // Somebody else may have it.
        if let Ok(public) = public {
            tokio::spawn(async move { while public.accept().await.is_ok() {} });
            return (canary, port);
        }
    }
}

fn asking(names: &[&[&str]]) -> HttpClient {
    HttpClient::with_names(terms_with(&[PUBLIC]), Turns::new(names)).unwrap()
}

/// What it is to have reached [`PUBLIC`].
const HUNG_UP: Fault = Fault::Tls(HandshakeFault::Handshake);

#[tokio::test]
async fn t02_a_name_that_leads_inside_every_other_time_never_gets_anybody_there() {
    let (canary, port) = two_hosts().await;
    let client = asking(&[&["127.0.0.2"], &["127.0.0.1"]]);
    let url = format!("https://rp.example.com:{port}/events");
    for _ in 0..500 {
        assert_eq!(fault(&client, &url).await, HUNG_UP);
        assert_eq!(fault(&client, &url).await, Fault::AddressRefused);
    }
    canary.is_untouched().await;
}

#[tokio::test]
async fn t02_of_mixed_answers_only_those_are_called_that_may_be() {
    let (canary, port) = two_hosts().await;
    let client = asking(&[
        &["127.0.0.1", "127.0.0.2"],
        &["127.0.0.2", "127.0.0.1"],
        &["::1", "::ffff:127.0.0.1", "127.0.0.2", "10.0.0.1"],
    ]);
    let url = format!("https://rp.example.com:{port}/events");
    for _ in 0..30 {
        assert_eq!(fault(&client, &url).await, HUNG_UP);
    }
    canary.is_untouched().await;
}

#[tokio::test]
async fn t02_a_host_that_is_an_address_is_judged_although_it_is_never_resolved() {
    let canary = Canary::new().await;
    let port = canary.port();
    let client = client(terms_with(&[]));
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "localhost",
    ] {
        let url = format!("https://{host}:{port}/");
        assert_eq!(fault(&client, &url).await, Fault::AddressRefused, "{host}");
    }
    let plain = format!("http://127.0.0.1:{port}/");
    assert_eq!(fault(&client, &plain).await, Fault::AddressRefused);
    canary.is_untouched().await;
}

#[tokio::test]
async fn a_name_of_the_machine_itself_goes_nowhere_else_whatever_name_servers_say() {
    let names = Turns::new(&[&["8.8.8.8"]]);
    let client = HttpClient::with_names(terms(), names).unwrap();
    let refused = fault(&client, "http://localhost:9/").await;
    assert_eq!(refused, Fault::AddressRefused);
}

#[tokio::test]
async fn a_name_without_an_address_leads_nowhere() {
    let client = asking(&[&[]]);
    assert_eq!(fault(&client, "https://rp.example.com/").await, Fault::Dns);
    let system = super::rig::client(terms_with(&[]));
    let nowhere = fault(&system, "https://nobody.invalid/").await;
    assert_eq!(nowhere, Fault::Dns);
}

#[tokio::test]
async fn t03_a_redirect_leads_nowhere() {
    let canary = Canary::new().await;
    for status in [301, 302, 303, 307, 308] {
        let target = canary.port();
        let answer = format!(
            "HTTP/1.1 {status} Elsewhere\r\nlocation: http://127.0.0.1:{target}/\r\ncontent-length: 0\r\n\r\n"
        );
        let url = peer(answer.as_bytes(), b"", Duration::ZERO).await;
        let reply = send(&client(terms()), &url).await.unwrap();
        assert_eq!(reply.status().as_u16(), status);
    }
    canary.is_untouched().await;
}

#[tokio::test]
async fn a_development_server_reaches_its_own_machine_by_address_and_by_name() {
    let url = peer(ACCEPTED.as_bytes(), b"", Duration::ZERO).await;
    let client = client(terms());
    let by_name = url.replace("127.0.0.1", "localhost");
    for url in [&url, &by_name] {
        let reply = send(&client, url).await.unwrap();
        assert_eq!(reply.status().as_u16(), 202, "{url}");
    }
}

//! The program: what it prints, and how it exits.

use std::{
    net::{SocketAddr, TcpListener},
    process::Output,
};

use ssf_conformance::{
    peer::{
        chaos::Chosen,
        host::Delivery,
        receiver::{Access, Orders, WithStream},
    },
    target::Target,
};
use tokio::{process::Command, time::timeout};

use super::{PATIENCE, TOKEN, served};

const AUDIENCE: &str = "https://rp.example.com";

/// An address that is free now; the program serves its transmitter there.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

async fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ssf-conformance"));
    command.arg("serve").args(arguments).env("TOKEN", TOKEN);
    let ended = timeout(PATIENCE, command.kill_on_drop(true).output()).await;
    ended.unwrap().unwrap()
}

/// Serves a transmitter to the reference receiver, which takes SETs for this audience.
async fn served_to(audience: &str) -> Output {
    let address = free().to_string();
    let issuer = Target::parse(&format!("http://{address}/tenant")).unwrap();
    let orders = Orders {
        issuer,
        audience: audience.to_owned(),
        token: TOKEN.to_owned(),
        access: Access::Token,
        delivery: Delivery::Poll,
        dialect: None,
        authorities: None,
    };
    let _receiver = WithStream::start(orders, None).unwrap();
    run(&[
        "transmitter",
        "--plain",
        "--chaos",
        "none",
        "--seed",
        "7",
        "--listen",
        &address,
        "--audience",
        AUDIENCE,
        "--token-env",
        "TOKEN",
        "--every",
        "1",
        "--events",
        "2",
        "--settle",
        "60",
    ])
    .await
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_takes_every_set_has_coped() {
    let output = served_to(AUDIENCE).await;
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("again  --seed 7 --chaos none"), "{told}");
    assert!(told.contains("POST /ssf/streams → 201"), "{told}");
    assert!(
        told.ends_with("the receiver coped: nothing is lost\n"),
        "{told}"
    );
    assert!(!told.contains(TOKEN), "a secret is told: {told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_refuses_sound_sets_has_not_coped() {
    let output = served_to("https://somebody-else.example.com").await;
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("(invalid_audience)"), "{told}");
}

/// Is a receiver of this transmitter for one SET.
async fn served_for_one_set(issuer: &str, chaos: &[&str]) -> Output {
    let receiver = [
        "receiver",
        "--issuer",
        issuer,
        "--token-env",
        "TOKEN",
        "--sets",
        "1",
    ];
    run(&[&receiver, chaos].concat()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transmitter_whose_sets_are_sound_has_coped() {
    let served = served(Chosen::none());
    // The only SET there is must not be refused by chance.
    let output = served_for_one_set(served.issuer(), &["--no-chaos", "refusals"]).await;
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(
        told.ends_with("the transmitter coped: nothing is lost\n"),
        "{told}"
    );
    assert!(!told.contains(TOKEN), "a secret is told: {told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_refuses_by_chance_the_only_set_that_comes_has_its_number_all_the_same() {
    let served = served(Chosen::none());
    // With this seed the first is refused.
    let chaos = ["--chaos", "refusals", "--seed", "10"];
    let output = served_for_one_set(served.issuer(), &chaos).await;
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("0 acknowledged, 1 refused"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_served_is_told_with_what_to_fix() {
    let output = run(&["transmitter", "--plain", "--chaos", "buzy"]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("there is no chaos buzy"));
    let served = served(Chosen::none());
    let issuer = format!("{}-of-nobody", served.issuer());
    let output = run(&["receiver", "--issuer", &issuer, "--token-env", "TOKEN"]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("status 404"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_chaos_is_listed_with_what_it_does() {
    let told = text(&run(&["list"]).await.stdout);
    assert!(
        told.contains("key-rotation") && told.contains("abandoned-polls"),
        "{told}"
    );
}

//! The hostile transmitter, and our own receiver against it.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, what cannot go on has failed"
)]

#[path = "../own/application.rs"]
mod application;
mod legal_receiver;
mod own_transmitter;
mod program;
mod receiver_wire;
#[path = "../own/registered.rs"]
mod registered;
mod wire;

use std::{net::Ipv4Addr, path::Path, time::Duration};

use ssf_conformance::peer::chaos::{Account, Chosen, Journal, Peers, Served, Settings};
use ssf_receiver::{Builder, Receiver};
use tokio::time::timeout;

use self::application::Application;

const TOKEN: &str = "management-s3cret";

/// Long enough for a busy machine; nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_mins(3);

fn served(chosen: Chosen) -> Served {
    served_with(chosen, Journal::closed())
}

fn served_with(chosen: Chosen, journal: Journal) -> Served {
    let settings = Settings {
        address: (Ipv4Addr::LOCALHOST, 0).into(),
        public: None,
        authority: None,
        token: TOKEN.to_owned(),
        audience: "https://rp.example.com".to_owned(),
        authorities: None,
        chosen,
    };
    Served::start(&settings, journal).unwrap()
}

/// Our receiver with what `build` makes of the push endpoint's URL.
async fn application(directory: &Path, build: impl FnOnce(&str) -> Builder) -> Application {
    Application::start(directory, build, |_| {}).await
}

/// Has so many events happen, once there is a stream for them, and waits until nothing is on its way.
async fn lived_through(served: &Served, events: usize) -> Account {
    let happening = async {
        let mut happened = 0;
        while happened < events {
            if served.event() {
                happened += 1;
            } else {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    };
    timeout(PATIENCE, happening).await.unwrap();
    served.settle(PATIENCE).await
}

fn text(account: &Account) -> String {
    let mut text = Vec::new();
    account.write_text(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_receiver_loses_nothing_where_it_polls() {
    let directory = tempfile::tempdir().unwrap();
    let served = served(Chosen::all(Peers::Transmitter, 1));
    let application = application(directory.path(), |_| {
        Receiver::polling(served.issuer()).management_token(TOKEN)
    });
    let application = application.await;
    let account = lived_through(&served, 20).await;
    application.stop().await;
    assert!(account.is_coped_with(), "{}", text(&account));
    assert!(account.acknowledged >= 20, "{}", text(&account));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_receiver_loses_nothing_where_it_is_pushed_to() {
    let directory = tempfile::tempdir().unwrap();
    let served = served(Chosen::all(Peers::Transmitter, 2));
    let application = application(directory.path(), |endpoint| {
        Receiver::builder(served.issuer(), endpoint).management_token(TOKEN)
    });
    let application = application.await;
    let account = lived_through(&served, 20).await;
    application.stop().await;
    assert!(account.is_coped_with(), "{}", text(&account));
    assert!(account.acknowledged >= 20, "{}", text(&account));
}

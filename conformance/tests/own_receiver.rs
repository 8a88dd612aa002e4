//! Our own receiver, judged like any other.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, what cannot go on has failed"
)]

#[path = "own/application.rs"]
mod application;

use std::{net::Ipv4Addr, path::Path, sync::Arc, time::Duration};

use actix_web::web::{self, ServiceConfig};
use serde_json::{Value, json};
use ssf_conformance::{
    case::Case,
    cases,
    checks::Verdict,
    peer::host::{Delivery, Host, Settings},
    push::{self, Adapter, Effects, OverStream, PushRun},
    record::{CaseResult, Ended},
    results::Line,
    target_file::{AdapterAddress, Limits},
    wire::{self, Wire},
};
use ssf_receiver::{Builder, OAuthClient, Receiver, guard::Decision};
use ssf_types::{
    audience::Audience, secret::AuthorizationHeader, subject::SimpleSubject, time::Timestamp,
};
use url::Url;

use self::application::Application;

const AUDIENCE: &str = "https://rp.example.com";

const AUTHORIZATION: &str = "Bearer s3cret";

/// Cases in which it puts off what others refuse, since the key may be published later.
const NOTED: [&str; 3] = [
    "PUSH-R-010.unknown-kid",
    "JWTBCP-010.kid-as-path",
    "SSF-R-004.bad-jwks_uri",
];

/// Requirements on what it need not ask for, and does not ask for by itself.
const NOT_ASKED_FOR: [&str; 12] = [
    "SSF-R-050",
    "SSF-R-051",
    "SSF-R-052",
    "SSF-R-060",
    "SSF-R-063",
    "SSF-R-083",
    "SSF-R-090",
    "SSF-R-091",
    "SSF-R-092",
    "SSF-R-093",
    "SSF-R-094",
    "SEC-007",
];

/// Cases about what it need not do, and does not do within so short a time.
fn is_not_asked_for(case: &Case, delivery: Delivery) -> bool {
    // Here everything is on loopback, without TLS.
    NOT_ASKED_FOR.contains(&case.requirement())
        || case.tags.contains(&"tls")
        || case.tags.contains(&"certificate")
        || match delivery {
            // That its stream is gone it hears when it asks for its status.
            Delivery::Push => {
                let mut tags = case.tags.iter();
                // And it was told its token.
                tags.any(|tag| matches!(*tag, "poll" | "setup" | "tokens"))
            }
            // It asks for verifications later on, acknowledges with the next poll for SETs, and is pushed nothing.
            Delivery::Poll => matches!(
                case.requirement(),
                "POLL-R-007" | "SSF-R-101" | "SSF-R-102" | "SSF-R-103" | "SSF-R-107" | "SSF-R-121"
            ),
        }
}

const TOKEN: &str = "management-s3cret";

/// Our receiver in an application that tells whether a session goes on.
struct OwnReceiver {
    application: Application,
    endpoint: Url,
}

impl OwnReceiver {
    /// Starts it with what `build` makes of the push endpoint's URL.
    async fn start(directory: &Path, build: impl FnOnce(&str) -> Builder) -> Self {
        let mut endpoint = None;
        let build = |url: &str| {
            endpoint = Some(Url::parse(url).unwrap());
            build(url).members(["user", "session", "device"])
        };
        let further = |config: &mut ServiceConfig| {
            config.route("/alive", web::post().to(alive));
        };
        let application = Application::start(directory, build, further).await;
        Self {
            application,
            endpoint: endpoint.unwrap(),
        }
    }

    fn effects(&self) -> Effects {
        let url = self.endpoint.join("/alive").unwrap();
        Effects {
            register: None,
            alive: Adapter {
                address: AdapterAddress::Hook {
                    url: url.to_string(),
                    token_env: None,
                },
                token: None,
            },
            wire: Wire::to(&url, &wire::Settings::default()).unwrap(),
        }
    }

    async fn stop(self) {
        self.application.stop().await;
    }
}

/// Whether a session goes on that the tester knows by an address, or by its user and device.
async fn alive(asked: web::Json<Value>, receiver: web::Data<Receiver>) -> web::Json<Value> {
    let began = Timestamp::from_secs(asked["began"].as_u64().unwrap());
    let mut session = receiver.session(began);
    let identifier = |value: &Value| serde_json::from_value::<SimpleSubject>(value.clone());
    for (member, value) in asked["sub_id"].as_object().unwrap() {
        // The members of a complex subject are objects, those of a simple one are not.
        if value.is_object() {
            session = session.identifier(member, identifier(value).unwrap());
        }
    }
    if let Ok(user) = identifier(&asked["sub_id"]) {
        session = session.identifier("user", user);
    }
    let is_allowed = matches!(receiver.decide(&session), Decision::Allow);
    web::Json(json!({ "alive": is_allowed }))
}

/// Judges the receiver that has its stream at this host by all cases, and stops it.
async fn judged(host: Arc<Host>, application: OwnReceiver) -> Vec<CaseResult> {
    let given = OverStream {
        effects: Some(application.effects()),
        patience: Duration::from_mins(1),
        limits: Limits {
            event_seconds: 10,
            ..Limits::default()
        },
        ..OverStream::new(host)
    };
    let run = PushRun::over_stream(given).await.unwrap();
    let chosen: Vec<_> = cases::receiver().collect();
    let results = push::judge(&run, &chosen, |_| {}, std::future::pending()).await;
    application.stop().await;
    results
}

fn host() -> Arc<Host> {
    let settings = Settings {
        address: (Ipv4Addr::LOCALHOST, 0).into(),
        public: None,
        security: push::Security::Plain,
        token: TOKEN.to_owned(),
        audience: AUDIENCE.to_owned(),
        inactivity: Duration::from_secs(20),
        settle: Duration::from_secs(10),
        wire: wire::Settings::default(),
    };
    Host::start(settings).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_receiver_is_conformant_where_it_polls() {
    let directory = tempfile::tempdir().unwrap();
    let host = host();
    let application = OwnReceiver::start(directory.path(), |_| {
        // It gets a token for the secret of a client.
        let client = OAuthClient::with_secret("receiver", TOKEN);
        Receiver::polling(host.issuer()).oauth_client(client)
    });
    let results = judged(Arc::clone(&host), application.await).await;
    assert_fine(&results, &NOTED, |case| {
        is_not_asked_for(case, Delivery::Poll)
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_receiver_is_conformant_where_it_is_pushed_to() {
    let directory = tempfile::tempdir().unwrap();
    let host = host();
    let application = OwnReceiver::start(directory.path(), |endpoint| {
        Receiver::builder(host.issuer(), endpoint).management_token(TOKEN)
    });
    let results = judged(Arc::clone(&host), application.await).await;
    assert_fine(&results, &NOTED, |case| {
        is_not_asked_for(case, Delivery::Push)
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_receiver_reads_each_dialect_and_ends_what_it_names() {
    for dialect in push::Dialect::ALL {
        let directory = tempfile::tempdir().unwrap();
        let host = host();
        let spoken = ssf_types::dialect::Dialect::named(dialect.as_str()).unwrap();
        let application = OwnReceiver::start(directory.path(), |_| {
            let receiver = Receiver::polling(host.issuer()).dialect(spoken);
            receiver.management_token(TOKEN)
        });
        let application = application.await;
        let given = OverStream {
            effects: Some(application.effects()),
            patience: Duration::from_mins(1),
            dialect: Some(dialect),
            ..OverStream::new(host)
        };
        let run = PushRun::over_stream(given).await.unwrap();
        // What is refused does not depend on which dialect it is; keys of strangers take it a while.
        let is_everything = dialect == push::Dialect::SseId1;
        let is_about_keys = |case: &&Case| case.tags.contains(&"signature");
        let chosen = cases::in_dialect().filter(|case| is_everything || !is_about_keys(case));
        let chosen: Vec<_> = chosen.collect();
        let results = push::judge(&run, &chosen, |_| {}, std::future::pending()).await;
        application.stop().await;
        assert_fine(&results, &NOTED, |case| {
            cases::push::older().any(|older| older.id == case.id)
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_push_endpoint_is_conformant() {
    let directory = tempfile::tempdir().unwrap();
    let address = (Ipv4Addr::LOCALHOST, 0).into();
    let issuer = push::Issuer::serve(address, None, push::Security::Plain).unwrap();
    let name = issuer.issuer().to_owned();
    let application = OwnReceiver::start(directory.path(), |endpoint| {
        Receiver::builder(name, endpoint).existing_stream(
            Audience::new([AUDIENCE.to_owned()]).unwrap(),
            AuthorizationHeader::parse(AUTHORIZATION).unwrap(),
        )
    });
    let application = application.await;
    let signer = push::Signer::Served(issuer);
    let given = push::Given {
        authorization: Some(AUTHORIZATION.to_owned()),
        patience: Duration::from_mins(1),
        ..push::Given::new(application.endpoint.as_str(), signer, AUDIENCE)
    };
    let run = PushRun::begin(given).await.unwrap();
    let chosen: Vec<_> = cases::push_endpoint().collect();
    let results = push::judge(&run, &chosen, |_| {}, std::future::pending()).await;
    application.stop().await;
    // On loopback it does without TLS.
    assert_fine(&results, &NOTED, |case| case.tags.contains(&"tls"));
}

/// Everything has passed, but for these cases: some may have a note, and some are about what the receiver does not do.
fn assert_fine(results: &[CaseResult], noted: &[&str], not_run: impl Fn(&Case) -> bool) {
    let is_fine = |result: &CaseResult| match &result.ended {
        Ended::Judged(Verdict::Passed) => true,
        Ended::Judged(Verdict::Note) => noted.contains(&result.case.id),
        Ended::NotRun(_) => not_run(result.case),
        Ended::Judged(_)
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

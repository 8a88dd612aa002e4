//! Receiving by poll: what is asked for, what is told of each SET, and what a Transmitter can get wrong.

#![cfg(all(feature = "actix", feature = "sqlite"))]
#![expect(clippy::unwrap_used, reason = "a helper of tests panics as they do")]

mod common;

use std::{
    collections::BTreeMap,
    net::TcpListener,
    sync::{atomic::Ordering, mpsc},
    time::Duration,
};

use common::{
    AUDIENCE, Lie, TOKEN, Transmitter, email,
    polls::{Polls, Reply, Seen},
    signed, signed_with, until,
};
use serde_json::{Value, json};
use ssf_receiver::{Builder, Receiver, StreamState, guard::Decision};
use ssf_types::{
    audience::Audience, jose::SigningKey, set::Algorithm, time::Timestamp, uri::EndpointUrl,
};

const T: u64 = 1_615_305_159;

fn builder(transmitter: &Transmitter) -> Builder {
    Receiver::polling(&transmitter.issuer).management_token(TOKEN)
}

/// A receiver that polls, and its Transmitter.
struct Stage {
    transmitter: Transmitter,
    receiver: Receiver,
}

impl Stage {
    async fn set() -> Self {
        let transmitter = Transmitter::start();
        let receiver = builder(&transmitter).in_memory().start().await.unwrap();
        receiver.ready().await;
        Self {
            transmitter,
            receiver,
        }
    }

    async fn strike(self) {
        self.receiver.stop().await;
        self.transmitter.stop().await;
    }

    fn polls(&self) -> &Polls {
        &self.transmitter.state.polls
    }

    /// A SET that ends the sessions of alice.
    fn set_of(&self, jti: &str) -> String {
        let claims = self.transmitter.claims(jti, &email("alice@example.com"), T);
        signed(&Transmitter::header(), &claims)
    }

    fn changed(&self, jti: &str, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = self.transmitter.claims(jti, &email("alice@example.com"), T);
        change(&mut claims);
        signed(&Transmitter::header(), &claims)
    }

    fn is_signed_in(&self) -> bool {
        let session = self.receiver.session(Timestamp::from_secs(T));
        self.receiver.decide(&session.email("alice@example.com")) == Decision::Allow
    }

    /// The poll that acknowledges just these.
    async fn acknowledging(&self, names: &[&str]) -> Seen {
        let polls = self.polls();
        polls
            .find("these are acknowledged", |poll| {
                poll.acknowledged() == names
            })
            .await
    }

    /// The error of the last poll, once there is one.
    async fn last_error(&self) -> String {
        let mut found = None;
        until("a poll fails", || {
            found = self.receiver.status().polls.unwrap().last_error;
            found.is_some()
        })
        .await;
        found.unwrap()
    }
}

#[actix_web::test]
async fn a_poll_is_a_post_of_one_json_object_with_our_token() {
    let stage = Stage::set().await;
    let first = stage.polls().number(1).await;
    let second = stage.polls().number(2).await;
    for poll in [&first, &second] {
        assert_eq!(poll.path, "/poll/1");
        assert_eq!(poll.header("content-type"), Some("application/json"));
        assert_eq!(poll.header("accept"), Some("application/json"));
        let authorization = poll.header("authorization");
        assert_eq!(authorization, Some("Bearer management-s3cret"));
        // No errors, no language; and nothing to settle, so that there is neither `ack` nor `setErrs`.
        assert_eq!(poll.header("content-language"), None);
    }
    assert_eq!(
        first.body,
        json!({ "maxEvents": 192, "returnImmediately": true })
    );
    assert_eq!(second.body, json!({ "maxEvents": 192 }));
    stage.strike().await;
}

#[actix_web::test]
async fn each_set_is_in_effect_and_then_acknowledged_with_the_next_poll() {
    let stage = Stage::set().await;
    assert!(stage.is_signed_in());
    let sets = ["1", "2", "3"].map(|jti| (jti, stage.set_of(jti)));
    stage.polls().answer(Reply::sets(sets));
    let poll = stage.acknowledging(&["1", "2", "3"]).await;
    assert!(!stage.is_signed_in());
    assert_eq!(poll.body.get("setErrs"), None);
    assert_eq!(stage.receiver.status().acknowledged, 3);
    // They are told once.
    let before = stage.polls().seen().len();
    stage.polls().answer(Reply::sets::<&str>([]));
    let next = stage.polls().number(before + 1).await;
    assert_eq!(next.body, json!({ "maxEvents": 192 }));
    stage.strike().await;
}

#[actix_web::test]
async fn pages_follow_each_other_while_there_is_more() {
    let stage = Stage::set().await;
    for (jti, more) in [("1", true), ("2", true), ("3", false)] {
        stage
            .polls()
            .answer(Reply::page([(jti, stage.set_of(jti))], more));
    }
    for jti in ["1", "2", "3"] {
        stage.acknowledging(&[jti]).await;
    }
    stage.strike().await;
}

#[actix_web::test]
async fn a_set_that_has_no_effect_here_is_acknowledged_all_the_same() {
    let stage = Stage::set().await;
    let tenant = json!({
        "format": "complex", "tenant": { "format": "opaque", "id": "1" },
    });
    let about_nobody = stage.changed("nobody", |claims| claims["sub_id"] = tenant);
    let unknown = stage.changed("unknown", |claims| {
        claims["events"] = json!({ "urn:example:event": {} });
    });
    stage.polls().answer(Reply::sets([
        ("nobody", about_nobody),
        ("unknown", unknown),
    ]));
    stage.acknowledging(&["nobody", "unknown"]).await;
    assert_eq!(stage.receiver.status().revocations, 0);
    stage.strike().await;
}

#[actix_web::test]
async fn a_set_that_comes_again_is_acknowledged_again_and_changes_nothing() {
    let stage = Stage::set().await;
    stage
        .polls()
        .answer(Reply::sets([("1", stage.set_of("1"))]));
    let first = stage.acknowledging(&["1"]).await;
    stage
        .polls()
        .answer(Reply::sets([("1", stage.set_of("1"))]));
    stage
        .polls()
        .find("it is acknowledged again", |poll| {
            poll.at > first.at && poll.acknowledged() == ["1"]
        })
        .await;
    let status = stage.receiver.status();
    assert_eq!((status.acknowledged, status.revocations), (2, 1));
    stage.strike().await;
}

#[actix_web::test]
async fn what_cannot_be_trusted_is_told_in_set_errs_under_the_name_it_came_under() {
    let stage = Stage::set().await;
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    let claims = stage.transmitter.claims("forged", &email("a@b.example"), T);
    let forged = signed_with(&stranger, &Transmitter::header(), &claims.to_string());
    let mut header = Transmitter::header();
    header["kid"] = json!("unheard-of");
    stage.polls().answer(Reply::sets([
        ("sound", stage.set_of("sound")),
        ("forged", forged),
        (
            "unknown-key",
            signed_with(&stranger, &header, &claims.to_string()),
        ),
        (
            "audience",
            stage.changed("audience", |claims| {
                claims["aud"] = json!("https://other.example");
            }),
        ),
        (
            "issuer",
            stage.changed("issuer", |claims| {
                claims["iss"] = json!("https://evil.example");
            }),
        ),
        ("garbage", "abc".to_owned()),
        ("long", "x".repeat(64 * 1024 + 1)),
        (
            "state",
            stage.changed("state", |claims| {
                claims["sub_id"] = json!({ "format": "opaque", "id": "stream-1" });
                claims["events"] = json!({
                    "https://schemas.openid.net/secevent/ssf/event-type/verification": { "state": "x" },
                });
            }),
        ),
        // The name is what is settled: it must not stand for another SET.
        ("name", stage.set_of("another")),
    ]));
    let poll = stage.acknowledging(&["sound"]).await;
    assert_eq!(poll.header("content-language"), Some("en"));
    let errors = poll.body["setErrs"].as_object().unwrap();
    let told: BTreeMap<&str, &str> = errors
        .iter()
        .map(|(name, error)| (name.as_str(), error["err"].as_str().unwrap()))
        .collect();
    // Its key may still come: it is named nowhere.
    assert_eq!(told.get("unknown-key"), None);
    assert_eq!(
        told,
        BTreeMap::from([
            ("forged", "invalid_key"),
            ("audience", "invalid_audience"),
            ("issuer", "invalid_issuer"),
            ("garbage", "invalid_request"),
            ("long", "invalid_request"),
            ("state", "invalid_state"),
            ("name", "invalid_request"),
        ])
    );
    assert_eq!(
        errors["name"]["description"],
        "the jti of the SET is not the name that it came under"
    );
    assert_eq!(stage.receiver.status().acknowledged, 1);
    stage.strike().await;
}

#[actix_web::test]
async fn a_set_whose_name_is_no_identifier_keeps_nobody_from_taking_the_others() {
    let stage = Stage::set().await;
    let name = "x".repeat(256);
    let page = [("1", stage.set_of("1")), (name.as_str(), stage.set_of("2"))];
    stage.polls().answer(Reply::sets(page));
    let poll = stage.acknowledging(&["1"]).await;
    assert_eq!(poll.body.get("setErrs"), None);
    assert!(!stage.is_signed_in());
    assert_eq!(stage.receiver.status().polls.unwrap().last_error, None);
    stage.strike().await;
}

#[actix_web::test]
async fn a_receiver_that_stops_acknowledges_what_it_has_and_wants_nothing() {
    let stage = Stage::set().await;
    stage
        .polls()
        .answer(Reply::sets([("1", stage.set_of("1"))]));
    // This one tells it, and is not answered.
    let unanswered = stage.acknowledging(&["1"]).await;
    stage.receiver.stop().await;
    let seen = stage.polls().seen();
    let last = seen.last().unwrap();
    assert!(last.at > unanswered.at);
    assert_eq!(
        last.body,
        json!({ "maxEvents": 0, "returnImmediately": true, "ack": ["1"] })
    );
    stage.transmitter.stop().await;
}

#[actix_web::test]
async fn a_receiver_that_owes_nothing_stops_without_a_word() {
    let stage = Stage::set().await;
    stage.polls().number(2).await;
    stage.receiver.stop().await;
    assert_eq!(stage.polls().seen().len(), 2);
    stage.transmitter.stop().await;
}

#[actix_web::test]
async fn nothing_is_acknowledged_that_is_not_durable() {
    let transmitter = Transmitter::start();
    let directory = tempfile::tempdir().unwrap();
    let url = format!(
        "sqlite://{}",
        directory.path().join("receiver.db").display()
    );
    let receiver = builder(&transmitter).database(&url).start().await.unwrap();
    receiver.ready().await;
    let stage = Stage {
        transmitter,
        receiver,
    };
    let database = sea_orm::Database::connect(&url).await.unwrap();
    let run = async |sql| {
        sea_orm::ConnectionTrait::execute_unprepared(&database, sql)
            .await
            .unwrap();
    };
    // The database fails in the middle of a page.
    run("CREATE TRIGGER no_room BEFORE INSERT ON inbox WHEN NEW.jti = '2' BEGIN SELECT RAISE(ABORT, 'no room'); END").await;
    let page = || Reply::sets(["1", "2", "3"].map(|jti| (jti, stage.set_of(jti))));
    stage.polls().answer(page());
    let poll = stage.acknowledging(&["1", "3"]).await;
    assert_eq!(poll.body.get("setErrs"), None);
    assert_eq!(stage.receiver.status().acknowledged, 2);

    run("DROP TRIGGER no_room").await;
    stage
        .polls()
        .answer(Reply::sets([("2", stage.set_of("2"))]));
    stage.acknowledging(&["2"]).await;
    stage.strike().await;
}

#[actix_web::test]
async fn a_page_of_sets_that_cannot_be_verified_now_does_not_spin_and_is_named_nowhere() {
    let stage = Stage::set().await;
    let state = &stage.transmitter.state;
    *state.keys_lie.lock().unwrap() = Some(Lie::Status(503));
    let newer = SigningKey::generate(Algorithm::Es256).unwrap();
    let mut header = Transmitter::header();
    header["kid"] = json!(newer.kid());
    let claims = stage
        .transmitter
        .claims("1", &email("alice@example.com"), T);
    let set = signed_with(&newer, &header, &claims.to_string());
    let waiting = stage.polls().number(2).await;
    // A transmitter that offers it again at once, and says that there is more.
    stage
        .polls()
        .answer_always(Some(Reply::page([("1", set)], true)));
    let polls = [stage.polls().number(3).await, stage.polls().number(4).await];
    for poll in &polls {
        assert_eq!(poll.body, json!({ "maxEvents": 192 }));
    }
    assert!(polls[0].at - waiting.at >= Duration::from_millis(500));
    assert!(polls[1].at - polls[0].at >= Duration::from_secs(1));
    assert!(stage.is_signed_in());

    state.keys.lock().unwrap().push(newer);
    *state.keys_lie.lock().unwrap() = None;
    stage.acknowledging(&["1"]).await;
    assert!(!stage.is_signed_in());
    stage.polls().answer_always(None);
    stage.strike().await;
}

#[actix_web::test]
async fn a_key_that_is_published_a_moment_after_its_set_loses_nothing() {
    let stage = Stage::set().await;
    let newer = SigningKey::generate(Algorithm::Es256).unwrap();
    let mut header = Transmitter::header();
    header["kid"] = json!(newer.kid());
    let claims = stage
        .transmitter
        .claims("1", &email("alice@example.com"), T);
    let set = signed_with(&newer, &header, &claims.to_string());
    let before = stage.polls().number(2).await;
    stage.polls().answer(Reply::sets([("1", set.clone())]));
    let after = stage.polls().number(3).await;
    assert_eq!(after.body, before.body, "it is named nowhere");
    assert_eq!(stage.receiver.status().quarantined, 1);

    stage.transmitter.state.keys.lock().unwrap().push(newer);
    stage.polls().answer(Reply::sets([("1", set)]));
    let poll = stage.acknowledging(&["1"]).await;
    assert_eq!(poll.body.get("setErrs"), None);
    assert!(!stage.is_signed_in());
    assert_eq!(stage.receiver.status().quarantined, 0);
    stage.strike().await;
}

#[actix_web::test]
async fn a_refusal_is_not_read_and_the_poll_comes_again_with_what_it_had_to_say() {
    let stage = Stage::set().await;
    stage
        .polls()
        .answer(Reply::sets([("1", stage.set_of("1"))]));
    let refused = stage.acknowledging(&["1"]).await;
    stage.polls().answer(Reply::Status(400));
    assert_eq!(
        stage.last_error().await,
        "the poll is refused: 127.0.0.1 answered with status 400"
    );
    let again = stage
        .polls()
        .find("it comes again", |poll| poll.at > refused.at)
        .await;
    assert!(again.at - refused.at >= Duration::from_millis(500));
    assert_eq!(
        again.body,
        json!({ "maxEvents": 192, "returnImmediately": true, "ack": ["1"] })
    );
    until("a poll is answered", || {
        stage.receiver.status().polls.unwrap().last_error.is_none()
    })
    .await;
    stage.strike().await;
}

#[actix_web::test]
async fn an_answer_that_is_none_is_given_up_and_asked_for_again() {
    let stage = Stage::set().await;
    let sound = || Reply::sets([("1", stage.set_of("1"))]);
    let Reply::Body(_, body) = sound() else {
        panic!()
    };
    for (reply, told) in [
        (
            Reply::Body("text/html", body),
            "the answer to a poll must be application/json",
        ),
        (
            Reply::Body("application/json", r#"{"sets":[]}"#.to_owned()),
            "the answer to a poll is faulty: sets must be an object of at most 1000 tokens under identifiers of 1 to 255 bytes",
        ),
        (
            Reply::Endless,
            "the poll is not answered: the answer of 127.0.0.1 has more than 16777216 bytes",
        ),
        (
            Reply::Status(302),
            "the poll is refused: 127.0.0.1 answered with status 302; redirects are not followed, so use the address that it points to",
        ),
    ] {
        stage.polls().answer(reply);
        assert_eq!(stage.last_error().await, told);
        until("a poll is answered", || {
            stage.receiver.status().polls.unwrap().last_error.is_none()
        })
        .await;
    }
    assert!(stage.is_signed_in());
    let parameters = "Application/JSON; charset=utf-8";
    let Reply::Body(_, body) = sound() else {
        panic!()
    };
    stage.polls().answer(Reply::Body(parameters, body));
    stage.acknowledging(&["1"]).await;
    stage.strike().await;
}

#[actix_web::test]
async fn a_poll_that_meets_another_one_is_no_error_and_loses_nothing() {
    let stage = Stage::set().await;
    stage
        .polls()
        .answer(Reply::sets([("1", stage.set_of("1"))]));
    let refused = stage.acknowledging(&["1"]).await;
    stage.polls().answer(Reply::Status(409));
    let again = stage
        .polls()
        .find("it comes again", |poll| poll.at > refused.at)
        .await;
    assert!(again.at - refused.at >= Duration::from_secs(1));
    assert_eq!(again.acknowledged(), ["1"]);
    let status = stage.receiver.status().polls.unwrap();
    assert_eq!(status.last_error, None);
    stage.strike().await;
}

#[actix_web::test]
async fn a_polled_stream_is_made_once_and_adopted_after_a_restart() {
    let transmitter = Transmitter::start();
    let directory = tempfile::tempdir().unwrap();
    let url = format!(
        "sqlite://{}",
        directory.path().join("receiver.db").display()
    );
    for _ in 0..2 {
        let receiver = builder(&transmitter).database(&url).start().await.unwrap();
        receiver.ready().await;
        let StreamState::Ready { stream_id } = receiver.status().stream else {
            panic!()
        };
        assert_eq!(stream_id.unwrap().as_str(), "stream-1");
        receiver.stop().await;
    }
    assert_eq!(
        transmitter.stream().configuration["delivery"]["method"],
        "urn:ietf:rfc:8936"
    );
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_polled_stream_that_is_not_remembered_may_be_anothers_and_is_left_alone() {
    let transmitter = Transmitter::start();
    for expected in ["stream-1", "stream-2"] {
        let receiver = builder(&transmitter).in_memory().start().await.unwrap();
        receiver.ready().await;
        let StreamState::Ready { stream_id } = receiver.status().stream else {
            panic!()
        };
        assert_eq!(stream_id.unwrap().as_str(), expected);
    }
    assert_eq!(transmitter.state.deleted.load(Ordering::SeqCst), 0);
    transmitter.stop().await;
}

#[actix_web::test]
async fn where_a_receiver_may_have_one_stream_alone_it_is_adopted() {
    let transmitter = Transmitter::start();
    transmitter.state.one_stream.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        let receiver = builder(&transmitter).in_memory().start().await.unwrap();
        receiver.ready().await;
    }
    assert_eq!(transmitter.stream().id, "stream-1");
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_stream_that_is_gone_is_made_anew_and_polled_where_it_is_then() {
    let stage = Stage::set().await;
    let waiting = stage.polls().number(2).await;
    stage.transmitter.state.streams.lock().unwrap().clear();
    stage.polls().answer(Reply::Status(404));
    let poll = stage
        .polls()
        .find("the other stream is polled", |poll| poll.path == "/poll/2")
        .await;
    assert!(poll.at - waiting.at >= Duration::from_millis(500));
    stage
        .polls()
        .answer(Reply::sets([("1", stage.set_of("1"))]));
    stage.acknowledging(&["1"]).await;
    stage.strike().await;
}

#[actix_web::test]
async fn a_stream_is_made_anew_with_the_keys_that_are_here_while_there_are_no_newer_ones() {
    let stage = Stage::set().await;
    stage.polls().number(2).await;
    *stage.transmitter.state.keys_lie.lock().unwrap() = Some(Lie::Status(503));
    stage.transmitter.state.streams.lock().unwrap().clear();
    stage.polls().answer(Reply::Status(404));
    stage
        .polls()
        .find("the other stream is polled", |poll| poll.path == "/poll/2")
        .await;
    stage
        .polls()
        .answer(Reply::sets([("1", stage.set_of("1"))]));
    stage.acknowledging(&["1"]).await;
    stage.strike().await;
}

#[actix_web::test]
async fn a_stream_that_somebody_else_made_is_polled_without_management() {
    let transmitter = Transmitter::start();
    let audience = Audience::new([AUDIENCE]).unwrap();
    let endpoint = EndpointUrl::parse(format!("{}/poll/theirs", transmitter.issuer)).unwrap();
    let receiver = Receiver::polling(&transmitter.issuer)
        .existing_poll_stream(audience, endpoint, TOKEN)
        .in_memory()
        .start()
        .await
        .unwrap();
    receiver.ready().await;
    let stage = Stage {
        transmitter,
        receiver,
    };
    stage
        .polls()
        .answer(Reply::sets([("1", stage.set_of("1"))]));
    let poll = stage.acknowledging(&["1"]).await;
    assert_eq!(poll.path, "/poll/theirs");
    assert!(stage.transmitter.state.streams.lock().unwrap().is_empty());
    stage.strike().await;
}

#[actix_web::test]
async fn a_receiver_that_polls_takes_no_pushes() {
    let stage = Stage::set().await;
    let media_type = Some("application/secevent+jwt");
    let set = stage.set_of("1");
    for authorization in [None, Some(""), Some("Bearer management-s3cret")] {
        let answer = stage
            .receiver
            .accept(authorization, media_type, set.as_bytes());
        let error = answer.await.error().unwrap().err.clone();
        assert_eq!(error.as_str(), "authentication_failed");
    }
    let app = actix_web::App::new().service(stage.receiver.push_route());
    let app = actix_web::test::init_service(app).await;
    for path in ["/", "/poll", "/ssf/events"] {
        let request = actix_web::test::TestRequest::post().uri(path).to_request();
        let response = actix_web::test::call_service(&app, request).await;
        assert_eq!(response.status(), 404, "{path}");
    }
    assert!(stage.is_signed_in());
    stage.strike().await;
}

#[actix_web::test]
async fn a_stream_that_delivers_otherwise_than_the_receiver_wants_is_told_at_the_start() {
    let audience = || Audience::new([AUDIENCE]).unwrap();
    let endpoint = EndpointUrl::parse("https://idp.example.com/poll").unwrap();
    let secret = ssf_types::secret::AuthorizationHeader::parse("Bearer x").unwrap();
    let polls = Receiver::polling("https://idp.example.com").existing_stream(audience(), secret);
    let pushed = Receiver::builder("https://idp.example.com", "https://rp.example.com/events")
        .existing_poll_stream(audience(), endpoint, "s3cret-token");
    assert!(!format!("{pushed:?}").contains("s3cret"));
    for builder in [polls, pushed] {
        let Err(error) = builder.in_memory().start().await else {
            panic!("it started")
        };
        assert_eq!(
            error.to_string(),
            "existing_stream(…) goes with Receiver::builder(…), and existing_poll_stream(…) with Receiver::polling(…)"
        );
    }
}

/// A server whose certificate nobody vouches for: its port, and for each connection whether a request came.
fn untrusted_server() -> (u16, mpsc::Receiver<bool>) {
    use openssl::{
        asn1::Asn1Time, bn::BigNum, ec::EcGroup, ec::EcKey, hash::MessageDigest, nid::Nid,
        pkey::PKey, ssl::SslAcceptor, ssl::SslMethod, x509::X509Builder, x509::X509NameBuilder,
        x509::extension::SubjectAlternativeName,
    };
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "127.0.0.1").unwrap();
    let name = name.build();
    let mut certificate = X509Builder::new().unwrap();
    certificate.set_version(2).unwrap();
    let serial = BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap();
    certificate.set_serial_number(&serial).unwrap();
    certificate.set_subject_name(&name).unwrap();
    certificate.set_issuer_name(&name).unwrap();
    certificate.set_pubkey(&key).unwrap();
    let yesterday = Asn1Time::from_unix(1_600_000_000).unwrap();
    certificate.set_not_before(&yesterday).unwrap();
    let later = Asn1Time::days_from_now(365).unwrap();
    certificate.set_not_after(&later).unwrap();
    let mut names = SubjectAlternativeName::new();
    let names = names
        .ip("127.0.0.1")
        .build(&certificate.x509v3_context(None, None))
        .unwrap();
    certificate.append_extension(names).unwrap();
    certificate.sign(&key, MessageDigest::sha256()).unwrap();
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
    acceptor.set_private_key(&key).unwrap();
    acceptor.set_certificate(&certificate.build()).unwrap();
    let acceptor = acceptor.build();

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, requests) = mpsc::channel();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut byte = [0];
            let request = acceptor.accept(connection.unwrap()).is_ok_and(|mut tls| {
                std::io::Read::read(&mut tls, &mut byte).is_ok_and(|count| count > 0)
            });
            if sender.send(request).is_err() {
                return;
            }
        }
    });
    (port, requests)
}

#[actix_web::test]
async fn a_server_whose_certificate_nobody_vouches_for_gets_neither_poll_nor_token() {
    let transmitter = Transmitter::start();
    let (port, requests) = untrusted_server();
    let endpoint = EndpointUrl::parse(format!("https://127.0.0.1:{port}/poll")).unwrap();
    let receiver = Receiver::polling(&transmitter.issuer)
        .existing_poll_stream(Audience::new([AUDIENCE]).unwrap(), endpoint, TOKEN)
        .in_memory()
        .start()
        .await
        .unwrap();
    let mut asked = None;
    until("the server is connected to", || {
        asked = requests.try_recv().ok();
        asked.is_some()
    })
    .await;
    assert_eq!(asked, Some(false));
    let stage = Stage {
        transmitter,
        receiver,
    };
    let error = stage.last_error().await;
    assert!(
        error.starts_with("the poll is not answered: 127.0.0.1 cannot be reached"),
        "{error}"
    );
    stage.strike().await;
}

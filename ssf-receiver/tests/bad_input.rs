//! Everything that a push can get wrong: the status, the code, the text, and nothing left behind.

#![cfg(all(feature = "actix", feature = "sqlite"))]
#![expect(clippy::unwrap_used, reason = "a helper of tests panics as they do")]

mod common;

use std::{net::TcpListener, sync::atomic::Ordering};

use actix_web::{App, HttpServer, dev::ServerHandle};
use common::{AUDIENCE, Lie, TOKEN, Transmitter, client, email, push, signed, signed_with};
use serde_json::{Value, json};
use ssf_receiver::{Receiver, guard::Decision};
use ssf_types::{
    jose::{self, SigningKey},
    set::Algorithm,
    time::Timestamp,
};

const T: u64 = 1_615_305_159;

#[expect(
    clippy::disallowed_methods,
    reason = "the receiver under test reads the same clock"
)]
fn now() -> u64 {
    let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    elapsed.unwrap().as_secs()
}

/// A receiver behind real HTTP, and its Transmitter.
struct Stage {
    transmitter: Transmitter,
    receiver: Receiver,
    url: String,
    authorization: String,
    database: std::path::PathBuf,
    server: ServerHandle,
    _directory: tempfile::TempDir,
}

impl Stage {
    async fn set() -> Self {
        let transmitter = Transmitter::start();
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("receiver.db");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/push", listener.local_addr().unwrap());
        let receiver = Receiver::builder(&transmitter.issuer, &url)
            .database(format!("sqlite://{}", database.display()))
            .management_token(TOKEN)
            .start()
            .await
            .unwrap();
        receiver.ready().await;
        let routed = receiver.clone();
        let server = HttpServer::new(move || App::new().service(routed.push_route()))
            .workers(1)
            .disable_signals()
            .listen(listener)
            .unwrap()
            .run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        let authorization = transmitter.stream().authorization;
        Self {
            transmitter,
            receiver,
            url,
            authorization,
            database,
            server: handle,
            _directory: directory,
        }
    }

    async fn strike(self) {
        self.server.stop(false).await;
        self.transmitter.stop().await;
    }

    fn claims(&self, jti: &str) -> Value {
        self.transmitter.claims(jti, &email("alice@example.com"), T)
    }

    /// Pushes and returns status, code and description.
    async fn answer(&self, set: String) -> (u16, String, String) {
        let response = push(&self.url, &self.authorization, set).await;
        let status = response.status().as_u16();
        if response.content_length() == Some(0) {
            return (status, String::new(), String::new());
        }
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(response.headers()["content-language"], "en");
        let body: Value = response.json().await.unwrap();
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        (status, text("err"), text("description"))
    }

    async fn refused(&self, set: String, err: &str, description: &str) {
        let expected = (400, err.to_owned(), description.to_owned());
        assert_eq!(self.answer(set).await, expected);
        assert_eq!(self.receiver.status().revocations, 0, "{description}");
    }

    async fn with_claims(&self, change: impl FnOnce(&mut Value), err: &str, description: &str) {
        let mut claims = self.claims("1");
        change(&mut claims);
        let set = signed(&Transmitter::header(), &claims);
        self.refused(set, err, description).await;
    }

    async fn with_header(&self, change: impl FnOnce(&mut Value), err: &str, description: &str) {
        let mut header = Transmitter::header();
        change(&mut header);
        let set = signed(&header, &self.claims("1"));
        self.refused(set, err, description).await;
    }

    fn is_signed_in(&self) -> bool {
        let session = self.receiver.session(Timestamp::from_secs(T));
        self.receiver.decide(&session.email("alice@example.com")) == Decision::Allow
    }
}

#[actix_web::test]
async fn a_sound_set_is_acknowledged_with_an_empty_202_and_in_effect() {
    let stage = Stage::set().await;
    assert!(stage.is_signed_in());
    let set = signed(&Transmitter::header(), &stage.claims("1"));
    let response = push(&stage.url, &stage.authorization, set).await;
    assert_eq!(response.status(), 202);
    assert_eq!(response.bytes().await.unwrap(), "");
    assert!(!stage.is_signed_in());
    stage.strike().await;
}

#[actix_web::test]
async fn only_post_is_allowed() {
    let stage = Stage::set().await;
    for method in ["GET", "PUT", "DELETE"] {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let response = client().request(method, &stage.url).send().await.unwrap();
        assert_eq!(response.status(), 405);
        assert_eq!(response.headers()["allow"], "POST");
    }
    stage.strike().await;
}

#[actix_web::test]
async fn a_wrong_or_missing_authorization_is_refused_before_anything_is_read() {
    let stage = Stage::set().await;
    for authorization in ["Bearer wrong", &stage.authorization[1..], ""] {
        let response = push(&stage.url, authorization, "not even a token".into()).await;
        assert_eq!(response.status(), 400);
        let body: Value = response.json().await.unwrap();
        assert_eq!(
            body,
            json!({
                "err": "authentication_failed",
                "description": "Authorization must be the authorization_header of the stream",
            })
        );
    }
    stage.strike().await;
}

#[actix_web::test]
async fn another_media_type_is_refused_and_parameters_are_not() {
    let stage = Stage::set().await;
    let set = signed(&Transmitter::header(), &stage.claims("1"));
    let with_type = async |media_type: &str| {
        let request = client().post(&stage.url).body(set.clone());
        let request = request.header("Authorization", &stage.authorization);
        let response = request.header("Content-Type", media_type).send().await;
        response.unwrap()
    };
    for media_type in ["application/json", "application/jwt", ""] {
        let response = with_type(media_type).await;
        assert_eq!(response.status(), 415, "{media_type}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(
            body["description"],
            "Content-Type must be application/secevent+jwt"
        );
    }
    let parameters = "Application/SecEvent+JWT; charset=utf-8";
    assert_eq!(with_type(parameters).await.status(), 202);
    stage.strike().await;
}

#[actix_web::test]
async fn a_body_over_the_limit_is_not_read_to_its_end() {
    let stage = Stage::set().await;
    let at_the_limit = stage.answer("x".repeat(64 * 1024)).await;
    assert_eq!(
        (at_the_limit.0, at_the_limit.1.as_str()),
        (400, "invalid_request")
    );
    let (status, err, description) = stage.answer("x".repeat(64 * 1024 + 1)).await;
    assert_eq!((status, err.as_str()), (413, "invalid_request"));
    assert_eq!(description, "a SET has at most 65536 bytes");
    stage.strike().await;
}

#[actix_web::test]
async fn a_malformed_set_is_told_what_to_fix() {
    let stage = Stage::set().await;
    let compact = "the body must be one JWS in compact form: three base64url parts, without padding, joined by dots";
    for body in ["", "{}", "a.b", "a.b.c.d", "not a token"] {
        stage.refused(body.into(), "invalid_request", compact).await;
    }
    let text = |claims: &str| {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        signed_with(&key, &Transmitter::header(), claims)
    };
    for (claims, description) in [
        (
            r#"{"iss":"#,
            "the claims are faulty: not JSON (line 1, column 7)",
        ),
        ("[]", "the claims are faulty: not a JSON object"),
        (
            r#"{"iss":"a","iss":"b"}"#,
            "the claims are faulty: the same member stands twice in one object (line 1, column 16)",
        ),
        (r#"{"jti":"1"}"#, "the claims are faulty: iss is missing"),
    ] {
        stage
            .refused(text(claims), "invalid_request", description)
            .await;
    }
    stage.strike().await;
}

#[actix_web::test]
async fn wrong_claims_have_each_their_code() {
    let stage = Stage::set().await;
    let wrong_issuer = "iss is not the issuer that is expected here";
    stage
        .with_claims(
            |claims| claims["iss"] = json!("https://evil.example.com"),
            "invalid_issuer",
            wrong_issuer,
        )
        .await;
    stage
        .with_claims(
            |claims| claims["aud"] = json!("https://other.example.com"),
            "invalid_audience",
            "aud does not name this receiver",
        )
        .await;
    stage
        .with_claims(
            |claims| claims["exp"] = json!(T),
            "invalid_request",
            "exp must not be there: what happened does not expire",
        )
        .await;
    stage
        .with_claims(
            |claims| claims["sub"] = json!("alice"),
            "invalid_request",
            "sub must not be there: sub_id names the subject",
        )
        .await;
    stage
        .with_claims(
            |claims| claims["events"]["urn:example:second"] = json!({}),
            "invalid_request",
            "events must have exactly one member",
        )
        .await;
    stage
        .with_claims(
            |claims| claims["sub_id"] = json!({ "format": "email" }),
            "invalid_request",
            "the claims are faulty: sub_id.email is missing",
        )
        .await;
    stage.strike().await;
}

#[actix_web::test]
async fn wrong_headers_have_each_their_code() {
    let stage = Stage::set().await;
    stage
        .with_header(
            |header| header["typ"] = json!("JWT"),
            "invalid_request",
            "typ must be secevent+jwt",
        )
        .await;
    for alg in ["none", "HS256"] {
        stage
            .with_header(
                |header| header["alg"] = json!(alg),
                "invalid_key",
                "alg must be RS256, PS256, ES256 or EdDSA",
            )
            .await;
    }
    stage
        .with_header(
            |header| header["jku"] = json!("https://evil.example.com/jwks"),
            "invalid_key",
            "the header must not have jku: keys come from jwks_uri alone",
        )
        .await;
    stage.strike().await;
}

#[actix_web::test]
async fn a_signature_of_somebody_else_under_a_known_key_is_refused_without_a_fetch() {
    let stage = Stage::set().await;
    let fetches = || stage.transmitter.state.key_fetches.load(Ordering::SeqCst);
    let before = fetches();
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    let claims = stage.claims("1").to_string();
    let set = signed_with(&stranger, &Transmitter::header(), &claims);
    stage
        .refused(set, "invalid_key", "the signature does not match the key")
        .await;
    assert_eq!(fetches(), before);
    stage.strike().await;
}

#[actix_web::test]
async fn an_unknown_key_means_not_now_and_a_new_one_is_found_by_a_fetch() {
    let stage = Stage::set().await;
    let state = &stage.transmitter.state;
    let before = state.key_fetches.load(Ordering::SeqCst);
    let new = SigningKey::generate(Algorithm::Es256).unwrap();
    let header = json!({ "alg": "ES256", "kid": new.kid(), "typ": "secevent+jwt" });
    let set = signed_with(&new, &header, &stage.claims("1").to_string());
    assert_eq!(stage.answer(set.clone()).await.0, 503);
    assert_eq!(state.key_fetches.load(Ordering::SeqCst), before + 1);
    assert!(stage.is_signed_in());
    // Published a moment later.
    state.keys.lock().unwrap().push(new);
    assert_eq!(stage.answer(set).await.0, 202);
    assert!(!stage.is_signed_in());
    stage.strike().await;
}

#[actix_web::test]
async fn a_key_without_a_name_is_looked_for_among_newer_ones_too() {
    let stage = Stage::set().await;
    let new = SigningKey::generate(Algorithm::Es256).unwrap();
    let header = json!({ "alg": "ES256", "typ": "secevent+jwt" });
    let set = signed_with(&new, &header, &stage.claims("1").to_string());
    assert_eq!(stage.answer(set.clone()).await.0, 503);
    stage.transmitter.state.keys.lock().unwrap().push(new);
    assert_eq!(stage.answer(set).await.0, 202);
    stage.strike().await;
}

#[actix_web::test]
async fn keys_are_looked_for_where_the_metadata_says_now() {
    let stage = Stage::set().await;
    let state = &stage.transmitter.state;
    let old = jose::jwks(&*state.keys.lock().unwrap()).to_string();
    *state.keys_lie.lock().unwrap() = Some(Lie::Body(old));
    let issuer = &stage.transmitter.issuer;
    let moved = json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/moved/jwks") });
    *state.metadata_lie.lock().unwrap() = Some(Lie::Body(moved.to_string()));
    let new = SigningKey::generate(Algorithm::Es256).unwrap();
    let header = json!({ "alg": "ES256", "kid": new.kid(), "typ": "secevent+jwt" });
    let set = signed_with(&new, &header, &stage.claims("1").to_string());
    state.keys.lock().unwrap().push(new);
    assert_eq!(stage.answer(set).await.0, 202);
    stage.strike().await;
}

#[actix_web::test]
async fn a_set_from_the_near_future_is_asked_for_again_and_one_from_the_far_is_refused() {
    let stage = Stage::set().await;
    let dated = |jti: &str, ahead: u64| {
        let mut claims = stage.claims(jti);
        claims["iat"] = json!(now() + ahead);
        signed(&Transmitter::header(), &claims)
    };
    let response = push(&stage.url, &stage.authorization, dated("1", 600)).await;
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "5");
    assert_eq!(stage.receiver.status().quarantined, 1);
    let text = "iat lies in the future; seconds since 1970 are expected";
    let year = 365 * 24 * 3600;
    stage
        .refused(dated("2", year), "invalid_request", text)
        .await;
    assert_eq!(stage.answer(dated("3", 30)).await.0, 202);
    stage.strike().await;
}

#[actix_web::test]
async fn while_keys_cannot_be_fetched_an_unknown_key_means_not_now() {
    let stage = Stage::set().await;
    let new = SigningKey::generate(Algorithm::Es256).unwrap();
    let header = json!({ "alg": "ES256", "kid": new.kid(), "typ": "secevent+jwt" });
    let set = signed_with(&new, &header, &stage.claims("1").to_string());
    for lie in [
        Lie::Status(500),
        Lie::Status(302),
        Lie::Body("garbage".into()),
    ] {
        *stage.transmitter.state.keys_lie.lock().unwrap() = Some(lie);
        let response = push(&stage.url, &stage.authorization, set.clone()).await;
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], "5");
    }
    let known = signed(&Transmitter::header(), &stage.claims("2"));
    assert_eq!(stage.answer(known).await.0, 202, "known keys stay in use");
    stage.strike().await;
}

#[actix_web::test]
async fn pushes_at_the_same_time_share_a_fetch() {
    let stage = Stage::set().await;
    let state = &stage.transmitter.state;
    let before = state.key_fetches.load(Ordering::SeqCst);
    let new = SigningKey::generate(Algorithm::Es256).unwrap();
    let header = json!({ "alg": "ES256", "kid": new.kid(), "typ": "secevent+jwt" });
    state.keys.lock().unwrap().push(new.clone());
    let set = |n: usize| signed_with(&new, &header, &stage.claims(&n.to_string()).to_string());
    let answers = (0..20).map(|n| stage.answer(set(n)));
    for (status, ..) in futures_util::future::join_all(answers).await {
        assert_eq!(status, 202);
    }
    // Who comes while one is under way needs the next.
    let fetches = state.key_fetches.load(Ordering::SeqCst) - before;
    assert!((1..=2).contains(&fetches), "{fetches} fetches");
    stage.strike().await;
}

#[actix_web::test]
async fn t49_strange_keys_make_no_more_fetches_than_the_budget_allows() {
    let stage = Stage::set().await;
    let state = &stage.transmitter.state;
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    let header = json!({ "alg": "ES256", "kid": stranger.kid(), "typ": "secevent+jwt" });
    let set = signed_with(&stranger, &header, &stage.claims("1").to_string());
    let mut statuses = Vec::new();
    for _ in 0..8 {
        statuses.push(stage.answer(set.clone()).await.0);
    }
    // One of five fetches was made at the start.
    assert_eq!(statuses, [503; 8]);
    assert_eq!(state.key_fetches.load(Ordering::SeqCst), 5);
    stage.strike().await;
}

#[actix_web::test]
async fn a_transmitter_that_speaks_of_sessions_in_too_many_ways_is_told_not_now_and_the_known_ways_go_on()
 {
    let stage = Stage::set().await;
    let users = [
        email("alice@example.com"),
        json!({ "format": "opaque", "id": "alice" }),
        json!({ "format": "phone_number", "phone_number": "+12065550100" }),
        json!({ "format": "iss_sub", "iss": "https://idp.example.com", "sub": "alice" }),
    ];
    let sessions = [
        json!({ "format": "opaque", "id": "s1" }),
        json!({ "format": "uri", "uri": "urn:example:s1" }),
        json!({ "format": "jwt_id", "iss": "https://idp.example.com", "jti": "s1" }),
    ];
    // Each pair of formats is three sets of members that a session may know, and 32 are taken.
    let pairs = users
        .iter()
        .flat_map(|user| sessions.iter().map(move |session| (user, session)));
    let mut answers = Vec::new();
    for (number, (user, session)) in pairs.enumerate() {
        let subject = json!({ "format": "complex", "user": user, "session": session });
        let claims = stage.transmitter.claims(&number.to_string(), &subject, T);
        answers.push(
            stage
                .answer(signed(&Transmitter::header(), &claims))
                .await
                .0,
        );
    }
    assert_eq!(answers, [[202; 10].as_slice(), &[503, 503]].concat());
    let claims = stage.claims("simple");
    let (status, ..) = stage.answer(signed(&Transmitter::header(), &claims)).await;
    assert_eq!(status, 202);
    assert_eq!(stage.receiver.status().revocations, 31);
    stage.strike().await;
}

#[actix_web::test]
async fn a_replay_is_acknowledged_and_changes_nothing() {
    let stage = Stage::set().await;
    let claims = stage.claims("1");
    let set = signed(&Transmitter::header(), &claims);
    assert_eq!(stage.answer(set).await.0, 202);
    let before = stage.receiver.status();
    // Signed anew, as ECDSA never signs twice alike: other bytes, the same claims.
    let again = signed(&Transmitter::header(), &claims);
    assert_eq!(stage.answer(again).await.0, 202);
    let after = stage.receiver.status();
    assert_eq!(after.revocations, before.revocations);
    assert_eq!((before.acknowledged, after.acknowledged), (1, 2));
    stage.strike().await;
}

#[actix_web::test]
async fn other_claims_under_the_same_jti_are_refused_and_have_no_effect() {
    let stage = Stage::set().await;
    let first = stage.transmitter.claims("1", &email("bob@example.com"), T);
    let first = signed(&Transmitter::header(), &first);
    assert_eq!(stage.answer(first).await.0, 202);
    let second = signed(&Transmitter::header(), &stage.claims("1"));
    let expected = "a SET with this iss and jti and other claims came before";
    assert_eq!(
        stage.answer(second).await,
        (400, "invalid_request".into(), expected.into())
    );
    assert!(stage.is_signed_in());
    stage.strike().await;
}

#[actix_web::test]
async fn a_verification_with_a_state_that_nobody_asked_for_is_refused() {
    let stage = Stage::set().await;
    let uri = "https://schemas.openid.net/secevent/ssf/event-type/verification";
    let verification = |jti: &str, event: Value| {
        json!({
            "iss": stage.transmitter.issuer, "jti": jti, "iat": T, "aud": AUDIENCE,
            "sub_id": { "format": "opaque", "id": "stream-1" }, "events": { uri: event },
        })
    };
    let set = signed(
        &Transmitter::header(),
        &verification("1", json!({ "state": "x" })),
    );
    let text = "no verification with this state was asked for";
    stage.refused(set, "invalid_state", text).await;
    let set = signed(&Transmitter::header(), &verification("2", json!({})));
    assert_eq!(stage.answer(set).await.0, 202);
    stage.strike().await;
}

#[actix_web::test]
async fn nothing_is_acknowledged_while_the_database_is_out_of_order() {
    let stage = Stage::set().await;
    let database = sea_orm::Database::connect(format!("sqlite://{}", stage.database.display()));
    let database = database.await.unwrap();
    sea_orm::ConnectionTrait::execute_unprepared(&database, "ALTER TABLE inbox RENAME TO gone")
        .await
        .unwrap();
    let set = signed(&Transmitter::header(), &stage.claims("1"));
    let response = push(&stage.url, &stage.authorization, set.clone()).await;
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "5");
    assert!(stage.is_signed_in());
    sea_orm::ConnectionTrait::execute_unprepared(&database, "ALTER TABLE gone RENAME TO inbox")
        .await
        .unwrap();
    assert_eq!(stage.answer(set).await.0, 202);
    assert!(!stage.is_signed_in());
    stage.strike().await;
}

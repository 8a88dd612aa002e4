//! Providers that say that they have signed somebody out (OpenID Connect Back-Channel Logout 1.0).

use serde_json::{Value, json};
use ssf_types::{jose::SigningKey, set::Algorithm};

use crate::{
    common::{
        Lie, SESSION_REVOKED, Transmitter, client, hooks::Application, now, signed, signed_with,
    },
    rig::{Answer, Daemon, Installation},
};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// One that takes logout tokens of the transmitter for the client `app`.
fn told_by(transmitter: &Transmitter) -> Installation {
    Installation::of(transmitter)
        .with("TOKEN_ISSUER_IDP_ISSUER", &transmitter.issuer)
        .with("TOKEN_ISSUER_IDP_LOGOUT_AUDIENCE", "app")
}

/// The claims of a logout token as of half a minute ago, with `more` beside them or in their place.
fn claims(transmitter: &Transmitter, more: &Value) -> Value {
    let mut claims = json!({
        "iss": transmitter.issuer, "aud": "app", "jti": more.to_string(), "iat": now() - 30, "exp": now() + 600,
        "events": { EVENT: {} },
    });
    let members = more.as_object().unwrap().clone();
    claims.as_object_mut().unwrap().extend(members);
    claims
}

fn header() -> Value {
    let mut header = Transmitter::header();
    header["typ"] = "logout+jwt".into();
    header
}

fn token(transmitter: &Transmitter, more: &Value) -> String {
    signed(&header(), &claims(transmitter, more))
}

async fn tell_body(daemon: &Daemon, body: String) -> Answer {
    let request = client().post(daemon.url("/backchannel-logout"));
    let request = request.header("Content-Type", "application/x-www-form-urlencoded");
    Answer::read(request.body(body).send().await.unwrap()).await
}

async fn tell(daemon: &Daemon, token: &str) -> Answer {
    tell_body(daemon, format!("logout_token={token}")).await
}

async fn is_let_in(daemon: &Daemon, token: &str) -> bool {
    let request = client().get(daemon.url("/auth")).bearer_auth(token);
    request.send().await.unwrap().status().as_u16() == 200
}

#[actix_web::test]
async fn whom_the_provider_has_signed_out_is_refused_with_the_next_request_and_after_a_crash() {
    let transmitter = Transmitter::start();
    let installation = told_by(&transmitter);
    let daemon = installation.serve().await;
    let session = |sub: &str, sid: &str| transmitter.token(sub, &json!({ "sid": sid }));
    let without_sid = transmitter.token("bob", &json!({}));
    let tokens = [
        session("alice", "a1"),
        session("alice", "a2"),
        session("bob", "b1"),
        session("bob", "b2"),
        without_sid,
        session("carol", "c1"),
        session("dave", "d1"),
    ];
    for token in &tokens {
        assert!(is_let_in(&daemon, token).await);
    }
    for said in [
        json!({ "sub": "alice" }),
        json!({ "sub": "bob", "sid": "b1" }),
        json!({ "sid": "c1" }),
    ] {
        let answer = tell(&daemon, &token(&transmitter, &said)).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{said}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    let over = [true, true, true, false, true, true, false];
    for (token, over) in tokens.iter().zip(over) {
        assert_eq!(is_let_in(&daemon, token).await, !over);
    }
    let later = transmitter.token("alice", &json!({ "sid": "a3", "iat": now() }));
    assert!(is_let_in(&daemon, &later).await);
    let metrics = daemon.metrics().await;
    let line = r#"ssf_receiver_logouts_total{result="ended"} 3"#;
    assert!(metrics.contains(line), "{metrics}");
    daemon.kill().await;
    let daemon = installation.serve().await;
    for (token, over) in tokens.iter().zip(over) {
        assert_eq!(is_let_in(&daemon, token).await, !over);
    }
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_logout_token_that_comes_again_changes_nothing_and_another_under_its_name_is_refused() {
    let transmitter = Transmitter::start();
    let daemon = told_by(&transmitter).serve().await;
    let first = token(&transmitter, &json!({ "sub": "alice", "jti": "1" }));
    let other = token(&transmitter, &json!({ "sub": "bob", "jti": "1" }));
    assert_eq!(tell(&daemon, &first).await.status, 200);
    assert_eq!(tell(&daemon, &first).await.status, 200);
    let answer = tell(&daemon, &other).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["error"], "invalid_request");
    let bob = transmitter.token("bob", &json!({}));
    assert!(is_let_in(&daemon, &bob).await);
    transmitter.stop().await;
}

#[actix_web::test]
async fn what_is_no_logout_token_for_this_client_is_refused_and_ends_nothing() {
    let transmitter = Transmitter::start();
    let daemon = told_by(&transmitter).serve().await;
    let alice = transmitter.token("alice", &json!({}));
    let of = |more: Value| {
        let mut all = json!({ "sub": "alice" });
        all.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        token(&transmitter, &all)
    };
    let sound = claims(&transmitter, &json!({ "sub": "alice" }));
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    let unsigned = of(json!({}));
    let (input, _) = unsigned.rsplit_once('.').unwrap();
    let typed = |typ: &str| {
        let mut header = header();
        header["typ"] = typ.into();
        signed(&header, &sound)
    };
    for faulty in [
        of(json!({ "aud": "other" })),
        of(json!({ "iss": "https://other.example.com" })),
        of(json!({ "exp": now() - 120 })),
        of(json!({ "exp": null })),
        of(json!({ "iat": now() + 120 })),
        of(json!({ "jti": null })),
        of(json!({ "nonce": "n" })),
        of(json!({ "events": { SESSION_REVOKED: {} } })),
        of(json!({ "sub": 7 })),
        token(&transmitter, &json!({})),
        typed("secevent+jwt"),
        typed("at+jwt"),
        signed_with(&stranger, &header(), &sound.to_string()),
        format!("{input}.AAAA"),
        "x".to_owned(),
    ] {
        let answer = tell(&daemon, &faulty).await;
        assert_eq!(answer.status, 400, "{faulty}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let body = answer.json();
        assert_eq!(body["error"], "invalid_request");
        assert!(!body["error_description"].as_str().unwrap().is_empty());
        assert!(is_let_in(&daemon, &alice).await, "{faulty}");
    }
    for (body, told) in [
        (String::new(), "logout_token is missing"),
        (
            format!("logout_token={unsigned}&logout_token={unsigned}"),
            "logout_token must be there once",
        ),
        (
            format!("logout_token={}", "x".repeat(65_536)),
            "the body has more than 65536 bytes",
        ),
    ] {
        let answer = tell_body(&daemon, body).await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.json()["error_description"], told);
    }
    let answer = client().get(daemon.url("/backchannel-logout")).send().await;
    assert_eq!(answer.unwrap().status().as_u16(), 405);
    assert!(is_let_in(&daemon, &alice).await);
    assert_eq!(tell(&daemon, &unsigned).await.status, 200);
    assert!(!is_let_in(&daemon, &alice).await);
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_logout_that_cannot_be_judged_now_has_failed_and_may_come_again() {
    let transmitter = Transmitter::start();
    *transmitter.state.keys_lie.lock().unwrap() = Some(Lie::Status(503));
    let installation = told_by(&transmitter);
    let daemon = installation.serve().await;
    let logout = token(&transmitter, &json!({ "sub": "alice" }));
    let answer = tell(&daemon, &logout).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["error"], "temporarily_unavailable");
    assert!(
        installation
            .log()
            .contains("a logout token takes no effect")
    );
    *transmitter.state.keys_lie.lock().unwrap() = None;
    assert_eq!(tell(&daemon, &logout).await.status, 200);
    transmitter.stop().await;
}

#[actix_web::test]
async fn an_application_is_told_of_a_logout_as_of_a_revoked_session() {
    let transmitter = Transmitter::start();
    let application = Application::start();
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let daemon = told_by(&transmitter)
        .with("WEBHOOK_APP_URL", &application.url)
        .with("WEBHOOK_APP_SECRET", secret)
        .serve()
        .await;
    let logout = token(&transmitter, &json!({ "sub": "alice" }));
    assert_eq!(tell(&daemon, &logout).await.status, 200);
    let message = application.told(1).await.remove(0).json();
    assert_eq!(message["type"], SESSION_REVOKED);
    let data = &message["data"];
    let subject = json!({ "format": "iss_sub", "iss": transmitter.issuer, "sub": "alice" });
    assert_eq!(data["sub_id"], subject);
    assert_eq!(data["iss"], transmitter.issuer.as_str());
    assert!(
        data["jti"]
            .as_str()
            .unwrap()
            .starts_with("backchannel-logout:")
    );
    application.server.stop(false).await;
    transmitter.stop().await;
}

#[actix_web::test]
async fn where_no_logout_tokens_are_taken_there_is_nothing() {
    let transmitter = Transmitter::start();
    let daemon = Installation::of(&transmitter)
        .with("TOKEN_ISSUER_IDP_ISSUER", &transmitter.issuer)
        .serve()
        .await;
    let logout = token(&transmitter, &json!({ "sub": "alice" }));
    assert_eq!(tell(&daemon, &logout).await.status, 404);
    transmitter.stop().await;
}

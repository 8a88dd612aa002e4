//! Requests to end all sessions of a user (Global Token Revocation).

use serde_json::{Value, json};

use crate::{
    common::{TOKEN, Transmitter, client, now},
    rig::{Answer, Daemon, Installation},
};

const SECRET: &str = "revocation-s3cret";
const PATH: &str = "/global-token-revocation/idp";

fn asked(transmitter: &Transmitter) -> Installation {
    Installation::of(transmitter)
        .with("TOKEN_ISSUER_IDP_ISSUER", &transmitter.issuer)
        .with("TRANSMITTER_IDP_REVOCATION_SECRET", SECRET)
}

async fn ask(daemon: &Daemon, body: &Value) -> Answer {
    let request = client().post(daemon.url(PATH)).bearer_auth(SECRET);
    Answer::read(request.json(body).send().await.unwrap()).await
}

async fn is_let_in(daemon: &Daemon, token: &str) -> bool {
    let request = client().get(daemon.url("/auth")).bearer_auth(token);
    request.send().await.unwrap().status().as_u16() == 200
}

#[actix_web::test]
async fn all_sessions_of_a_user_are_over_and_stay_so_after_a_crash() {
    let transmitter = Transmitter::start();
    let installation = asked(&transmitter);
    let daemon = installation.serve().await;
    let token = |sub: &str, more: &Value| transmitter.token(sub, more);
    let alice = token("alice", &json!({}));
    let bob = token("bob", &json!({ "email": "bob@example.com" }));
    let carol = token("carol", &json!({}));
    let user = |sub: &str| json!({ "format": "iss_sub", "iss": transmitter.issuer, "sub": sub });
    for body in [
        json!({ "sub_id": user("alice") }),
        // As drafts up to 02 had it.
        json!({ "subject": { "format": "email", "email": "bob@example.com" } }),
        json!({ "sub_id": user("nobody") }),
    ] {
        let answer = ask(&daemon, &body).await;
        assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{body}");
    }
    let ahead = token("alice", &json!({ "iat": now() + 30 }));
    assert!(is_let_in(&daemon, &ahead).await);
    let metrics = daemon.metrics().await;
    let line = r#"ssf_receiver_global_revocations_total{result="ended"} 3"#;
    assert!(metrics.contains(line), "{metrics}");
    let are_let_in = async |daemon: &Daemon| {
        let [alice, bob, carol] = [&alice, &bob, &carol].map(|token| is_let_in(daemon, token));
        [alice.await, bob.await, carol.await]
    };
    assert_eq!(are_let_in(&daemon).await, [false, false, true]);
    daemon.kill().await;
    let daemon = installation.serve().await;
    assert_eq!(are_let_in(&daemon).await, [false, false, true]);
    transmitter.stop().await;
}

#[actix_web::test]
async fn the_same_request_counts_again_since_the_user_may_have_signed_in_in_between() {
    let transmitter = Transmitter::start();
    let daemon = asked(&transmitter).serve().await;
    let request = json!({ "sub_id": { "format": "opaque", "id": "x" } });
    assert_eq!(ask(&daemon, &request).await.status, 204);
    assert_eq!(ask(&daemon, &request).await.status, 204);
    let metrics = daemon.metrics().await;
    let line = r#"ssf_receiver_events_total{outcome="revoked"} 2"#;
    assert!(metrics.contains(line), "{metrics}");
    transmitter.stop().await;
}

#[actix_web::test]
async fn nobody_ends_sessions_without_the_secret_and_nobody_asks_for_anything_else() {
    let transmitter = Transmitter::start();
    let daemon = asked(&transmitter).serve().await;
    let user = json!({ "format": "iss_sub", "iss": transmitter.issuer, "sub": "alice" });
    let body = json!({ "sub_id": user });
    let post = || client().post(daemon.url(PATH));
    for (request, challenge) in [
        (post(), "Bearer"),
        (post().bearer_auth("x"), r#"Bearer error="invalid_token""#),
        (
            post().basic_auth("idp", Some(SECRET)),
            r#"Bearer error="invalid_token""#,
        ),
        (
            post().bearer_auth(transmitter.token("alice", &json!({}))),
            r#"Bearer error="invalid_token""#,
        ),
    ] {
        let answer = Answer::read(request.json(&body).send().await.unwrap()).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.header("www-authenticate"), Some(challenge));
    }
    for body in [
        json!({}),
        json!([]),
        json!({ "sub_id": { "format": "strange", "id": "1" } }),
        json!({ "sub_id": { "format": "complex", "user": user } }),
        json!({ "sub_id": user, "more": true }),
    ] {
        let answer = ask(&daemon, &body).await;
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(answer.json()["error"], "invalid_request");
    }
    let text = post().bearer_auth(SECRET).body(body.to_string());
    assert_eq!(text.send().await.unwrap().status().as_u16(), 400);
    let long = json!({ "sub_id": { "format": "opaque", "id": "x".repeat(65_536) } });
    assert_eq!(ask(&daemon, &long).await.status, 400);
    let get = client().get(daemon.url(PATH)).bearer_auth(SECRET);
    assert_eq!(get.send().await.unwrap().status().as_u16(), 405);
    let elsewhere = client().post(daemon.url("/global-token-revocation/other"));
    let elsewhere = elsewhere.bearer_auth(SECRET).json(&body).send().await;
    assert_eq!(elsewhere.unwrap().status().as_u16(), 404);
    let alice = transmitter.token("alice", &json!({}));
    assert!(is_let_in(&daemon, &alice).await);
    transmitter.stop().await;
}

#[actix_web::test]
async fn who_may_end_sessions_of_one_transmitter_ends_none_of_another() {
    let [idp, other] = [Transmitter::start(), Transmitter::start()];
    let daemon = asked(&idp)
        .with("TRANSMITTER_OTHER_ISSUER", &other.issuer)
        .with("TRANSMITTER_OTHER_MANAGEMENT_TOKEN", TOKEN)
        .with("TRANSMITTER_OTHER_REVOCATION_SECRET", "other-s3cret")
        .with("TOKEN_ISSUER_OTHER_ISSUER", &other.issuer)
        .serve()
        .await;
    let email = json!({ "email": "alice@example.com" });
    let [at_idp, elsewhere] = [&idp, &other].map(|one| one.token("alice", &email));
    let subject = json!({ "format": "email", "email": "alice@example.com" });
    let body = json!({ "sub_id": subject });
    let foreign = client().post(daemon.url(PATH)).bearer_auth("other-s3cret");
    let foreign = foreign.json(&body).send().await.unwrap();
    assert_eq!(foreign.status().as_u16(), 401);
    assert!(is_let_in(&daemon, &at_idp).await);
    assert_eq!(ask(&daemon, &body).await.status, 204);
    assert!(!is_let_in(&daemon, &at_idp).await);
    assert!(is_let_in(&daemon, &elsewhere).await);
    idp.stop().await;
    other.stop().await;
}

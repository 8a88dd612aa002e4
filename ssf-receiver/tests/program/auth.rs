//! What proxies are answered that ask whether a request may pass.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use ssf_types::{jose::SigningKey, set::Algorithm};

use crate::{
    common::{Lie, SESSION_REVOKED, Transmitter, client, email, now, push, signed, signed_with},
    rig::{Answer, Daemon, Installation},
};

/// One that is asked about tokens of the transmitter, in `Authorization` and in a cookie.
fn asked(transmitter: &Transmitter) -> Installation {
    Installation::of(transmitter)
        .with("TOKEN_ISSUER_IDP_ISSUER", &transmitter.issuer)
        .with("TOKEN_ISSUER_IDP_AUDIENCE", "application")
        .with("AUTH_COOKIE", "session")
}

/// One that is asked about the headers of a proxy on this machine.
fn asked_by_headers(transmitter: &Transmitter, proxies: &str) -> Installation {
    Installation::of(transmitter)
        .with("SESSION_HEADERS", "X-Session-Email=user/email")
        .with("SESSION_BEGAN_HEADER", "X-Session-Began")
        .with("TRUSTED_PROXIES", proxies)
}

async fn ask(daemon: &Daemon, headers: &[(&str, &str)]) -> Answer {
    let mut request = client().get(daemon.url("/auth"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::read(request.send().await.unwrap()).await
}

async fn ask_with(daemon: &Daemon, token: &str) -> Answer {
    ask(daemon, &[("Authorization", &format!("Bearer {token}"))]).await
}

/// Status and reason.
fn told(answer: &Answer) -> (u16, &str) {
    (
        answer.status,
        answer.header("x-ssf-reason").unwrap_or_default(),
    )
}

const ALLOWED: (u16, &str) = (200, "");
const INVALID: (u16, &str) = (401, "invalid_token");
const REVOKED: (u16, &str) = (401, "session_revoked");
const NO_SESSION: (u16, &str) = (401, "no_session");

fn of(transmitter: &Transmitter, sub: &str) -> Value {
    json!({ "format": "iss_sub", "iss": transmitter.issuer, "sub": sub })
}

/// Pushes a SET of half a minute ago, with this event in the place of `session-revoked` if there is one.
async fn say(daemon: &Daemon, transmitter: &Transmitter, subject: &Value, event: Option<&str>) {
    let jti = format!("{subject}{event:?}");
    let mut claims = transmitter.claims(&jti, subject, now() - 30);
    if let Some(event) = event {
        claims["events"] = json!({ event: {} });
    }
    let set = signed(&Transmitter::header(), &claims);
    let authorization = transmitter.stream().authorization;
    let answer = push(&daemon.endpoint, &authorization, set).await;
    assert_eq!(answer.status().as_u16(), 202);
}

#[actix_web::test]
async fn a_token_passes_until_its_session_is_ended_and_one_of_a_later_sign_in_passes() {
    let transmitter = Transmitter::start();
    let daemon = asked(&transmitter).serve().await;
    daemon.ready().await;
    let [alice, bob] = ["alice", "bob"].map(|sub| transmitter.token(sub, &json!({})));
    for _ in 0..2 {
        let answer = ask_with(&daemon, &alice).await;
        assert_eq!(told(&answer), ALLOWED);
        assert_eq!(answer.header("x-ssf-decision"), Some("allow"));
        assert_eq!(answer.body, "");
    }
    say(&daemon, &transmitter, &of(&transmitter, "alice"), None).await;
    let cookie = format!("x=1; session={alice}");
    let answer = ask(&daemon, &[("Cookie", &cookie), ("Accept-Language", "de")]).await;
    assert_eq!(told(&answer), REVOKED);
    assert_eq!(answer.header("x-ssf-decision"), Some("refuse"));
    let challenge = r#"Bearer error="invalid_token""#;
    assert_eq!(answer.header("www-authenticate"), Some(challenge));
    assert_eq!(answer.json()["reason"], "Vom Administrator abgemeldet");
    assert_eq!(told(&ask_with(&daemon, &bob).await), ALLOWED);
    let later = transmitter.token("alice", &json!({ "iat": now() }));
    assert_eq!(told(&ask_with(&daemon, &later).await), ALLOWED);
    let metrics = daemon.metrics().await;
    for line in [
        r#"ssf_receiver_auth_total{result="allow"} 4"#,
        r#"ssf_receiver_auth_total{result="session_revoked"} 1"#,
        r#"ssf_receiver_http_requests_total{route="/auth",status="401"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in:\n{metrics}");
    }
    transmitter.stop().await;
}

#[actix_web::test]
async fn people_are_told_by_a_page_that_leads_to_the_sign_in_where_that_helps() {
    let transmitter = Transmitter::start();
    let daemon = asked(&transmitter)
        .with("AUTH_SIGN_IN_URL", "/login")
        .with("TRANSMITTER_IDP_ACTIONS", "account_disabled=block")
        .serve()
        .await;
    daemon.ready().await;
    let [alice, bob] = ["alice", "bob"].map(|sub| transmitter.token(sub, &json!({})));
    let page = async |cookie: &str| {
        let browser = [
            ("Accept", "text/html,*/*;q=0.8"),
            ("Accept-Language", "de"),
            ("Cookie", cookie),
        ];
        let answer = ask(&daemon, &browser).await;
        assert_eq!(
            answer.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert_eq!(answer.header("vary"), Some("Accept, Accept-Language"));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none';"));
        answer
    };
    let link = "<a href=\"/login\">Sign in</a>";
    let stranger = page("").await;
    assert_eq!(told(&stranger), NO_SESSION);
    assert!(stranger.body.contains("<h1>You are not signed in</h1>"));
    assert!(stranger.body.contains(link));
    say(&daemon, &transmitter, &of(&transmitter, "alice"), None).await;
    let revoked = page(&format!("session={alice}")).await;
    assert_eq!(told(&revoked), REVOKED);
    assert_eq!(revoked.header("content-language"), Some("de"));
    let reason = "<p lang=\"de\" dir=\"auto\">Vom Administrator abgemeldet</p>";
    assert!(revoked.body.contains("<h1>You are signed out</h1>"));
    assert!(revoked.body.contains(reason) && revoked.body.contains(link));
    let disabled = "https://schemas.openid.net/secevent/risc/event-type/account-disabled";
    let subject = of(&transmitter, "bob");
    say(&daemon, &transmitter, &subject, Some(disabled)).await;
    let blocked = page(&format!("session={bob}")).await;
    assert_eq!(told(&blocked), (403, "session_blocked"));
    assert!(blocked.body.contains("<h1>No access</h1>"));
    assert!(!blocked.body.contains("<a "), "{}", blocked.body);
    transmitter.stop().await;
}

#[actix_web::test]
async fn who_shows_nothing_is_refused_unless_the_operator_lets_strangers_pass() {
    let transmitter = Transmitter::start();
    let daemon = asked(&transmitter).serve().await;
    for headers in [
        &[][..],
        &[("Authorization", "Basic YTpi")],
        &[("Cookie", "session=")],
    ] {
        let answer = ask(&daemon, headers).await;
        assert_eq!(told(&answer), NO_SESSION, "{headers:?}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    let lenient = asked(&transmitter)
        .with("AUTH_ANONYMOUS", "pass")
        .serve()
        .await;
    let answer = ask(&lenient, &[]).await;
    assert_eq!(told(&answer), ALLOWED);
    assert_eq!(answer.header("x-ssf-decision"), Some("anonymous"));
    assert_eq!(told(&ask_with(&lenient, "no.to.ken").await), INVALID);
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_session_that_was_ended_does_not_go_on_beside_a_token_that_counts() {
    let transmitter = Transmitter::start();
    let daemon = asked(&transmitter).serve().await;
    daemon.ready().await;
    say(&daemon, &transmitter, &of(&transmitter, "alice"), None).await;
    let [alice, bob] = ["alice", "bob"].map(|sub| transmitter.token(sub, &json!({})));
    let bearer = format!("Bearer {bob}");
    let both = [
        format!("session={bob}; session={alice}"),
        format!("session={alice}"),
    ];
    for cookie in &both {
        let answer = ask(&daemon, &[("Authorization", &bearer), ("Cookie", cookie)]).await;
        assert_eq!(told(&answer), REVOKED);
    }
    let answer = ask(
        &daemon,
        &[("Authorization", &bearer), ("Cookie", "session=x")],
    )
    .await;
    assert_eq!(told(&answer), INVALID);
    let many = format!("session={bob};").repeat(5);
    let answer = ask(&daemon, &[("Cookie", &many)]).await;
    assert_eq!(told(&answer), (401, "invalid_session"));
    transmitter.stop().await;
}

#[actix_web::test]
async fn every_claim_of_a_token_is_checked() {
    let transmitter = Transmitter::start();
    let daemon = asked(&transmitter).serve().await;
    let token = |more: &Value| transmitter.token("alice", more);
    for sound in [
        json!({}),
        json!({ "aud": ["other", "application"] }),
        json!({ "exp": now() - 30, "nbf": now() + 30 }),
    ] {
        assert_eq!(
            told(&ask_with(&daemon, &token(&sound)).await),
            ALLOWED,
            "{sound}"
        );
    }
    for faulty in [
        json!({ "exp": now() - 61 }),
        json!({ "exp": null }),
        json!({ "nbf": now() + 120 }),
        json!({ "aud": "other" }),
        json!({ "aud": null }),
        json!({ "iss": "https://other.example.com" }),
        json!({ "sub": 7, "jti": null }),
    ] {
        assert_eq!(
            told(&ask_with(&daemon, &token(&faulty)).await),
            INVALID,
            "{faulty}"
        );
    }
    transmitter.stop().await;
}

#[actix_web::test]
async fn the_signature_of_a_token_is_checked() {
    let transmitter = Transmitter::start();
    let daemon = asked(&transmitter).serve().await;
    let sound = transmitter.token("alice", &json!({}));
    assert_eq!(told(&ask_with(&daemon, &sound).await), ALLOWED);
    let (input, _) = sound.rsplit_once('.').unwrap();
    let claims = transmitter.token_claims("alice", &json!({})).to_string();
    let header = |alg: &str, typ: &str| {
        let mut header = Transmitter::header();
        header["alg"] = alg.into();
        header["typ"] = typ.into();
        header
    };
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    for faulty in [
        format!("{input}."),
        format!("{input}.AAAA"),
        format!("{sound}A"),
        signed_with(&stranger, &header("ES256", "JWT"), &claims),
        signed_with(&stranger, &header("none", "JWT"), &claims),
        signed_with(&stranger, &header("HS256", "JWT"), &claims),
        String::new(),
        "A".repeat(5_000),
    ] {
        assert_eq!(told(&ask_with(&daemon, &faulty).await), INVALID, "{faulty}");
    }
    transmitter.stop().await;
}

#[actix_web::test]
async fn t36_no_other_token_of_the_issuer_is_taken_for_one_that_shows_who_somebody_is() {
    let transmitter = Transmitter::start();
    let daemon = asked(&transmitter).serve().await;
    let claims = transmitter.token_claims("alice", &json!({}));
    let typed = |typ: Value, claims: &Value| {
        let mut header = Transmitter::header();
        header["typ"] = typ;
        if header["typ"].is_null() {
            header.as_object_mut().unwrap().remove("typ");
        }
        signed(&header, claims)
    };
    for typ in [
        json!("JWT"),
        json!("at+jwt"),
        json!("application/at+jwt"),
        json!(null),
    ] {
        let answer = ask_with(&daemon, &typed(typ.clone(), &claims)).await;
        assert_eq!(told(&answer), ALLOWED, "{typ}");
    }
    for typ in [
        "secevent+jwt",
        "logout+jwt",
        "dpop+jwt",
        "oauth-authz-req+jwt",
    ] {
        let answer = ask_with(&daemon, &typed(typ.into(), &claims)).await;
        assert_eq!(told(&answer), INVALID, "{typ}");
    }
    let mut with_events = claims.clone();
    with_events["events"] = json!({ SESSION_REVOKED: {} });
    for typ in [json!("JWT"), json!(null)] {
        let answer = ask_with(&daemon, &typed(typ.clone(), &with_events)).await;
        assert_eq!(told(&answer), INVALID, "{typ}");
    }
    transmitter.stop().await;
}

#[actix_web::test]
async fn who_is_blocked_is_not_told_to_sign_in() {
    let transmitter = Transmitter::start();
    let daemon = asked(&transmitter)
        .with("TRANSMITTER_IDP_ACTIONS", "account_disabled=block")
        .serve()
        .await;
    daemon.ready().await;
    let disabled = "https://schemas.openid.net/secevent/risc/event-type/account-disabled";
    say(
        &daemon,
        &transmitter,
        &of(&transmitter, "alice"),
        Some(disabled),
    )
    .await;
    let token = transmitter.token("alice", &json!({ "iat": now() }));
    let answer = ask_with(&daemon, &token).await;
    assert_eq!(told(&answer), (403, "session_blocked"));
    assert_eq!(answer.header("www-authenticate"), None);
    transmitter.stop().await;
}

#[actix_web::test]
async fn keys_that_cannot_be_fetched_are_no_reason_to_sign_anybody_out() {
    let transmitter = Transmitter::start();
    *transmitter.state.keys_lie.lock().unwrap() = Some(Lie::Status(503));
    let daemon = asked(&transmitter).serve().await;
    let token = transmitter.token("alice", &json!({}));
    let answer = ask_with(&daemon, &token).await;
    assert_eq!(told(&answer), (503, "temporarily_unavailable"));
    assert_eq!(answer.header("retry-after"), Some("5"));
    assert_eq!(answer.header("www-authenticate"), None);
    *transmitter.state.keys_lie.lock().unwrap() = None;
    assert_eq!(told(&ask_with(&daemon, &token).await), ALLOWED);
    // They stay in use while they cannot be fetched again.
    transmitter.state.down.store(true, Ordering::SeqCst);
    let other = transmitter.token("bob", &json!({}));
    assert_eq!(told(&ask_with(&daemon, &other).await), ALLOWED);
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_key_counts_from_the_first_token_to_the_fetch_after_its_withdrawal() {
    let transmitter = Transmitter::start();
    let daemon = asked(&transmitter).serve().await;
    let first = transmitter.token("alice", &json!({}));
    assert_eq!(told(&ask_with(&daemon, &first).await), ALLOWED);
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let signed = |key: &SigningKey, sub: &str| {
        let header = json!({ "alg": "ES256", "kid": key.kid(), "typ": "JWT" });
        let claims = transmitter.token_claims(sub, &json!({}));
        signed_with(key, &header, &claims.to_string())
    };
    transmitter.state.keys.lock().unwrap().push(key.clone());
    let second = signed(&key, "bob");
    assert_eq!(told(&ask_with(&daemon, &second).await), ALLOWED);
    transmitter.state.keys.lock().unwrap().pop();
    assert_eq!(told(&ask_with(&daemon, &second).await), ALLOWED);
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    assert_eq!(
        told(&ask_with(&daemon, &signed(&stranger, "eve")).await),
        INVALID
    );
    assert_eq!(told(&ask_with(&daemon, &second).await), INVALID);
    assert_eq!(told(&ask_with(&daemon, &first).await), ALLOWED);
    transmitter.stop().await;
}

#[actix_web::test]
async fn session_headers_count_if_a_trusted_proxy_sends_them() {
    let transmitter = Transmitter::start();
    let daemon = asked_by_headers(&transmitter, "127.0.0.1").serve().await;
    daemon.ready().await;
    say(&daemon, &transmitter, &email("alice@example.com"), None).await;
    let began = (now() - 60).to_string();
    let session = |who| {
        [
            ("X-Session-Email", who),
            ("X-Session-Began", began.as_str()),
        ]
    };
    assert_eq!(
        told(&ask(&daemon, &session("bob@example.com")).await),
        ALLOWED
    );
    assert_eq!(
        told(&ask(&daemon, &session("alice@example.com")).await),
        REVOKED
    );
    let later = now().to_string();
    let later = [
        ("X-Session-Email", "alice@example.com"),
        ("X-Session-Began", &later),
    ];
    assert_eq!(told(&ask(&daemon, &later).await), ALLOWED);
    assert_eq!(told(&ask(&daemon, &[]).await), NO_SESSION);
    let token = transmitter.token("bob", &json!({}));
    assert_eq!(told(&ask_with(&daemon, &token).await), NO_SESSION);
    transmitter.stop().await;
}

#[actix_web::test]
async fn session_headers_of_anybody_else_are_refused_and_the_operator_is_told() {
    let transmitter = Transmitter::start();
    let proxies = "192.0.2.0/24, 2001:db8::1";
    let installation = asked_by_headers(&transmitter, proxies).with("AUTH_ANONYMOUS", "pass");
    let daemon = installation.serve().await;
    let answer = ask(&daemon, &[("X-Session-Email", "alice@example.com")]).await;
    assert_eq!(told(&answer), (403, "untrusted_proxy"));
    assert!(installation.log().contains("not among trusted_proxies"));
    transmitter.stop().await;
}

#[actix_web::test]
async fn envoy_asks_with_the_method_and_under_the_path_of_the_request() {
    let transmitter = Transmitter::start();
    let daemon = asked(&transmitter).serve().await;
    let token = transmitter.token("alice", &json!({}));
    let ask = async |path: &str, token: &str| {
        let request = client().post(daemon.url(path)).bearer_auth(token);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(ask("/auth/pages/1?x=y", &token).await, 200);
    assert_eq!(ask("/auth/", &token).await, 200);
    assert_eq!(ask("/auth/pages/1", "x").await, 401);
    assert_eq!(ask("/authentic", &token).await, 404);
    let metrics = daemon.metrics().await;
    let route = r#"ssf_receiver_http_requests_total{route="/auth",status="200"} 2"#;
    assert!(metrics.contains(route), "{metrics}");
    transmitter.stop().await;
}

//! What those are told who introspect tokens at the program, in place of the authorization server.

use reqwest::RequestBuilder;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use ssf_types::{
    jose::{self, KeySet, SigningKey},
    jwt::UnverifiedJwt,
    set::Algorithm,
};
use url::form_urlencoded;

use crate::{
    authority::Authority,
    common::{SESSION_REVOKED, Transmitter, client, now, push, signed},
    rig::{Answer, Daemon, Installation},
};

const CALLER: &str = "caller-s3cret";
const INACTIVE: &str = r#"{"active":false}"#;

/// One that asks `authority`, and looks into the tokens of the transmitter itself.
fn asking(transmitter: &Transmitter, authority: &Authority) -> Installation {
    opaque(transmitter, authority)
        .with("TOKEN_ISSUER_IDP_ISSUER", &transmitter.issuer)
        .with("TOKEN_ISSUER_IDP_AUDIENCE", "application")
}

/// One that has to ask `authority` about each token.
fn opaque(transmitter: &Transmitter, authority: &Authority) -> Installation {
    without_credentials(transmitter, authority)
        .with("INTROSPECTION_CLIENT_ID", "ssf receiver")
        .with("INTROSPECTION_CLIENT_SECRET", "s3:cret")
}

fn without_credentials(transmitter: &Transmitter, authority: &Authority) -> Installation {
    Installation::of(transmitter)
        .with("INTROSPECTION_URL", &authority.url)
        .with("INTROSPECTION_CALLER_SECRET", CALLER)
        .with("INTROSPECTION_CALLER_ID", "gateway")
}

fn question(daemon: &Daemon, form: &[(&str, &str)]) -> RequestBuilder {
    let form = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    let request = client().post(daemon.url("/introspect"));
    let form_type = "application/x-www-form-urlencoded; charset=UTF-8";
    request.header("Content-Type", form_type).body(form)
}

async fn ask_with(daemon: &Daemon, form: &[(&str, &str)]) -> Answer {
    let request = question(daemon, form).bearer_auth(CALLER);
    Answer::read(request.send().await.unwrap()).await
}

async fn ask(daemon: &Daemon, token: &str) -> Answer {
    ask_with(daemon, &[("token", token)]).await
}

/// Ends what `subject` names, as of half a minute ago.
async fn end(daemon: &Daemon, transmitter: &Transmitter, subject: &Value) {
    end_as_of(now() - 30, daemon, transmitter, subject).await;
}

async fn end_as_of(moment: u64, daemon: &Daemon, transmitter: &Transmitter, subject: &Value) {
    let claims = transmitter.claims(&subject.to_string(), subject, moment);
    accept(daemon, transmitter, &claims).await;
}

async fn accept(daemon: &Daemon, transmitter: &Transmitter, claims: &Value) {
    let set = signed(&Transmitter::header(), claims);
    let authorization = transmitter.stream().authorization;
    let answer = push(&daemon.endpoint, &authorization, set).await;
    assert_eq!(answer.status().as_u16(), 202);
}

fn user(transmitter: &Transmitter, sub: &str) -> Value {
    json!({ "format": "iss_sub", "iss": transmitter.issuer, "sub": sub })
}

/// Has it forget some of what was revoked, so that every session that began before now may have been ended.
async fn forget(daemon: &Daemon, transmitter: &Transmitter) {
    let aliases = |kind: &str, set: usize| {
        let one = |number| json!({ "format": "opaque", "id": format!("{kind}-{set}-{number}") });
        let all: Vec<Value> = (0..15).map(one).collect();
        json!({ "format": "aliases", "identifiers": all })
    };
    // 255 revocations each.
    for set in 0..5 {
        let subject = json!({
            "format": "complex", "user": aliases("user", set), "session": aliases("session", set),
        });
        let claims = transmitter.claims(&format!("many-{set}"), &subject, now());
        accept(daemon, transmitter, &claims).await;
    }
    let kept = |answer: &Answer| {
        let mut lines = answer.body.lines();
        let line = lines.find(|line| line.starts_with("ssf_receiver_revocations"));
        let count = line.and_then(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
        count.is_some_and(|count| count <= 1000.0)
    };
    daemon.probe_until("/metrics", kept).await;
}

#[actix_web::test]
async fn a_token_whose_session_was_ended_does_not_count_and_nobody_is_asked_about_it() {
    let (transmitter, authority) = (Transmitter::start(), Authority::start());
    let daemon = asking(&transmitter, &authority).serve().await;
    daemon.ready().await;
    let [alice, bob] = ["alice", "bob"].map(|sub| transmitter.token(sub, &json!({})));
    // Byte for byte.
    let said = r#"{ "active":true,"scope" : "a b", "x": [1.0] }"#;
    for token in [&alice, &bob] {
        authority.answers(token, 200, said);
        let answer = ask(&daemon, token).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, said));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    end(&daemon, &transmitter, &user(&transmitter, "alice")).await;
    let asked = authority.asked(&alice);
    let answer = ask(&daemon, &alice).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, INACTIVE));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(authority.asked(&alice), asked);
    assert_eq!(ask(&daemon, &bob).await.body, said);
    let metrics = daemon.metrics().await;
    for line in [
        r#"ssf_receiver_introspections_total{result="active"} 3"#,
        r#"ssf_receiver_introspections_total{result="ended"} 1"#,
        r#"ssf_receiver_http_requests_total{route="/introspect",status="200"} 4"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in:\n{metrics}");
    }
    authority.stop().await;
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_token_that_says_nothing_itself_is_decided_upon_by_what_the_server_says_of_it() {
    let (transmitter, authority) = (Transmitter::start(), Authority::start());
    let daemon = opaque(&transmitter, &authority)
        .with(
            "INTROSPECTION_IDENTIFIERS",
            "sub=user/iss_sub, sid=session/opaque, username=user/account",
        )
        .serve()
        .await;
    daemon.ready().await;
    let began = now() - 60;
    let other = "https://other.example.com";
    let tokens = [
        ("alice", json!({ "sub": "alice", "iat": began })),
        (
            "alice-at-idp",
            json!({ "iss": transmitter.issuer, "sub": "alice", "iat": began }),
        ),
        (
            "bob-in-s1",
            json!({ "sub": "bob", "sid": "s1", "iat": now() }),
        ),
        (
            "carol",
            json!({ "username": "acct:carol@example.com", "iat": began }),
        ),
        ("alice-later", json!({ "sub": "alice", "iat": now() })),
        (
            "alice-elsewhere",
            json!({ "iss": other, "sub": "alice", "iat": began }),
        ),
        ("bob-in-s2", json!({ "sub": "bob", "sid": "s2" })),
        ("machine", json!({ "client_id": "alice" })),
    ];
    let bodies: Vec<String> = tokens
        .iter()
        .map(|(token, claims)| {
            let mut answer = claims.clone();
            answer["active"] = true.into();
            authority.says(token, &answer);
            answer.to_string()
        })
        .collect();
    for ((token, _), body) in tokens.iter().zip(&bodies) {
        assert_eq!(ask(&daemon, token).await.body, *body, "{token}");
    }
    for subject in [
        user(&transmitter, "alice"),
        json!({ "format": "complex", "session": { "format": "opaque", "id": "s1" } }),
        json!({ "format": "account", "uri": "acct:carol@example.com" }),
    ] {
        // However long it took to come here.
        end_as_of(began + 30, &daemon, &transmitter, &subject).await;
    }
    for ((token, _), body) in tokens.iter().zip(&bodies) {
        let is_over = ["alice", "alice-at-idp", "bob-in-s1", "carol"].contains(token);
        let expected = if is_over { INACTIVE } else { body };
        assert_eq!(ask(&daemon, token).await.body, expected, "{token}");
    }
    authority.stop().await;
    transmitter.stop().await;
}

#[actix_web::test]
async fn what_the_server_does_not_vouch_for_is_told_as_it_came() {
    let (transmitter, authority) = (Transmitter::start(), Authority::start());
    let daemon = asking(&transmitter, &authority).serve().await;
    let said = r#"{"active": false, "why": "expired"}"#;
    let expired = transmitter.token("alice", &json!({ "exp": 1 }));
    for token in ["opaque", "a.b.c", &expired] {
        authority.answers(token, 200, said);
        let form = [("token", token), ("token_type_hint", "refresh_token")];
        let answer = ask_with(&daemon, &form).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, said));
        assert_eq!(authority.last().form["token_type_hint"], "refresh_token");
    }
    authority.stop().await;
    transmitter.stop().await;
}

#[actix_web::test]
async fn nobody_asks_without_showing_who_it_is() {
    let (transmitter, authority) = (Transmitter::start(), Authority::start());
    let daemon = opaque(&transmitter, &authority).serve().await;
    authority.says("t", &json!({ "active": true }));
    let request = || question(&daemon, &[("token", "t")]);
    for (refused, challenge) in [
        (request(), "Bearer"),
        (
            request().bearer_auth("s3cret"),
            r#"Bearer error="invalid_token""#,
        ),
        (
            request().basic_auth("gateway", Some("x")),
            r#"Bearer error="invalid_token""#,
        ),
        (
            request().bearer_auth(CALLER).bearer_auth(CALLER),
            r#"Bearer error="invalid_token""#,
        ),
    ] {
        let answer = Answer::read(refused.send().await.unwrap()).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.json()["error"], "invalid_client");
        let challenges: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
        assert_eq!(challenges, [challenge, r#"Basic realm="ssf-receiver""#]);
    }
    assert_eq!(authority.asked("t"), 0);
    for request in [
        request().bearer_auth(CALLER),
        request().basic_auth("gateway", Some(CALLER)),
    ] {
        assert_eq!(request.send().await.unwrap().status().as_u16(), 200);
    }
    let metrics = daemon.metrics().await;
    let line = r#"ssf_receiver_introspections_total{result="unauthorized"} 4"#;
    assert!(metrics.contains(line), "{metrics}");
    authority.stop().await;
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_question_that_cannot_be_read_in_one_way_alone_is_refused() {
    let (transmitter, authority) = (Transmitter::start(), Authority::start());
    let daemon = opaque(&transmitter, &authority).serve().await;
    let long = "t".repeat(16 * 1024 + 1);
    let endless = "t".repeat(64 * 1024);
    for (form, told) in [
        (&[][..], "token is missing"),
        (&[("token", "")], "token is missing"),
        (
            &[("token", "a"), ("token", "b")],
            "token must be there once",
        ),
        (
            &[("token", long.as_str())],
            "token has more than 16384 bytes",
        ),
        (
            &[("token", endless.as_str())],
            "the body has more than 65536 bytes",
        ),
    ] {
        let answer = ask_with(&daemon, form).await;
        assert_eq!(answer.status, 400);
        let body = answer.json();
        assert_eq!(body["error"], "invalid_request");
        assert_eq!(body["error_description"], told);
    }
    let request = client().post(daemon.url("/introspect")).bearer_auth(CALLER);
    let json = request.json(&json!({ "token": "t" })).send().await.unwrap();
    assert_eq!(json.status().as_u16(), 400);
    let request = client().get(daemon.url("/introspect?token=t"));
    let answer = Answer::read(request.bearer_auth(CALLER).send().await.unwrap()).await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
    assert_eq!(authority.asked("t"), 0);
    authority.stop().await;
    transmitter.stop().await;
}

#[actix_web::test]
async fn while_nobody_can_tell_a_token_is_not_called_inactive_unless_its_session_was_ended() {
    let (transmitter, authority) = (Transmitter::start(), Authority::start());
    let installation = asking(&transmitter, &authority);
    let daemon = installation.serve().await;
    daemon.ready().await;
    let [alice, bob] = ["alice", "bob"].map(|sub| transmitter.token(sub, &json!({})));
    end(&daemon, &transmitter, &user(&transmitter, "alice")).await;
    let endless = "x".repeat(300_000);
    for (status, body) in [
        (500, INACTIVE),
        (401, INACTIVE),
        (302, INACTIVE),
        (204, ""),
        (200, ""),
        (200, "[]"),
        (200, "{}"),
        (200, r#"{"active":"true"}"#),
        (200, r#"{"active":false,"active":true}"#),
        (200, endless.as_str()),
    ] {
        authority.answers(&bob, status, body);
        let answer = ask(&daemon, &bob).await;
        assert_eq!(answer.status, 503, "{status}");
        assert_eq!(answer.header("retry-after"), Some("5"));
        assert_eq!(answer.json()["error"], "temporarily_unavailable");
    }
    let log = installation.log();
    assert!(log.contains("has to let this program ask"), "{log}");
    authority.stop().await;
    assert_eq!(ask(&daemon, &bob).await.status, 503);
    assert_eq!(ask(&daemon, &alice).await.body, INACTIVE);
    transmitter.stop().await;
}

#[actix_web::test]
async fn the_program_shows_the_server_who_asks_in_the_way_that_is_configured() {
    let (transmitter, authority) = (Transmitter::start(), Authority::start());
    let ask_once = async |installation: Installation| {
        ask(&installation.serve().await, "t").await;
        authority.last()
    };
    let question = ask_once(opaque(&transmitter, &authority)).await;
    // `ssf+receiver:s3%3Acret`: each part is encoded first.
    let basic = "Basic c3NmK3JlY2VpdmVyOnMzJTNBY3JldA==";
    assert_eq!(question.authorization.as_deref(), Some(basic));
    assert_eq!(question.form.len(), 1);

    let installation = without_credentials(&transmitter, &authority);
    let question = ask_once(installation.with("INTROSPECTION_TOKEN", "at-1")).await;
    assert_eq!(question.authorization.as_deref(), Some("Bearer at-1"));

    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let installation = without_credentials(&transmitter, &authority)
        .with("INTROSPECTION_CLIENT_ID", "app")
        .with("INTROSPECTION_CLIENT_KEY_FILE", "client.pem");
    std::fs::write(installation.path("client.pem"), key.pem().expose_secret()).unwrap();
    let question = ask_once(installation).await;
    assert_eq!(question.authorization, None);
    assert_eq!(question.form["client_id"], "app");
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    assert_eq!(question.form["client_assertion_type"], kind);
    let assertion = UnverifiedJwt::parse(&question.form["client_assertion"]).unwrap();
    let keys = jose::jwks(std::slice::from_ref(&key)).to_string();
    assertion
        .verify(&KeySet::parse(keys.as_bytes()).unwrap())
        .unwrap();
    assert_eq!(assertion.claims.iss, "app");
    assert_eq!(assertion.claims.text("sub").as_deref(), Some("app"));
    let audience = assertion.claims.aud.unwrap();
    assert!(audience.values().eq([transmitter.issuer.as_str()]));
    authority.stop().await;
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_session_that_may_have_been_ended_goes_on_if_the_server_vouches_for_its_token() {
    let (transmitter, authority) = (Transmitter::start(), Authority::start());
    let daemon = asking(&transmitter, &authority)
        .with("TRANSMITTER_IDP_REVOCATIONS_MAX", "1000")
        .serve()
        .await;
    daemon.ready().await;
    let [alice, bob, carol, dave] =
        ["alice", "bob", "carol", "dave"].map(|sub| transmitter.token(sub, &json!({})));
    forget(&daemon, &transmitter).await;
    let active = json!({ "active": true }).to_string();
    for token in [&alice, &dave] {
        authority.answers(token, 200, &active);
    }
    authority.answers(&carol, 500, "");
    let auth = async |token: &str| {
        let request = client().get(daemon.url("/auth")).bearer_auth(token);
        let answer = Answer::read(request.send().await.unwrap()).await;
        let reason = answer.header("x-ssf-reason").unwrap_or_default().to_owned();
        (answer.status, reason)
    };
    for _ in 0..3 {
        assert_eq!(auth(&alice).await, (200, String::new()));
        assert_eq!(auth(&bob).await, (401, "session_revoked".to_owned()));
        assert_eq!(auth(&carol).await, (503, "renewal_unavailable".to_owned()));
    }
    // Once for good, and again where nobody could tell.
    let asked = [&alice, &bob, &carol].map(|token| authority.asked(token));
    assert_eq!(asked, [1, 1, 3]);
    assert_eq!(ask(&daemon, &dave).await.body, active);
    assert_eq!(ask(&daemon, &bob).await.body, INACTIVE);
    assert_eq!(ask(&daemon, &carol).await.status, 503);
    // One that says nothing itself is asked about once more.
    let opaque = json!({ "active": true, "sub": "erin", "iat": now() - 60 });
    authority.says("opaque", &opaque);
    assert_eq!(ask(&daemon, "opaque").await.body, opaque.to_string());
    assert_eq!(authority.asked("opaque"), 2);
    authority.stop().await;
    transmitter.stop().await;
}

#[actix_web::test]
async fn without_a_server_that_could_tell_who_may_have_been_signed_out_signs_in_again() {
    let transmitter = Transmitter::start();
    let daemon = Installation::of(&transmitter)
        .with("TOKEN_ISSUER_IDP_ISSUER", &transmitter.issuer)
        .with("TRANSMITTER_IDP_REVOCATIONS_MAX", "1000")
        .serve()
        .await;
    daemon.ready().await;
    forget(&daemon, &transmitter).await;
    let token = transmitter.token("alice", &json!({}));
    let request = client().get(daemon.url("/auth")).bearer_auth(token);
    let answer = Answer::read(request.send().await.unwrap()).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("x-ssf-reason"), Some("renewal_required"));
    let answer = client().post(daemon.url("/introspect")).send().await;
    assert_eq!(answer.unwrap().status().as_u16(), 404);
    transmitter.stop().await;
}

#[actix_web::test]
async fn t36_a_set_is_no_token_that_is_judged_here() {
    let (transmitter, authority) = (Transmitter::start(), Authority::start());
    let daemon = asking(&transmitter, &authority).serve().await;
    daemon.ready().await;
    end(&daemon, &transmitter, &user(&transmitter, "alice")).await;
    let mut claims = transmitter.token_claims("alice", &json!({}));
    let other = signed(&Transmitter::header(), &claims);
    claims["events"] = json!({ SESSION_REVOKED: {} });
    let mut header = Transmitter::header();
    header["typ"] = "JWT".into();
    for token in [other, signed(&header, &claims)] {
        authority.answers(&token, 200, r#"{"active":true}"#);
        assert_eq!(ask(&daemon, &token).await.body, r#"{"active":true}"#);
    }
    authority.stop().await;
    transmitter.stop().await;
}

//! Threat T58: what is secret or about a person stands nowhere that others read.

use serde_json::{Value, json};

use crate::{
    authority::Authority,
    common::{SESSION_REVOKED, TOKEN, Transmitter, client, push, signed},
    rig::{Answer, Daemon, Installation},
};

/// Stand for a person, and for what only two know.
const MARKERS: [&str; 5] = [
    "marker-person",
    "marker-subject",
    "marker-session",
    "marker-secret",
    "marker-reason",
];

/// SETs that hold markers, some of them faulty, so that refusals are tried as well.
fn sets(transmitter: &Transmitter) -> Vec<String> {
    let subjects = [
        json!({"format": "email", "email": "marker-person@example.com"}),
        json!({"format": "complex",
            "user": {"format": "iss_sub", "iss": transmitter.issuer, "sub": "marker-subject"},
            "session": {"format": "opaque", "id": "marker-session"}}),
        json!({"format": "email", "email": "marker-person"}),
        json!({"format": "marker-person"}),
    ];
    let claims = subjects.iter().enumerate().map(|(number, subject)| {
        let mut claims = transmitter.claims(&number.to_string(), subject, 1_615_305_159);
        claims["events"][SESSION_REVOKED]["reason_user"] = json!({"en": "marker-reason"});
        claims
    });
    let mut claims: Vec<Value> = claims.collect();
    for (name, value) in [
        ("iss", json!("https://marker-secret.example.com")),
        ("aud", json!("marker-secret")),
        ("events", json!({"marker-secret": {}})),
    ] {
        let mut faulty = claims[0].clone();
        faulty[name] = value;
        claims.push(faulty);
    }
    // The first again, with the same `jti` and something else in it.
    let mut other = claims[0].clone();
    other["txn"] = json!("marker-secret");
    claims.push(other);
    let header = Transmitter::header();
    let sets = claims.iter().map(|claims| signed(&header, claims));
    sets.chain(["marker-secret.marker-secret.marker-secret".to_owned()])
        .collect()
}

/// Tokens that hold markers: one that passes, one whose session was ended, and faulty ones.
fn tokens(transmitter: &Transmitter) -> Vec<String> {
    let of = |sub: &str, more: &Value| transmitter.token(sub, more);
    vec![
        of(
            "marker-secret",
            &json!({ "iat": 1_900_000_000, "nonce": "marker-secret" }),
        ),
        of(
            "marker-subject",
            &json!({ "iat": 1, "sid": "marker-session" }),
        ),
        of("marker-subject", &json!({ "exp": 1 })),
        of(
            "marker-subject",
            &json!({ "iss": "https://marker-secret.example.com" }),
        ),
        of("marker-subject", &json!({ "scope": ["marker-secret"] })),
        "marker-secret.marker-secret.marker-secret".to_owned(),
    ]
}

/// Tells everything to everybody, and returns the answers.
async fn tell(daemon: &Daemon, transmitter: &Transmitter) -> Vec<Answer> {
    let authorization = transmitter.stream().authorization;
    let mut answers = Vec::new();
    for set in sets(transmitter) {
        for header in [&authorization, "Bearer marker-secret"] {
            let answer = push(&daemon.endpoint, header, set.clone()).await;
            answers.push(Answer::read(answer).await);
        }
    }
    for path in [
        "/marker-person",
        "/events/idp?x=marker-secret",
        "/events/marker-secret",
    ] {
        let answer = client().get(daemon.url(path)).send().await.unwrap();
        answers.push(Answer::read(answer).await);
    }
    answers
}

/// Asks about every token, in each place where it may stand.
async fn ask(daemon: &Daemon, transmitter: &Transmitter) -> Vec<Answer> {
    let mut answers = Vec::new();
    for token in tokens(transmitter) {
        let request = client().get(daemon.url("/auth/marker-person?x=marker-secret"));
        let answer = request.bearer_auth(&token).send().await.unwrap();
        answers.push(Answer::read(answer).await);
        let request = client().get(daemon.url("/auth"));
        let cookie = format!("session={token}; other=marker-secret");
        let answer = request.header("Cookie", cookie).send().await.unwrap();
        answers.push(Answer::read(answer).await);
    }
    answers
}

/// Introspects every token, and one that says nothing itself.
async fn introspect(daemon: &Daemon, transmitter: &Transmitter) -> Vec<Answer> {
    let opaque = "marker-secret".to_owned();
    let mut answers = Vec::new();
    for token in tokens(transmitter).into_iter().chain([opaque]) {
        for secret in ["marker-secret", "caller-s3cret"] {
            let request = client().post(daemon.url("/introspect?x=marker-secret"));
            let request = request.header("Content-Type", "application/x-www-form-urlencoded");
            let body = format!("token={token}&token_type_hint=marker-secret&x=marker-person");
            let answer = request.bearer_auth(secret).body(body).send().await.unwrap();
            answers.push(Answer::read(answer).await);
        }
    }
    answers
}

/// Ends sessions by other protocols, rightly and wrongly.
async fn end_otherwise(daemon: &Daemon, transmitter: &Transmitter) -> Vec<Answer> {
    let event = "http://schemas.openid.net/event/backchannel-logout";
    let sound = json!({
        "iss": transmitter.issuer, "aud": "app", "jti": "marker-secret", "iat": 1, "exp": 4_000_000_000_u64,
        "sub": "marker-subject", "sid": "marker-session", "events": { event: {} },
    });
    let mut header = Transmitter::header();
    header["typ"] = "logout+jwt".into();
    let mut answers = Vec::new();
    for (name, value) in [
        ("x", json!("marker-secret")),
        // The same name, and something else in it.
        ("sub", json!("marker-person")),
        ("aud", json!("marker-secret")),
        ("events", json!({ "marker-secret": {} })),
        ("nonce", json!("marker-secret")),
    ] {
        let mut claims = sound.clone();
        claims[name] = value;
        let body = format!("logout_token={}&x=marker-secret", signed(&header, &claims));
        let request = client().post(daemon.url("/backchannel-logout"));
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        answers.push(Answer::read(request.body(body).send().await.unwrap()).await);
    }
    for subject in [
        json!({"format": "email", "email": "marker-person@example.com"}),
        json!({"format": "email", "email": "marker-person"}),
        json!({"format": "marker-person"}),
    ] {
        for secret in ["marker-secret", "revocation-s3cret"] {
            let request = client().post(daemon.url("/global-token-revocation/idp"));
            let request = request
                .bearer_auth(secret)
                .json(&json!({ "sub_id": subject }));
            answers.push(Answer::read(request.send().await.unwrap()).await);
        }
    }
    answers
}

#[actix_web::test]
async fn t58_no_secret_and_no_person_stands_in_the_log_a_metric_or_an_answer() {
    let (transmitter, authority) = (Transmitter::start(), Authority::start());
    authority.answers("marker-secret", 200, r#"{"active":"marker-secret"}"#);
    let filter = "info,ssf_receiver=trace";
    let installation = Installation::of(&transmitter)
        .with("LOG_FILTER", filter)
        .with("TOKEN_ISSUER_IDP_ISSUER", &transmitter.issuer)
        .with("TOKEN_ISSUER_IDP_LOGOUT_AUDIENCE", "app")
        .with("TRANSMITTER_IDP_REVOCATION_SECRET", "revocation-s3cret")
        .with("AUTH_COOKIE", "session")
        .with("INTROSPECTION_URL", &authority.url)
        .with("INTROSPECTION_TOKEN", "marker-secret")
        .with("INTROSPECTION_CALLER_SECRET", "caller-s3cret");
    let daemon = installation.serve().await;
    daemon.ready().await;
    let answers = tell(&daemon, &transmitter).await;
    let accepted = answers.iter().filter(|answer| answer.status == 202);
    assert!(accepted.count() >= 2, "some of it is in order");
    let asked = ask(&daemon, &transmitter).await;
    let passed = asked.iter().filter(|answer| answer.status == 200);
    assert_eq!(passed.count(), 2, "the one token that counts, shown twice");
    let introspected = introspect(&daemon, &transmitter).await;
    assert!(introspected.iter().any(|answer| answer.status == 200));
    let ended = end_otherwise(&daemon, &transmitter).await;
    let statuses: Vec<u16> = ended.iter().map(|answer| answer.status).collect();
    assert_eq!(
        statuses,
        [200, 400, 400, 400, 400, 401, 204, 401, 400, 401, 400]
    );
    let metrics = daemon.metrics().await;
    let probe = daemon.probe("/readyz").await.body;
    daemon.kill().await;
    let authorization = transmitter.stream().authorization;
    let push_secret = authorization.strip_prefix("Bearer ").unwrap();
    let log = installation.log();
    assert!(log.len() > 1000 && metrics.len() > 1000);
    let answers = answers.into_iter().chain(introspected).chain(ended);
    let bodies: String = answers.map(|answer| answer.body).collect();
    let asked: String = asked.into_iter().map(|answer| answer.body).collect();
    // Whose session was ended may read what the transmitter has to say to them.
    assert_eq!(asked.matches("marker-reason").count(), 2);
    let asked = asked.replace("marker-reason", "");
    for marker in
        MARKERS
            .into_iter()
            .chain([TOKEN, "caller-s3cret", "revocation-s3cret", push_secret])
    {
        for (place, text) in [
            ("the log", &log),
            ("the metrics", &metrics),
            ("a probe", &probe),
            ("an answer", &bodies),
            ("an answer to a proxy", &asked),
        ] {
            assert!(
                !text.contains(marker),
                "{marker} stands in {place}:\n{text}"
            );
        }
    }
    authority.stop().await;
    transmitter.stop().await;
}

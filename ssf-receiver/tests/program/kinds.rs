//! Threat T36: a token of one kind is taken for one of another.

use serde_json::json;

use crate::{
    common::{AUDIENCE, SESSION_REVOKED, Transmitter, client, now, push, signed},
    rig::{Daemon, Installation},
};

const LOGOUT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// The kinds of JWTs that one provider signs, all of them about Alice, and all for whoever verifies them here.
const KINDS: [&str; 6] = [
    "SET",
    "ID token",
    "access token",
    "logout token",
    "logout token without a type",
    "client assertion",
];

fn of_kind(kind: &str, transmitter: &Transmitter) -> String {
    let audience = [AUDIENCE, "application", "app"];
    let mut claims = json!({
        "iss": transmitter.issuer, "aud": audience, "jti": kind, "iat": now() - 30,
    });
    let user = json!({ "format": "iss_sub", "iss": transmitter.issuer, "sub": "alice" });
    let (typ, more) = match kind {
        "SET" => (
            Some("secevent+jwt"),
            json!({ "sub_id": user, "events": { SESSION_REVOKED: {} } }),
        ),
        "ID token" => (
            Some("JWT"),
            json!({ "sub": "alice", "exp": now() + 600, "nonce": "n" }),
        ),
        "access token" => (
            Some("at+jwt"),
            json!({ "sub": "alice", "exp": now() + 600, "client_id": "app", "scope": "a b" }),
        ),
        "logout token" => (
            Some("logout+jwt"),
            json!({ "sub": "alice", "exp": now() + 600, "events": { LOGOUT: {} } }),
        ),
        "logout token without a type" => (
            None,
            json!({ "sub": "alice", "exp": now() + 600, "events": { LOGOUT: {} } }),
        ),
        _ => (
            Some("client-authentication+jwt"),
            json!({ "iss": "app", "sub": "app", "exp": now() + 600 }),
        ),
    };
    claims
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let mut header = Transmitter::header();
    match typ {
        Some(typ) => header["typ"] = typ.into(),
        None => drop(header.as_object_mut().unwrap().remove("typ")),
    }
    signed(&header, &claims)
}

/// Whether it is taken for a SET, for a token that shows who somebody is, for a logout token, and for a secret.
async fn is_taken(daemon: &Daemon, transmitter: &Transmitter, token: &str) -> [bool; 4] {
    let authorization = transmitter.stream().authorization;
    let set = push(&daemon.endpoint, &authorization, token.to_owned()).await;
    let auth = client().get(daemon.url("/auth")).bearer_auth(token);
    let logout = client()
        .post(daemon.url("/backchannel-logout"))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(format!("logout_token={token}"));
    let revocation = client()
        .post(daemon.url("/global-token-revocation/idp"))
        .bearer_auth(token)
        .json(&json!({ "sub_id": { "format": "opaque", "id": "1" } }));
    let status = async |request: reqwest::RequestBuilder| {
        let answer = request.send().await.unwrap();
        answer.status().as_u16()
    };
    let auth = status(auth).await;
    [
        set.status().as_u16() == 202,
        auth == 200,
        status(logout).await == 200,
        status(revocation).await == 204,
    ]
}

#[actix_web::test]
async fn t36_each_kind_of_token_is_taken_by_the_verifier_of_its_kind_and_by_no_other() {
    for kind in KINDS {
        let transmitter = Transmitter::start();
        let daemon = Installation::of(&transmitter)
            .with("TRANSMITTER_IDP_REVOCATION_SECRET", "revocation-s3cret")
            .with("TOKEN_ISSUER_IDP_ISSUER", &transmitter.issuer)
            .with("TOKEN_ISSUER_IDP_AUDIENCE", "application")
            .with("TOKEN_ISSUER_IDP_LOGOUT_AUDIENCE", "app")
            .serve()
            .await;
        daemon.ready().await;
        let token = of_kind(kind, &transmitter);
        let expected = match kind {
            "SET" => [true, false, false, false],
            "ID token" | "access token" => [false, true, false, false],
            "logout token" | "logout token without a type" => [false, false, true, false],
            _ => [false; 4],
        };
        let taken = is_taken(&daemon, &transmitter, &token).await;
        assert_eq!(taken, expected, "{kind}");
        transmitter.stop().await;
    }
}

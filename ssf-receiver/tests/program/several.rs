//! One program that receives from several transmitters.

use serde_json::{Value, json};

use crate::{
    common::{TOKEN, Transmitter, client, email, now, push, signed},
    rig::{Answer, Daemon, Installation},
};

/// One that receives from both, and is asked about tokens of the first, which either may end.
fn of_both(idp: &Transmitter, mdm: &Transmitter) -> Installation {
    Installation::of(idp)
        .with("TRANSMITTER_MDM_ISSUER", &mdm.issuer)
        .with("TRANSMITTER_MDM_MANAGEMENT_TOKEN", TOKEN)
        .with("TOKEN_ISSUER_IDP_ISSUER", &idp.issuer)
        .with("TOKEN_ISSUER_IDP_AUDIENCE", "application")
        .with(
            "TOKEN_ISSUER_IDP_IDENTIFIERS",
            "sub=user/iss_sub,email=user/email",
        )
}

async fn ready(daemon: &Daemon) {
    let is_ready = |answer: &Answer| {
        let transmitters = &answer.json()["transmitters"];
        ["idp", "mdm"].map(|name| &transmitters[name]["stream"]) == ["ready", "ready"]
    };
    daemon.probe_until("/readyz", is_ready).await;
}

/// Has a transmitter end alice's sessions, at an endpoint of the daemon.
async fn end_alice(daemon: &Daemon, transmitter: &Transmitter, name: &str) -> u16 {
    let claims = transmitter.claims("1", &email("alice@example.com"), now());
    let set = signed(&Transmitter::header(), &claims);
    let authorization = transmitter.stream().authorization;
    let url = daemon.url(&format!("/events/{name}"));
    push(&url, &authorization, set).await.status().as_u16()
}

async fn passes(daemon: &Daemon, token: &str) -> bool {
    let request = client().get(daemon.url("/auth")).bearer_auth(token);
    Answer::read(request.send().await.unwrap()).await.status == 200
}

/// An ID token of alice.
fn of_alice(idp: &Transmitter) -> String {
    idp.token("alice", &json!({ "email": "alice@example.com" }))
}

#[actix_web::test]
async fn either_of_two_transmitters_ends_a_session_that_both_may_end() {
    for ends in ["idp", "mdm"] {
        let (idp, mdm) = (Transmitter::start(), Transmitter::start());
        let installation = of_both(&idp, &mdm).with("TOKEN_ISSUER_IDP_TRANSMITTERS", "idp,mdm");
        let daemon = installation.serve().await;
        ready(&daemon).await;
        assert!(passes(&daemon, &of_alice(&idp)).await);
        let transmitter = if ends == "idp" { &idp } else { &mdm };
        assert_eq!(end_alice(&daemon, transmitter, ends).await, 202);
        assert!(!passes(&daemon, &of_alice(&idp)).await, "{ends}");
    }
}

#[actix_web::test]
async fn a_transmitter_ends_no_session_that_is_not_of_its_own_unless_it_is_named() {
    let (idp, mdm) = (Transmitter::start(), Transmitter::start());
    let daemon = of_both(&idp, &mdm).serve().await;
    ready(&daemon).await;
    // Neither at its own endpoint nor at another's.
    assert_eq!(end_alice(&daemon, &mdm, "idp").await, 400);
    assert_eq!(end_alice(&daemon, &mdm, "mdm").await, 202);
    assert!(passes(&daemon, &of_alice(&idp)).await);
    assert_eq!(end_alice(&daemon, &idp, "idp").await, 202);
    assert!(!passes(&daemon, &of_alice(&idp)).await);
    let metrics = daemon.metrics().await;
    for name in ["idp", "mdm"] {
        let line = format!("ssf_receiver_stream_ready{{transmitter=\"{name}\"}} 1");
        assert!(metrics.contains(&line), "{metrics}");
    }
}

#[actix_web::test]
async fn a_command_about_streams_has_to_be_told_which_transmitter_is_meant() {
    let (idp, mdm) = (Transmitter::start(), Transmitter::start());
    let installation = of_both(&idp, &mdm);
    let unclear = installation.run(&["stream", "list"]).await;
    assert_eq!(unclear.status.code(), Some(2));
    let told = String::from_utf8(unclear.stderr).unwrap();
    assert!(
        told.contains("--transmitter NAME; there are idp, mdm"),
        "{told}"
    );
    let arguments = ["stream", "discover", "--json", "--transmitter", "mdm"];
    let clear = installation.run(&arguments).await;
    assert!(clear.status.success());
    let metadata: Value = serde_json::from_slice(&clear.stdout).unwrap();
    assert_eq!(metadata["issuer"], mdm.issuer.as_str());
}

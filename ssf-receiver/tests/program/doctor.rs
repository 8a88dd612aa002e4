//! `ssf-receiver doctor`: what it finds, and what it says is to be done.

use std::net::TcpListener;

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    common::TOKEN,
    rig::{Installation, PATIENCE, text},
    scripted::Scripted,
    stream_for_real::Real,
};

/// What it found, and its exit code.
struct Examined {
    code: Option<i32>,
    lines: String,
}

impl Examined {
    async fn by(installation: &Installation) -> Self {
        let output = installation.run(&["doctor"]).await;
        let lines = text(&output.stdout);
        let error = text(&output.stderr);
        assert!(
            !lines.contains(TOKEN) && !error.contains(TOKEN),
            "{lines}{error}"
        );
        Self {
            code: output.status.code(),
            lines,
        }
    }

    /// Once more for as long as a verification is asked for sooner than the transmitter wants.
    async fn unhurried(installation: &Installation) -> Self {
        let examining = async {
            loop {
                let examined = Self::by(installation).await;
                if !examined.lines.contains("status 429") {
                    return examined;
                }
            }
        };
        timeout(PATIENCE, examining).await.unwrap()
    }

    /// The line of a check, which has to be there.
    fn line(&self, check: &str) -> &str {
        let mut lines = self.lines.lines();
        let found = lines.find(|line| line.split_whitespace().nth(1) == Some(check));
        assert!(found.is_some(), "{check} is not in\n{}", self.lines);
        found.unwrap()
    }

    fn is(&self, check: &str, verdict: &str, told: &str) {
        let line = self.line(check);
        assert!(line.starts_with(verdict) && line.contains(told), "{line}");
    }
}

/// A port that nobody listens on.
fn free_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

fn of(transmitter: &Scripted) -> Installation {
    Installation::bare()
        .with("TRANSMITTER_IDP_ISSUER", &transmitter.issuer)
        .with("TRANSMITTER_IDP_MANAGEMENT_TOKEN", TOKEN)
}

#[actix_web::test]
async fn a_receiver_that_serves_is_found_sound_from_the_name_to_the_push() {
    let transmitter = Real::start();
    let installation = transmitter
        .installation()
        .with("LISTEN", &free_port())
        .with("LISTEN_ADMIN", &free_port());
    let daemon = installation.serve().await;
    daemon.ready().await;
    let examined = Examined::unhurried(&installation).await;
    assert_eq!(examined.code, Some(0), "{}", examined.lines);
    for check in [
        "dns", "clock", "metadata", "critical", "keys", "access", "stream", "status", "events",
    ] {
        examined.is(check, "ok ", "");
    }
    // It is one of this machine.
    examined.is("tls", "warn", "for development alone");
    examined.is("push", "ok ", "the program takes it");

    // While nothing serves, the doctor listens in its place, and acknowledges nothing.
    daemon.kill().await;
    let examined = Examined::unhurried(&installation).await;
    examined.is("push", "ok ", "it was not acknowledged");
}

#[actix_web::test]
async fn a_receiver_that_polls_is_found_sound() {
    let transmitter = Real::start();
    let installation = transmitter
        .installation()
        .with("TRANSMITTER_IDP_DELIVERY", "poll");
    let examined = Examined::by(&installation).await;
    assert_eq!(examined.code, Some(0));
    examined.is(
        "stream",
        "warn",
        "no stream is polled: `ssf-receiver serve` makes one",
    );
    let created = installation.run(&["stream", "create", "--poll"]).await;
    assert!(created.status.success());
    let output = installation.run(&["doctor", "--json"]).await;
    assert!(output.status.success());
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = found.as_array().unwrap();
    let last = json!({ "check": "poll", "verdict": "ok", "told": "the stream can be polled" });
    assert_eq!(*found.last().unwrap(), last);
}

#[actix_web::test]
async fn a_transmitter_that_is_away_is_told_with_what_to_do() {
    let transmitter = Scripted::start();
    let installation = of(&transmitter);
    transmitter.stop().await;
    let examined = Examined::by(&installation).await;
    assert_eq!(examined.code, Some(1));
    examined.is(
        "tls",
        "fail",
        "check that a firewall or a proxy lets requests out",
    );
    examined.is("metadata", "fail", "check the issuer");
}

#[actix_web::test]
async fn credentials_that_are_not_good_are_told_with_what_to_do() {
    let transmitter = Real::start();
    let installation = transmitter
        .installation()
        .with("TRANSMITTER_IDP_MANAGEMENT_TOKEN", "wr0ng");
    let examined = Examined::by(&installation).await;
    assert_eq!(examined.code, Some(1));
    examined.is("access", "fail", "status 401");
    examined.is("access", "fail", "check the credentials");
    assert!(!examined.lines.contains("wr0ng"));
}

#[actix_web::test]
async fn what_keeps_events_from_having_an_effect_is_told() {
    let transmitter = Scripted::with(|metadata| {
        metadata["critical_subject_members"] = json!(["user", "tenant"]);
        metadata["spec_version"] = json!("1_0-ID3");
    });
    // Keys, streams and statuses are all the same document, and none of them is one.
    transmitter.reply(200, &json!({ "keys": [] }));
    let examined = Examined::by(&of(&transmitter)).await;
    assert_eq!(examined.code, Some(1));
    examined.is("metadata", "warn", "1_0-ID3");
    examined.is(
        "critical",
        "warn",
        "whose subject has tenant have no effect here",
    );
    examined.is("keys", "fail", "has no key for RS256");
    examined.is("access", "fail", "an array");
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_delivery_that_is_not_offered_is_told() {
    let transmitter = Scripted::with(|metadata| {
        metadata["delivery_methods_supported"] = json!(["urn:ietf:rfc:8936"]);
    });
    let examined = Examined::by(&of(&transmitter)).await;
    examined.is(
        "metadata",
        "fail",
        "does not offer delivery by urn:ietf:rfc:8935",
    );
    transmitter.stop().await;
}

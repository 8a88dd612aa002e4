//! `ssf-receiver stream`: what it asks, and what it makes of answers that are right and wrong.

use serde_json::{Value, json};

use crate::{
    common::TOKEN,
    rig::{Installation, text},
    scripted::Scripted,
};

const EMAIL: &str = r#"{"format":"email","email":"alice@example.com"}"#;

struct Stage {
    transmitter: Scripted,
    installation: Installation,
}

/// What a command said.
struct Said {
    code: Option<i32>,
    out: String,
    error: String,
}

impl Stage {
    fn set() -> Self {
        Self::of(Scripted::start())
    }

    fn of(transmitter: Scripted) -> Self {
        let installation = Installation::bare()
            .with("TRANSMITTER_IDP_ISSUER", &transmitter.issuer)
            .with("TRANSMITTER_IDP_MANAGEMENT_TOKEN", TOKEN);
        Self {
            transmitter,
            installation,
        }
    }

    async fn said(&self, arguments: &[&str]) -> Said {
        let output = self
            .installation
            .run(&[&["stream"], arguments].concat())
            .await;
        let said = Said {
            code: output.status.code(),
            out: text(&output.stdout),
            error: text(&output.stderr),
        };
        for secret in [TOKEN, "push-s3cret"] {
            assert!(!said.out.contains(secret), "{}", said.out);
            assert!(!said.error.contains(secret), "{}", said.error);
        }
        said
    }

    async fn succeeds(&self, arguments: &[&str]) -> String {
        let said = self.said(arguments).await;
        assert_eq!(said.code, Some(0), "{arguments:?}: {}", said.error);
        said.out
    }

    async fn fails(&self, arguments: &[&str]) -> String {
        let said = self.said(arguments).await;
        assert_eq!(said.code, Some(1), "{arguments:?}: {}", said.out);
        assert_eq!(said.out, "");
        said.error
    }
}

#[actix_web::test]
async fn what_the_transmitter_says_of_itself_is_told() {
    let stage = Stage::set();
    let lines = stage.succeeds(&["discover"]).await;
    let line = format!("status_endpoint={}/status\n", stage.transmitter.issuer);
    assert!(lines.contains(&line), "{lines}");
    assert!(lines.contains("delivery_methods_supported=urn:ietf:rfc:8935,urn:ietf:rfc:8936\n"));
    let document = stage.succeeds(&["discover", "--json"]).await;
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["issuer"], stage.transmitter.issuer);
    // The credentials were for nobody.
    assert_eq!(stage.transmitter.requests(), 0);
    stage.transmitter.stop().await;
}

#[actix_web::test]
async fn streams_are_listed_read_and_deleted_by_their_id_and_no_secret_is_shown() {
    let stage = Stage::set();
    let mut stream = stage.transmitter.stream("a/b c");
    // Against the specification: it is a secret.
    stream["delivery"]["authorization_header"] = json!("Bearer push-s3cret");
    stage.transmitter.reply(200, &json!([stream]));
    let listed = stage.succeeds(&["list", "--json"]).await;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed[0]["stream_id"], "a/b c");
    let seen = stage.transmitter.last();
    assert_eq!((&*seen.method, &*seen.place), ("GET", "/streams"));

    stage.transmitter.reply(200, &stream);
    let lines = stage.succeeds(&["read", "a/b c"]).await;
    assert!(lines.contains("stream_id=a/b c\n"), "{lines}");
    assert!(lines.contains("delivery.endpoint_url=https://rp.example.com/events\n"));
    let seen = stage.transmitter.last();
    let place = "/streams?stream_id=a%2Fb+c";
    assert_eq!((&*seen.method, &*seen.place), ("GET", place));

    stage.transmitter.reply(204, &Value::Null);
    assert_eq!(
        stage.succeeds(&["delete", "a/b c"]).await,
        "deleted=a/b c\n"
    );
    let seen = stage.transmitter.last();
    assert_eq!((&*seen.method, &*seen.place), ("DELETE", place));
    assert_eq!(seen.body, Value::Null);
    stage.transmitter.stop().await;
}

#[actix_web::test]
async fn a_stream_is_created_with_the_secret_of_a_file_and_the_events_that_are_understood() {
    let stage = Stage::set();
    let file = stage.installation.path("header");
    std::fs::write(&file, "Bearer push-s3cret\n").unwrap();
    stage.transmitter.reply(201, &stage.transmitter.stream("1"));
    let push = "https://rp.example.com/events";
    let arguments = ["create", "--push", push, "--authorization-file", "header"];
    let out = stage.succeeds(&arguments).await;
    assert!(out.contains("stream_id=1\n"));
    let seen = stage.transmitter.last();
    assert_eq!((&*seen.method, &*seen.place), ("POST", "/streams"));
    assert_eq!(seen.content_type, "application/json");
    let delivery = json!({
        "method": "urn:ietf:rfc:8935", "endpoint_url": push, "authorization_header": "Bearer push-s3cret",
    });
    assert_eq!(seen.body["delivery"], delivery);
    let requested = seen.body["events_requested"].as_array().unwrap();
    assert_eq!(requested.len(), 2);

    let event = ["create", "--poll", "--event", "urn:example:1"];
    stage.succeeds(&event).await;
    let expected = json!({
        "events_requested": ["urn:example:1"], "delivery": { "method": "urn:ietf:rfc:8936" },
    });
    assert_eq!(stage.transmitter.last().body, expected);
    let requests = stage.transmitter.requests();
    let told = stage.fails(&["create"]).await;
    assert!(told.contains("--push URL or --poll"), "{told}");
    assert_eq!(stage.transmitter.requests(), requests);
    stage.transmitter.stop().await;
}

#[actix_web::test]
async fn an_update_names_what_changes_and_a_replacement_all_that_there_is() {
    let stage = Stage::set();
    stage.transmitter.reply(200, &stage.transmitter.stream("1"));
    stage.succeeds(&["update", "1", "--description", "A"]).await;
    let seen = stage.transmitter.last();
    assert_eq!((&*seen.method, &*seen.place), ("PATCH", "/streams"));
    let expected = json!({ "stream_id": "1", "description": "A" });
    assert_eq!(seen.body, expected);

    let arguments = ["replace", "1", "--poll", "--event", "urn:example:1"];
    stage.succeeds(&arguments).await;
    let seen = stage.transmitter.last();
    assert_eq!((&*seen.method, &*seen.place), ("PUT", "/streams"));
    let expected = json!({
        "stream_id": "1", "events_requested": ["urn:example:1"], "delivery": { "method": "urn:ietf:rfc:8936" },
    });
    assert_eq!(seen.body, expected);
    // A list without events is never sent.
    let said = stage.said(&["replace", "1", "--poll"]).await;
    assert_eq!(said.code, Some(2));
    stage.transmitter.stop().await;
}

#[actix_web::test]
async fn a_status_is_read_and_changed() {
    let stage = Stage::set();
    let status = json!({ "stream_id": "1", "status": "paused", "reason": "upgrade" });
    stage.transmitter.reply(200, &status);
    let told = "reason=upgrade\nstatus=paused\nstream_id=1\n";
    assert_eq!(stage.succeeds(&["status", "get", "1"]).await, told);
    let seen = stage.transmitter.last();
    let place = "/status?stream_id=1";
    assert_eq!((&*seen.method, &*seen.place), ("GET", place));
    let arguments = ["status", "set", "1", "paused", "--reason", "upgrade"];
    assert_eq!(stage.succeeds(&arguments).await, told);
    let seen = stage.transmitter.last();
    assert_eq!((&*seen.method, &*seen.place), ("POST", "/status"));
    assert_eq!(seen.body, status);
    let said = stage.said(&["status", "set", "1", "ENABLED"]).await;
    assert_eq!(said.code, Some(2));
    stage.transmitter.stop().await;
}

#[actix_web::test]
async fn subjects_are_added_and_removed_and_never_shown() {
    let stage = Stage::set();
    stage.transmitter.reply(200, &Value::Null);
    let out = stage.succeeds(&["subject", "add", "1", EMAIL]).await;
    assert_eq!(out, "added=1\n");
    let seen = stage.transmitter.last();
    assert_eq!((&*seen.method, &*seen.place), ("POST", "/add"));
    let subject: Value = serde_json::from_str(EMAIL).unwrap();
    assert_eq!(seen.body, json!({ "stream_id": "1", "subject": subject }));
    let unverified = ["subject", "add", "1", EMAIL, "--unverified"];
    stage.succeeds(&unverified).await;
    assert_eq!(stage.transmitter.last().body["verified"], false);

    stage.transmitter.reply(204, &Value::Null);
    stage.succeeds(&["subject", "remove", "1", EMAIL]).await;
    let seen = stage.transmitter.last();
    assert_eq!((&*seen.method, &*seen.place), ("POST", "/remove"));
    assert_eq!(seen.body, json!({ "stream_id": "1", "subject": subject }));

    let requests = stage.transmitter.requests();
    let told = stage.fails(&["subject", "add", "1", r#"{"email":"alice@example.com"}"#]);
    let told = told.await;
    assert_eq!(told, "error: format is missing\n");
    assert_eq!(stage.transmitter.requests(), requests);
    stage.transmitter.stop().await;
}

#[actix_web::test]
async fn a_verification_is_asked_for() {
    let stage = Stage::set();
    stage.transmitter.reply(204, &Value::Null);
    assert_eq!(stage.succeeds(&["verify", "1"]).await, "asked=1\n");
    let seen = stage.transmitter.last();
    assert_eq!((&*seen.method, &*seen.place), ("POST", "/verify"));
    assert_eq!(seen.content_type, "application/json");
    assert_eq!(seen.body, json!({ "stream_id": "1" }));
    stage.succeeds(&["verify", "1", "--state", "x"]).await;
    assert_eq!(stage.transmitter.last().body["state"], "x");
    stage.transmitter.stop().await;
}

/// What is wrong with an answer, and how that is told.
async fn wrong(stage: &Stage, arguments: &[&str], reply: (u16, &Value), told: &str) {
    stage.transmitter.reply(reply.0, reply.1);
    let error = stage.fails(arguments).await;
    assert!(error.contains(told), "{arguments:?} {reply:?}: {error}");
}

#[actix_web::test]
async fn a_configuration_of_another_issuer_or_stream_or_without_a_member_is_refused() {
    let stage = Stage::set();
    let sound = stage.transmitter.stream("1");
    let changed = |name: &str, value: Value| {
        let mut stream = sound.clone();
        stream[name] = value;
        stream
    };
    let iss = changed("iss", json!("https://evil.example.com"));
    let other = changed("stream_id", json!("2"));
    let events = changed("events_delivered", json!("urn:example:1"));
    let delivery = changed("delivery", json!({ "method": "carrier-pigeon" }));
    let mut lacking = sound.clone();
    lacking.as_object_mut().unwrap().remove("aud");
    let read: &[&str] = &["read", "1"];
    let update = &["update", "1", "--description", "A"];
    let replace = &["replace", "1", "--poll", "--event", "urn:example:1"];
    let create = &["create", "--poll"];
    for (arguments, status) in [(read, 200), (update, 200), (replace, 200), (create, 201)] {
        wrong(&stage, arguments, (status, &iss), "another iss").await;
        wrong(&stage, arguments, (status, &lacking), "aud is missing").await;
        let told = "events_delivered must be";
        wrong(&stage, arguments, (status, &events), told).await;
        let told = "delivery.method must be";
        wrong(&stage, arguments, (status, &delivery), told).await;
        wrong(
            &stage,
            arguments,
            (status, &json!([sound])),
            "not a JSON object",
        )
        .await;
        wrong(&stage, arguments, (status, &Value::Null), "not JSON").await;
    }
    for arguments in [read, update, replace] {
        wrong(&stage, arguments, (200, &other), "another stream_id").await;
    }
    wrong(&stage, &["list"], (200, &json!([iss])), "another iss").await;
    wrong(&stage, &["list"], (200, &sound), "an array").await;
    let told = "0.aud is missing";
    wrong(&stage, &["list"], (200, &json!([lacking])), told).await;
    stage.transmitter.stop().await;
}

#[actix_web::test]
async fn a_status_of_another_stream_or_of_a_kind_that_there_is_not_is_refused() {
    let stage = Stage::set();
    let get: &[&str] = &["status", "get", "1"];
    for arguments in [get, &["status", "set", "1", "enabled"]] {
        let other = json!({ "stream_id": "2", "status": "enabled" });
        wrong(&stage, arguments, (200, &other), "another stream_id").await;
        let kind = json!({ "stream_id": "1", "status": "ENABLED" });
        let told = "status must be enabled, paused or disabled";
        wrong(&stage, arguments, (200, &kind), told).await;
        let lacking = json!({ "status": "enabled" });
        wrong(&stage, arguments, (200, &lacking), "stream_id is missing").await;
    }
    stage.transmitter.stop().await;
}

#[actix_web::test]
async fn a_status_that_is_no_success_is_told_with_what_to_do() {
    let stage = Stage::set();
    let sound = stage.transmitter.stream("1");
    let all: [&[&str]; 10] = [
        &["list"],
        &["read", "1"],
        &["create", "--poll"],
        &["update", "1", "--description", "A"],
        &["replace", "1", "--poll", "--event", "urn:example:1"],
        &["delete", "1"],
        &["status", "get", "1"],
        &["subject", "add", "1", EMAIL],
        &["subject", "remove", "1", EMAIL],
        &["verify", "1"],
    ];
    for arguments in all {
        for (status, told) in [
            (401, "check the management token"),
            (403, "lacks a permission"),
            (302, "redirects are not followed"),
            (500, "answered with status 500"),
            (202, "look again later"),
        ] {
            wrong(&stage, arguments, (status, &sound), told).await;
        }
    }
    for arguments in &all[..] {
        if arguments[0] != "delete" {
            let told = "there is no such thing there";
            wrong(&stage, arguments, (404, &Value::Null), told).await;
        }
    }
    // What was to be done is done.
    stage.transmitter.reply(404, &Value::Null);
    stage.succeeds(&["delete", "1"]).await;
    let told = "wants no second one";
    wrong(&stage, all[2], (409, &Value::Null), told).await;
    stage.transmitter.stop().await;
}

#[actix_web::test]
async fn what_the_transmitter_does_not_offer_is_told_and_not_asked_for() {
    let transmitter = Scripted::with(|metadata| {
        let members = metadata.as_object_mut().unwrap();
        members.retain(|name, _| !name.ends_with("_endpoint"));
    });
    let stage = Stage::of(transmitter);
    for (arguments, endpoint) in [
        (&["list"][..], "configuration_endpoint"),
        (&["status", "get", "1"], "status_endpoint"),
        (&["subject", "add", "1", EMAIL], "add_subject_endpoint"),
        (
            &["subject", "remove", "1", EMAIL],
            "remove_subject_endpoint",
        ),
        (&["verify", "1"], "verification_endpoint"),
    ] {
        let told = stage.fails(arguments).await;
        let expected = format!("the transmitter's metadata has no {endpoint}\n");
        assert!(told.ends_with(&expected), "{told}");
    }
    assert_eq!(stage.transmitter.requests(), 0);
    stage.transmitter.stop().await;
}

#[actix_web::test]
async fn a_stream_is_polled_where_the_metadata_leads_and_nowhere_else() {
    let stage = Stage::set();
    let mut stream = stage.transmitter.stream("1");
    stream["delivery"] = json!({
        "method": "urn:ietf:rfc:8936", "endpoint_url": "http://127.0.0.1:9/poll",
    });
    let told = "the management token is not sent there";
    wrong(&stage, &["poll", "1"], (200, &stream), told).await;
    let pushed = stage.transmitter.stream("1");
    let told = "does not deliver as it was asked to";
    wrong(&stage, &["poll", "1"], (200, &pushed), told).await;
    stage.transmitter.stop().await;
}

#[actix_web::test]
async fn where_no_way_of_authorisation_is_ours_nothing_is_asked() {
    let schemes = |urns: &[&str]| -> Value {
        let scheme = |urn: &&str| json!({ "spec_urn": urn });
        urns.iter().map(scheme).collect()
    };
    let unknown = ["urn:ietf:rfc:8705", "urn:example:pigeon"];
    let stage = Stage::of(Scripted::with(|metadata| {
        metadata["authorization_schemes"] = schemes(&unknown);
    }));
    let told = stage.fails(&["list"]).await;
    assert!(
        told.contains("and this receiver has nothing else"),
        "{told}"
    );
    assert_eq!(stage.transmitter.requests(), 0);
    stage.transmitter.stop().await;

    for ours in ["urn:ietf:rfc:6749", "urn:ietf:rfc:6750"] {
        let stage = Stage::of(Scripted::with(|metadata| {
            metadata["authorization_schemes"] = schemes(&["urn:example:pigeon", ours]);
        }));
        stage.transmitter.reply(200, &json!([]));
        stage.succeeds(&["list"]).await;
        stage.transmitter.stop().await;
    }
}

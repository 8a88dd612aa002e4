//! What the program measures, and what it says that it measures.

use std::{collections::BTreeSet, fs, path::Path};

use ssf_receiver::telemetry::METRICS;

use crate::{
    common::{Transmitter, email, push, signed},
    rig::Installation,
};

const DOCUMENTED: &str = include_str!("../../../docs/receiver.md");

fn described() -> BTreeSet<String> {
    METRICS
        .iter()
        .map(|metric| metric.name.to_owned())
        .collect()
}

/// The names of metrics that a text has.
fn named(text: &str) -> BTreeSet<String> {
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    let names = text.split(word);
    names
        .filter(|name| name.starts_with("ssf_receiver_"))
        .map(str::to_owned)
        .collect()
}

fn sources(directory: &Path, text: &mut String) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.file_name().is_some_and(|name| name != "telemetry.rs") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_metric_of_the_code_is_described_and_documented_and_there_are_no_others() {
    let mut text = String::new();
    sources(
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")),
        &mut text,
    );
    let quoted = text.split('"').filter(|text| named(text).contains(*text));
    let measured: BTreeSet<String> = quoted.map(str::to_owned).collect();
    assert_eq!(measured, described());
    assert_eq!(named(DOCUMENTED), described());
}

#[actix_web::test]
async fn the_metrics_are_served_by_the_names_that_describe_them() {
    let transmitter = Transmitter::start();
    let installation = Installation::of(&transmitter);
    let daemon = installation.serve().await;
    daemon.ready().await;
    let claims = transmitter.claims("1", &email("alice@example.com"), 1_615_305_159);
    let set = signed(&Transmitter::header(), &claims);
    let authorization = transmitter.stream().authorization;
    let answer = push(&daemon.endpoint, &authorization, set).await;
    assert_eq!(answer.status().as_u16(), 202);
    let metrics = daemon.metrics().await;
    let types = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "));
    let served: BTreeSet<String> = types
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect();
    let mut expected = described();
    // Nobody asks this program about sessions, it does not poll, it has no handlers, all that comes can be verified, and nothing is
    // missing.
    for name in [
        "auth",
        "introspections",
        "logouts",
        "global_revocations",
        "guard_decisions",
        "stale_decisions",
        "renewals",
        "polls",
        "handled",
        "sessions_deleted",
        "quarantine",
        "replayed",
    ] {
        expected.remove(&format!("ssf_receiver_{name}_total"));
    }
    // Nor does it publish anything.
    for name in ["publications_total", "publication_behind"] {
        expected.remove(&format!("ssf_receiver_{name}"));
    }
    assert_eq!(served, expected, "{metrics}");
    for line in [
        r#"ssf_receiver_sets_total{result="accepted"} 1"#,
        r#"ssf_receiver_events_total{outcome="revoked"} 1"#,
        r#"ssf_receiver_stream_ready{transmitter="idp"} 1"#,
        "ssf_receiver_revocations 1",
        r#"ssf_receiver_http_requests_total{route="/events/idp",status="202"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in:\n{metrics}");
    }
    transmitter.stop().await;
}

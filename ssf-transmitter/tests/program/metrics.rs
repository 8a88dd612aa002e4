//! What the program measures, what it says that it measures, and what dashboards and alerts ask for.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use ssf_transmitter::telemetry::METRICS;
use yaml_rust2::{Yaml, YamlLoader};

use crate::{
    promql::{labelled, labels_of, metric, named},
    rig::{Answer, Endpoint, Installation, PATIENCE, Transmitter, client, event_about, stream_for},
};

const DASHBOARD: &str = include_str!("../../../docs/operations/dashboard.json");
const ALERTS: &str = include_str!("../../../docs/operations/alerts.yaml");
const DOCUMENTED: &str = include_str!("../../../docs/transmitter.md");

/// What a dashboard needs to be there from the beginning, whatever happens.
const ALWAYS: &[&str] = &[
    "ssf_ledger_imbalance 0",
    "ssf_events_waiting 0",
    "ssf_events_set_aside 0",
    "ssf_deliveries_pending 0",
    "ssf_deliveries_quarantined 0",
    r#"ssf_quarantines_total{method="push"} 0"#,
    r#"ssf_quarantines_total{method="poll"} 0"#,
    "ssf_oldest_pending_seconds 0",
    r#"ssf_streams_in_trouble{trouble="unreachable"} 0"#,
    "ssf_circuits_open 0",
    r#"ssf_deliveries_dropped_total{reason="retention"} 0"#,
];

/// What is there once a SET was pushed and another polled.
const BUSY: &[&str] = &[
    "ssf_events_accepted_total 1",
    "ssf_events_dispatched_total 1",
    "ssf_deliveries_total 2",
    r#"ssf_delivery_seconds_count{method="push"} 1"#,
    r#"ssf_delivery_seconds_count{method="poll"} 1"#,
    r#"ssf_sign_seconds_count{algorithm="ES256"} 2"#,
    r#"ssf_lease_changes_total{lease="fan_out",change="taken"} 1"#,
    r#"ssf_lease_changes_total{lease="stream",change="taken"} 1"#,
];

async fn metrics(transmitter: &Transmitter) -> String {
    Answer::to(client().get(transmitter.url("/metrics")))
        .await
        .body
}

/// The metrics once they have all of these lines.
async fn with_lines(transmitter: &Transmitter, lines: &[&str]) -> String {
    let mut body = String::new();
    let waited = async {
        loop {
            body = metrics(transmitter).await;
            let is_there = |line: &&str| body.lines().any(|found| found == *line);
            if lines.iter().all(is_there) {
                return;
            }
        }
    };
    let ended = tokio::time::timeout(PATIENCE, waited).await;
    assert!(ended.is_ok(), "{lines:?} in {body}");
    body
}

/// Names and kinds of all metrics in the text format of Prometheus.
fn served(body: &str) -> BTreeMap<&str, &str> {
    body.lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .collect()
}

/// The labels of all metrics in that format.
fn labels_served(body: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut labels: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let samples = body.lines().filter(|line| !line.starts_with('#'));
    for (name, label) in samples.flat_map(labelled) {
        labels.entry(name).or_default().insert(label);
    }
    labels
}

/// What a text asks for is there, and has the labels that it asks for.
fn assert_described(text: &str) {
    for name in named(text) {
        assert!(metric(&name).is_some(), "{name} in {text}");
    }
    for (name, label) in labelled(text) {
        let labels = metric(&name).map(labels_of).unwrap_or_default();
        assert!(
            labels.contains(label.as_str()),
            "{name} has no {label}, in {text}"
        );
    }
}

/// A Receiver with a stream that is pushed, and one that is polled.
struct Party<'t> {
    transmitter: &'t Transmitter,
    endpoint: Endpoint,
    token: String,
    poll: String,
}

impl<'t> Party<'t> {
    async fn new(installation: &Installation, transmitter: &'t Transmitter) -> Self {
        let endpoint = Endpoint::answering(202);
        let token = installation.add_receiver("rp");
        let create = |body: Value| client().post(transmitter.url("/ssf/stream")).json(&body);
        let push = create(stream_for(&endpoint.url)).bearer_auth(&token);
        assert_eq!(Answer::to(push).await.status, 201);
        let mut poll = stream_for(&endpoint.url);
        poll["delivery"] = json!({"method": "urn:ietf:rfc:8936"});
        let poll = Answer::to(create(poll).bearer_auth(&token)).await;
        assert_eq!(poll.status, 201, "{}", poll.body);
        let poll = poll.json()["delivery"]["endpoint_url"].clone();
        Self {
            transmitter,
            endpoint,
            token,
            poll: poll.as_str().unwrap().to_owned(),
        }
    }

    /// Has a SET pushed and one polled; returns the `jti` of the latter.
    async fn offered(&self) -> String {
        let token = self.transmitter.operator_token.as_deref().unwrap();
        let emit = client().post(self.transmitter.url("/ingest/events"));
        let emit = emit.json(&event_about("alice@example.com"));
        assert_eq!(Answer::to(emit.bearer_auth(token)).await.status, 202);
        self.endpoint.next();
        let sets = self.ask(json!({})).await["sets"].clone();
        let mut jtis = sets.as_object().unwrap().keys();
        jtis.next().unwrap().clone()
    }

    async fn ask(&self, body: Value) -> Value {
        let request = client().post(&self.poll).json(&body);
        let answer = Answer::to(request.bearer_auth(&self.token)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }
}

async fn delivered(installation: &Installation, transmitter: &Transmitter) {
    let party = Party::new(installation, transmitter).await;
    let jti = party.offered().await;
    party.ask(json!({"ack": [jti], "maxEvents": 0})).await;
}

#[tokio::test]
async fn every_metric_that_is_served_is_described_as_what_it_is() {
    let installation = Installation::new().with("SSF_TRANSMITTER_SIGNING_ALGORITHM", "ES256");
    let transmitter = installation.serve();
    with_lines(&transmitter, ALWAYS).await;
    delivered(&installation, &transmitter).await;
    let body = with_lines(&transmitter, BUSY).await;
    let labels = labels_served(&body);
    for (name, kind) in served(&body) {
        let described = metric(name).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(described.kind.as_str(), kind, "{name}");
        let labels = labels.get(name).into_iter().flatten();
        let labels: BTreeSet<&str> = labels.map(String::as_str).collect();
        assert_eq!(labels, labels_of(described), "{name}");
    }
}

#[tokio::test]
async fn what_receivers_refuse_is_counted_when_it_is_quarantined() {
    let installation = Installation::new();
    let transmitter = installation.serve();
    let party = Party::new(&installation, &transmitter).await;
    party.endpoint.refuse("invalid_request");
    let jti = party.offered().await;
    let error = json!({"err": "invalid_request", "description": "no such event here"});
    party
        .ask(json!({"setErrs": {(jti): error}, "maxEvents": 0}))
        .await;
    let lines = [
        r#"ssf_quarantines_total{method="push"} 1"#,
        r#"ssf_quarantines_total{method="poll"} 1"#,
    ];
    with_lines(&transmitter, &lines).await;
}

#[test]
fn every_metric_is_documented_and_every_documented_metric_exists() {
    let (_, section) = DOCUMENTED.split_once("## Probes and metrics").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let names: BTreeSet<String> = METRICS
        .iter()
        .map(|metric| metric.name.to_owned())
        .collect();
    assert_eq!(named(section), names);
    for metric in METRICS {
        let written = match metric.labels {
            [] => format!("`{}`", metric.name),
            labels => format!("`{}{{{}}}`", metric.name, labels.join(",")),
        };
        assert!(section.contains(&written), "{written}");
    }
}

#[test]
fn the_dashboard_asks_for_metrics_that_there_are() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        assert!(!panel["title"].as_str().unwrap().is_empty());
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{panel}");
        for target in targets {
            let expression = target["expr"].as_str().unwrap();
            assert!(!named(expression).is_empty(), "{expression}");
            assert_described(expression);
        }
    }
}

#[test]
fn the_alerts_ask_for_metrics_that_there_are_and_say_what_to_do() {
    let documents = YamlLoader::load_from_str(ALERTS).unwrap();
    let groups = documents[0]["groups"].as_vec().unwrap();
    let rules = groups
        .iter()
        .flat_map(|group| group["rules"].as_vec().unwrap());
    let mut names = BTreeSet::new();
    for rule in rules {
        let text = |value: &Yaml| value.as_str().map(str::to_owned).unwrap_or_default();
        let (name, expression) = (text(&rule["alert"]), text(&rule["expr"]));
        assert!(names.insert(name.clone()), "{name}");
        assert!(!named(&expression).is_empty(), "{name}");
        assert_described(&expression);
        let severity = text(&rule["labels"]["severity"]);
        assert!(["page", "ticket"].contains(&severity.as_str()), "{name}");
        for annotation in ["summary", "description"] {
            let told = text(&rule["annotations"][annotation]);
            assert!(told.ends_with('.'), "{annotation} of {name}");
        }
    }
    assert!(names.contains("SsfLedgerOutOfBalance"));
}

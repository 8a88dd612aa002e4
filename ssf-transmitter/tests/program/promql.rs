//! Which metrics, and which of their labels, stand in an expression for Prometheus, or in what Prometheus is told.

use std::collections::BTreeSet;

use ssf_transmitter::telemetry::{METRICS, Metric, MetricKind};

fn is_between_words(c: char) -> bool {
    !(c.is_ascii_alphanumeric() || c == '_')
}

pub(crate) fn metric(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name)
}

/// The labels that a metric has, with the one that Prometheus gives the buckets of a histogram.
pub(crate) fn labels_of(metric: &Metric) -> BTreeSet<&'static str> {
    let bound = match metric.kind {
        MetricKind::Histogram => Some("le"),
        MetricKind::Counter | MetricKind::Gauge => None,
    };
    metric.labels.iter().copied().chain(bound).collect()
}

/// A name without what Prometheus puts behind those of histograms.
fn base(name: &str) -> String {
    let is_histogram =
        |name: &&str| metric(name).is_some_and(|metric| metric.kind == MetricKind::Histogram);
    let suffixes = ["_bucket", "_sum", "_count"];
    let mut bases = suffixes.iter().filter_map(|end| name.strip_suffix(end));
    bases.find(is_histogram).unwrap_or(name).to_owned()
}

/// The metrics that a text names.
pub(crate) fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(is_between_words);
    let names = words.filter(|word| word.starts_with("ssf_"));
    names.map(base).collect()
}

/// The metrics that a text gives labels, or asks for some, each with one of those.
pub(crate) fn labelled(text: &str) -> BTreeSet<(String, String)> {
    // Values may hold braces and commas.
    let text: String = text.split('"').step_by(2).collect();
    let mut labelled = matched(&text);
    labelled.extend(grouped(&text));
    labelled
}

/// What stands in braces behind the name of a metric.
fn matched(text: &str) -> BTreeSet<(String, String)> {
    let mut matched = BTreeSet::new();
    for piece in text.split('}') {
        let Some((before, inside)) = piece.rsplit_once('{') else {
            continue;
        };
        let name = before.rsplit(is_between_words).next().unwrap_or_default();
        for matcher in inside.split(',') {
            let label = matcher.trim_start().split(is_between_words).next();
            matched.insert((base(name), label.unwrap_or_default().to_owned()));
        }
    }
    matched
}

/// What is grouped, with the labels by which. Where the labels stand behind it, that is all of the text.
fn grouped(text: &str) -> BTreeSet<(String, String)> {
    let mut grouped = BTreeSet::new();
    for (at, by) in text.match_indices("by") {
        let behind = text[at + by.len()..].trim_start().strip_prefix('(');
        let Some((labels, behind)) = behind.and_then(|labels| labels.split_once(')')) else {
            continue;
        };
        let group = behind.trim_start().strip_prefix('(');
        for name in named(group.map_or(text, until_closed)) {
            let labels = labels.split(',').map(str::trim);
            grouped.extend(labels.map(|label| (name.clone(), label.to_owned())));
        }
    }
    grouped
}

/// What stands before the parenthesis that closes one which was opened before.
fn until_closed(text: &str) -> &str {
    let mut open = 1_u32;
    for (at, c) in text.char_indices() {
        match c {
            '(' => open += 1,
            ')' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return &text[..at];
        }
    }
    text
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    let owned = |(name, label): &(&str, &str)| ((*name).to_owned(), (*label).to_owned());
    pairs.iter().map(owned).collect()
}

#[test]
fn labels_are_found_in_braces_whatever_their_values_are() {
    let text = r#"rate(ssf_a{one!="b", two=~"{c},d"}[5m]) / ssf_b{three="e"}"#;
    let expected = [("ssf_a", "one"), ("ssf_a", "two"), ("ssf_b", "three")];
    assert_eq!(labelled(text), pairs(&expected));
}

#[test]
fn labels_are_found_in_groups_wherever_they_stand() {
    let text = "sum by (one, two) (rate(ssf_a[5m])) > max(ssf_b)";
    let expected = [("ssf_a", "one"), ("ssf_a", "two")];
    assert_eq!(labelled(text), pairs(&expected));
    let behind = "max(ssf_b) by(one)";
    assert_eq!(labelled(behind), pairs(&[("ssf_b", "one")]));
}

#[test]
fn a_histogram_is_named_by_its_buckets_and_has_their_bound() {
    let text = "sum by (le) (rate(ssf_sign_seconds_bucket[5m]))";
    assert_eq!(named(text), BTreeSet::from(["ssf_sign_seconds".to_owned()]));
    assert_eq!(labelled(text), pairs(&[("ssf_sign_seconds", "le")]));
    let signing = metric("ssf_sign_seconds").unwrap();
    assert_eq!(labels_of(signing), BTreeSet::from(["algorithm", "le"]));
}

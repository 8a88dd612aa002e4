//! What whoever pushes has to show (SSF 1.0 §6.1.1); not run where the stream is polled.

use serde_json::Value;

use super::RECEIVER;
use crate::{
    case::{Case, Judge, Stop},
    checks::{Level::Should, shown},
    peer::{Operation, host::Seen},
    push::Probe,
};

const PUSH: &str = "urn:ietf:rfc:8935";

/// The cases.
pub(super) const CASES: &[Case] = &[Case {
    id: "SSF-R-121.authorization_header",
    section: "SSF 1.0 §6.1.1",
    level: Should,
    title: "whoever asks for pushes says what they have to show: authorization_header",
    why: "without it the endpoint takes bodies from everybody, and each has to be verified before it can be thrown away",
    tags: &["receiver", "push"],
    judge: Judge::Push(|p| Box::pin(async { has_secret(p) })),
    ..RECEIVER
}];

fn has_secret(probe: &Probe) -> Result<(), Stop> {
    for seen in probe.asked(|seen| pushed(seen).is_some())? {
        let delivery = pushed(&seen).unwrap_or_default();
        let secret = &delivery["authorization_header"];
        let is_text = secret
            .as_str()
            .is_some_and(|secret| !secret.trim().is_empty());
        // Which it is stands in no report.
        let found = if is_text {
            "one".to_owned()
        } else {
            shown(secret)
        };
        let what = format!("{}: authorization_header", seen.asked());
        probe.expect(is_text, what, "a string that is not empty", found);
    }
    Ok(())
}

/// The `delivery` of a request that has a stream be pushed.
fn pushed(seen: &Seen) -> Option<Value> {
    let configures = matches!(
        seen.operation,
        Some(Operation::Create | Operation::Update | Operation::Replace)
    );
    let delivery = seen.object()?.remove("delivery")?;
    (configures && delivery["method"] == PUSH).then_some(delivery)
}

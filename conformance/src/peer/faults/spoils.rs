//! What many faults do.

use serde_json::{Map, Value, json};

use crate::peer::{Asked, Caller, Operation, Reply};

/// Takes one caller for another.
pub(super) fn as_if(asked: &mut Asked, operation: Operation, from: Caller, to: Caller) {
    if asked.is(operation) && asked.caller == from {
        asked.caller = to;
    }
}

/// Answers with another status where it would have been this one.
pub(super) fn instead(asked: &Asked, reply: &mut Reply, operation: Operation, from: u16, to: u16) {
    if asked.is(operation) && reply.status == from {
        reply.status = to;
    }
}

/// Breaks down over a body that is not JSON.
pub(super) fn breaks_down(asked: &Asked, reply: &mut Reply, operation: Operation) {
    if asked.is(operation) && serde_json::from_slice::<Value>(&asked.body).is_err() {
        *reply = Reply::error(500);
    }
}

/// Takes a member out of the body of requests.
pub(super) fn overlooks(asked: &mut Asked, operation: Operation, member: &str) {
    if asked.is(operation) {
        asked.change(|body| drop(body.remove(member)));
    }
}

/// Takes an `endpoint_url` of a new stream that should be refused for one that is sound.
pub(super) fn overlooks_url(asked: &mut Asked, fits: impl FnOnce(&str) -> bool) {
    if asked.is(Operation::Create) {
        asked.change(|body| {
            let delivery = body.get_mut("delivery");
            let url = delivery.and_then(|delivery| delivery.get_mut("endpoint_url"));
            if let Some(url) = url
                && url.as_str().is_some_and(fits)
            {
                *url = json!("https://rp.example.com/push");
            }
        });
    }
}

/// Changes the object that successful answers are.
pub(super) fn answer(
    asked: &Asked,
    reply: &mut Reply,
    operation: Operation,
    change: impl FnOnce(&mut Map<String, Value>),
) {
    if asked.is(operation) && reply.is_success() {
        reply.change(change);
    }
}

/// Whether the body has a member.
pub(super) fn has(asked: &Asked, member: &str) -> bool {
    asked.object().is_some_and(|body| body.contains_key(member))
}

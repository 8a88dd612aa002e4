//! What peers do differently in the bodies about streams, and in those of delivery.

use super::{Body, object::Object};
use crate::{
    error::ErrCode,
    id::StreamId,
    stream::{DELIVERY_POLL, DELIVERY_PUSH},
};

/// The delivery methods as they were named up to SSE draft 1, and as SSF 1.0 §6.1 names them.
const METHODS: &[(&str, &str)] = &[
    (
        "https://schemas.openid.net/secevent/risc/delivery-method/push",
        DELIVERY_PUSH,
    ),
    (
        "https://schemas.openid.net/secevent/risc/delivery-method/poll",
        DELIVERY_POLL,
    ),
];

/// Changes the delivery object of a stream.
fn delivery(
    body: Body<'_>,
    object: &mut Object<'_>,
    change: impl FnOnce(&mut Object<'_>) -> bool,
) -> bool {
    is_stream(body) && object.edit("delivery", change)
}

/// Whether the body is that of a stream's configuration, asked for or told.
fn is_stream(body: Body<'_>) -> bool {
    match body {
        Body::CreateStream | Body::UpdateStream(_) | Body::Stream(_) | Body::Streams(_) => true,
        Body::Claims
        | Body::Metadata
        | Body::Status(_)
        | Body::Subject(_)
        | Body::Verification(_)
        | Body::PollRequest
        | Body::PushError => false,
    }
}

pub(super) fn undo_member_names(body: Body<'_>, object: &mut Object<'_>) -> bool {
    delivery(body, object, |delivery| {
        let method = delivery.rename("delivery_method", "method");
        delivery.rename("url", "endpoint_url") | method
    })
}

pub(super) fn commit_member_names(body: Body<'_>, object: &mut Object<'_>) -> bool {
    delivery(body, object, |delivery| {
        let method = delivery.rename("method", "delivery_method");
        delivery.rename("endpoint_url", "url") | method
    })
}

pub(super) fn undo_methods(body: Body<'_>, object: &mut Object<'_>) -> bool {
    replace_methods(body, object, |method| {
        METHODS
            .iter()
            .find(|(old, _)| *old == method)
            .map(|(_, new)| *new)
    })
}

pub(super) fn commit_methods(body: Body<'_>, object: &mut Object<'_>) -> bool {
    replace_methods(body, object, |method| {
        METHODS
            .iter()
            .find(|(_, new)| *new == method)
            .map(|(old, _)| *old)
    })
}

fn replace_methods(
    body: Body<'_>,
    object: &mut Object<'_>,
    replacement: impl Fn(&str) -> Option<&'static str>,
) -> bool {
    if body == Body::Metadata {
        return object.replace_items("delivery_methods_supported", replacement);
    }
    delivery(body, object, |delivery| {
        let method = delivery
            .text("method")
            .and_then(|method| replacement(&method));
        let Some(method) = method else {
            return false;
        };
        delivery.put_text("method", method);
        true
    })
}

/// The members of a stream that the Transmitter supplies (SSF 1.0 §8.1.1).
const OF_TRANSMITTER: &[&str] = &[
    "stream_id",
    "iss",
    "aud",
    "events_supported",
    "events_delivered",
    "min_verification_interval",
    "inactivity_timeout",
];

pub(super) fn has_transmitter_members(body: Body<'_>, object: &Object<'_>) -> bool {
    body == Body::CreateStream && OF_TRANSMITTER.iter().any(|name| object.has(name))
}

pub(super) fn has_subject_format(body: Body<'_>, object: &Object<'_>) -> bool {
    is_stream(body)
        && ["format", "subject_type"]
            .iter()
            .any(|name| object.has(name))
}

pub(super) fn undo_null_events(body: Body<'_>, object: &mut Object<'_>) -> bool {
    let name = "events_requested";
    is_stream(body) && object.json(name) == Some("null") && object.take(name).is_some()
}

/// The stream that stands in for a `stream_id` that the body leaves out.
fn stream(body: Body<'_>) -> Option<&StreamId> {
    match body {
        Body::UpdateStream(stream)
        | Body::Stream(stream)
        | Body::Streams(stream)
        | Body::Status(stream)
        | Body::Subject(stream)
        | Body::Verification(stream) => stream,
        Body::Claims
        | Body::Metadata
        | Body::CreateStream
        | Body::PollRequest
        | Body::PushError => None,
    }
}

pub(super) fn undo_id_left_out(body: Body<'_>, object: &mut Object<'_>) -> bool {
    let Some(stream) = stream(body).filter(|_| !object.has("stream_id")) else {
        return false;
    };
    object.put_text("stream_id", stream.as_str());
    true
}

pub(super) fn commit_id_left_out(body: Body<'_>, object: &mut Object<'_>) -> bool {
    stream(body).is_some() && object.take("stream_id").is_some()
}

pub(super) fn undo_acks(body: Body<'_>, object: &mut Object<'_>) -> bool {
    body == Body::PollRequest && object.rename("acks", "ack")
}

pub(super) fn commit_acks(body: Body<'_>, object: &mut Object<'_>) -> bool {
    body == Body::PollRequest && object.rename("ack", "acks")
}

/// What `invalid_state` was called up to SSF draft 2.
const SET_DATA: &str = "setData";

pub(super) fn undo_code(body: Body<'_>, object: &mut Object<'_>) -> bool {
    replace_code(body, object, SET_DATA, ErrCode::InvalidState.as_str())
}

pub(super) fn commit_code(body: Body<'_>, object: &mut Object<'_>) -> bool {
    replace_code(body, object, ErrCode::InvalidState.as_str(), SET_DATA)
}

fn replace_code(body: Body<'_>, object: &mut Object<'_>, from: &str, to: &str) -> bool {
    let replace = |refusal: &mut Object<'_>| {
        let met = refusal.text("err").as_deref() == Some(from);
        if met {
            refusal.put_text("err", to);
        }
        met
    };
    match body {
        Body::PushError => replace(object),
        Body::PollRequest => object.edit("setErrs", |refusals| {
            refusals.edit_each(|_, refusal| replace(refusal))
        }),
        Body::Claims
        | Body::Metadata
        | Body::CreateStream
        | Body::UpdateStream(_)
        | Body::Stream(_)
        | Body::Streams(_)
        | Body::Status(_)
        | Body::Subject(_)
        | Body::Verification(_) => false,
    }
}

//! The schemas of what operators send and get.

use serde_json::{Value, json};
use ssf_types::stream::REASON_BYTES_MAX;

use super::schemas::{array_of, reference};
use crate::domain::{
    attempt::AnswerClass,
    credential::OVERLAP_MAX,
    name::NAME_BYTES_MAX,
    profile::Profile,
    push_hosts::PUSH_HOSTS_MAX,
    quota::{BACKLOG_MAX, EVENTS_PER_SECOND_MAX},
    replay::REPLAY_MAX,
    source::SOURCE_LIST_MAX,
    trace::Standing,
    trouble::TroubleKind,
};

/// Those who have tokens.
pub(super) fn holders() -> Value {
    let text = json!({ "type": "string" });
    let name = json!({ "type": "string", "minLength": 1, "maxLength": NAME_BYTES_MAX });
    let profile = json!({ "type": "string", "enum": Profile::ALL.map(Profile::as_str) });
    let texts = json!({ "type": "array", "items": text });
    let at_most = |most: u64| json!({ "type": "integer", "minimum": 1, "maximum": most });
    let (pace, backlog) = (at_most(EVENTS_PER_SECOND_MAX), at_most(BACKLOG_MAX));
    let hosts = json!({ "type": "array", "maxItems": PUSH_HOSTS_MAX, "items": text });
    json!({
        "ReceiverPage": page("OperatedReceiver"),
        "SourcePage": page("OperatedSource"),
        "OperatedReceiver": {
            "type": "object", "required": ["id", "name", "issuer", "audience", "scopes", "profile", "push_hosts"],
            "properties": {
                "id": text, "name": name, "issuer": text, "audience": texts, "scopes": text,
                "profile": profile, "push_hosts": hosts, "token": text, "client_secret": text,
            },
        },
        "NewReceiver": {
            "type": "object", "required": ["name", "audience"], "additionalProperties": false,
            "properties": {
                "name": name, "issuer": text, "audience": texts,
                "credential": { "type": "string", "enum": ["bearer", "client_secret"] },
                "profile": profile, "push_hosts": hosts,
            },
        },
        "OperatedSource": {
            "type": "object", "required": ["id", "name", "issuer", "event_types", "subject_issuers"],
            "properties": {
                "id": text, "name": name, "issuer": text, "event_types": texts,
                "subject_issuers": reference("SubjectIssuers"), "token": text,
                "events_per_second": pace, "backlog_max": backlog,
            },
        },
        "NewSource": {
            "type": "object", "required": ["name"], "additionalProperties": false,
            "properties": {
                "name": name, "issuer": text, "event_types": texts,
                "subject_issuers": reference("SubjectIssuers"),
                "events_per_second": pace, "backlog_max": backlog,
            },
        },
        "SubjectIssuers": { "oneOf": [
            { "type": "string", "enum": ["own", "any"] },
            { "type": "array", "minItems": 1, "maxItems": SOURCE_LIST_MAX, "items": text },
        ] },
        "Rotation": {
            "type": "object", "required": ["overlap_seconds"], "additionalProperties": false,
            "properties": { "overlap_seconds": { "type": "integer", "minimum": 0, "maximum": OVERLAP_MAX.as_secs() } },
        },
        "NewToken": {
            "type": "object", "required": ["token"], "properties": { "token": text },
        },
    })
}

/// How the Receiver of a stream has answered lately.
fn circuit() -> Value {
    json!({
        "type": "object", "required": ["state"],
        "properties": {
            "state": { "type": "string", "enum": ["closed", "open"] },
            "rests_seconds": { "type": "integer" },
            "trouble": { "type": "string", "enum": TroubleKind::ALL.map(TroubleKind::as_str) },
            "last": { "type": "string" },
            "seconds": { "type": "integer" },
        },
    })
}

/// What there is to look at, and to decide on.
pub(super) fn streams() -> Value {
    let text = json!({ "type": "string" });
    let moment = json!({ "type": "number", "description": "Seconds since 1970." });
    json!({
        "StreamPage": page("OperatedStream"),
        "AuditPage": page("AuditEntry"),
        "KeyPage": page("OperatedKey"),
        "OperatedKey": {
            "type": "object", "required": ["kid", "issuer", "alg", "state", "origin", "published_from", "signs_from"],
            "properties": {
                "kid": text, "issuer": text, "alg": reference("SigningAlg"),
                "state": { "type": "string", "enum": ["published", "signing", "retiring", "gone"] },
                "origin": { "type": "string", "enum": ["made", "imported"] },
                "published_from": moment, "signs_from": moment,
                "signs_until": { "type": ["number", "null"] }, "published_until": { "type": ["number", "null"] },
            },
            "not": { "required": ["d"] },
        },
        "ForecastPage": {
            "type": "object", "required": ["matched", "items"],
            "properties": {
                "matched": { "type": "integer", "minimum": 0, "description": "How many streams would get it." },
                "items": array_of("ForeseenStream"), "next": {},
            },
        },
        "ForeseenStream": {
            "type": "object", "required": ["stream_id", "receiver_id", "status", "outcome"],
            "properties": {
                "stream_id": reference("StreamId"), "receiver_id": text, "status": reference("StreamStatus"),
                "outcome": { "type": "string", "enum": ["sent", "held", "skipped"] },
                "sub_id": reference("Subject"), "reason": text,
            },
        },
        "OperatedStream": {
            "type": "object", "required": ["stream_id", "receiver_id", "issuer", "aud", "events_delivered", "status", "created_at"],
            "properties": {
                "stream_id": reference("StreamId"), "receiver_id": text, "issuer": text, "aud": reference("Audience"),
                "events_delivered": reference("EventTypes"), "status": reference("StreamStatus"),
                "reason": text, "created_at": moment,
                "backlog": {
                    "type": "object", "required": ["pending", "held", "quarantined"],
                    "properties": {
                        "pending": { "type": "integer" }, "held": { "type": "boolean" },
                        "quarantined": { "type": "integer" },
                        "oldest_pending_seconds": { "type": ["integer", "null"] },
                    },
                },
                "circuit": circuit(),
            },
        },
        "NewStatus": {
            "type": "object", "required": ["status"], "additionalProperties": false,
            "properties": {
                "status": reference("StreamStatus"),
                "reason": { "type": "string", "maxLength": REASON_BYTES_MAX },
            },
        },
        "AuditEntry": {
            "type": "object", "required": ["seq", "at", "actor", "action", "target", "phase", "details", "hash"],
            "properties": {
                "seq": { "type": "integer" }, "at": { "type": "number" }, "actor": { "type": "object" },
                "action": text, "target": text, "phase": text, "hash": text,
                "details": { "type": "object" },
            },
        },
    })
}

/// Deliveries, what has become of events, and what is sent once more.
pub(super) fn deliveries() -> Value {
    let text = json!({ "type": "string" });
    let count = json!({ "type": "integer", "minimum": 0 });
    let moment = json!({ "type": "number", "description": "Seconds since 1970." });
    let standing = json!({ "type": "string", "enum": Standing::ALL.map(Standing::as_str) });
    let class = json!({ "type": "string", "enum": AnswerClass::ALL.map(AnswerClass::as_str) });
    json!({
        "DeliveryPage": page("Delivered"),
        "Delivered": {
            "type": "object",
            "required": ["stream_id", "number", "jti", "event_id", "event_type", "made_at", "repetition", "state", "failed_attempts"],
            "properties": {
                "stream_id": reference("StreamId"), "number": count, "jti": text, "event_id": text,
                "event_type": text, "made_at": moment, "repetition": count, "state": standing,
                "failed_attempts": count, "due_at": moment, "settled_at": moment,
                "http_status": { "type": "integer" }, "code": text,
                "with_receiver_until": moment, "attempts": array_of("Attempt"),
            },
            "not": { "required": ["sub_id"] },
        },
        "Attempt": {
            "type": "object", "required": ["number", "at", "class", "status", "code", "description"],
            "properties": {
                "number": { "type": "integer", "minimum": 1 }, "at": moment, "class": class,
                "status": { "type": ["integer", "null"] }, "code": { "type": ["string", "null"] },
                "description": { "type": ["string", "null"], "description": "The words of the Receiver; they may name the subject." },
            },
        },
        "ReplayWanted": {
            "type": "object", "additionalProperties": false,
            "properties": {
                "stream_id": reference("StreamId"),
                "jtis": { "type": "array", "minItems": 1, "maxItems": REPLAY_MAX, "items": reference("StreamId") },
                "event_id": { "type": "string", "pattern": "^[0-9a-f]{32}$" },
                "state": { "type": "string", "enum": [Standing::Quarantined.as_str(), Standing::Delivered.as_str()] },
                "since": { "type": "number", "minimum": 0 }, "until": { "type": "number", "minimum": 0 },
                "event_type": { "type": "string", "minLength": 1 },
                "after": { "type": "string", "minLength": 1 },
            },
        },
        "ReplayPage": {
            "type": "object", "required": ["sent", "items"],
            "properties": { "sent": count, "items": array_of("Replayed"), "next": {} },
        },
        "Replayed": {
            "type": "object", "required": ["stream_id", "number", "jti", "outcome"],
            "properties": {
                "stream_id": reference("StreamId"), "number": count, "jti": text,
                "outcome": { "type": "string", "enum": ["again", "anew", "left_out"] },
                "sent_as": text, "reason": text,
            },
        },
    })
}

/// What has become of events.
pub(super) fn traces() -> Value {
    let text = json!({ "type": "string" });
    let count = json!({ "type": "integer", "minimum": 0 });
    let moment = json!({ "type": "number", "description": "Seconds since 1970." });
    let standing = json!({ "type": "string", "enum": Standing::ALL.map(Standing::as_str) });
    json!({
        "TracePage": {
            "type": "object", "required": ["events", "items"],
            "properties": { "events": array_of("TracedEvent"), "items": array_of("TracedStream"), "next": {} },
        },
        "TracedEvent": {
            "type": "object", "required": ["event_id", "issuer", "event_type", "txn", "accepted_at"],
            "properties": {
                "event_id": text, "issuer": text, "event_type": text, "txn": text, "accepted_at": moment,
                "fanned_out": {
                    "type": "object", "required": ["at", "matched", "skipped", "not_kept"],
                    "properties": {
                        "at": moment, "matched": count, "not_kept": count,
                        "skipped": { "type": "object", "additionalProperties": count },
                    },
                },
            },
        },
        "TracedStream": {
            "type": "object", "required": ["event_id", "stream_id", "receiver_id", "status"],
            "properties": {
                "event_id": text, "stream_id": reference("StreamId"), "receiver_id": text,
                "status": reference("StreamStatus"), "state": standing, "deliveries": array_of("Delivered"),
                "reason": text, "as_of_now": { "type": "boolean" },
            },
        },
    })
}

fn page(of: &str) -> Value {
    json!({
        "type": "object", "required": ["items"],
        "properties": { "items": array_of(of), "next": {} },
    })
}

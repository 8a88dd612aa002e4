//! The schemas of bodies. What they demand of requests is what the readers refuse; lengths are in characters, which are
//! never more than the bytes that the readers count.

use serde_json::{Value, json};
use ssf_types::{
    event::ssf::STATE_BYTES_MAX,
    poll::SETTLED_MAX,
    set::{Algorithm, NUMBERS_MAX, RANGES_MAX, SEQ_MAX},
    stream::{
        DELIVERY_POLL, DELIVERY_PUSH, DESCRIPTION_BYTES_MAX, EVENT_TYPES_MAX, REASON_BYTES_MAX,
    },
};

use super::operating;
use crate::domain::{
    event::SUBMISSION_EVENTS_MAX,
    token_request::{ASSERTION_TYPE, GRANT_TYPE},
};

/// All schemas by their names.
pub(super) fn all() -> Value {
    let groups = [
        configuration(),
        requests(),
        polling(),
        replaying(),
        events(),
        tokens(),
        documents(),
        operating::holders(),
        operating::streams(),
        operating::deliveries(),
        operating::traces(),
    ];
    let members = groups.into_iter().filter_map(|group| match group {
        Value::Object(schemas) => Some(schemas),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            None
        }
    });
    Value::Object(members.flatten().collect())
}

pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

pub(super) fn array_of(name: &str) -> Value {
    json!({ "type": "array", "items": reference(name) })
}

/// The names of the algorithms that there are.
fn signing_algs() -> Vec<&'static str> {
    Algorithm::ALL.iter().map(|alg| alg.as_str()).collect()
}

/// An identifier of ours: bytes that can stand in a log.
fn identifier() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]+$" })
}

/// A stream as it is told (SSF 1.0 §8.1.1).
fn configuration() -> Value {
    json!({
        "StreamId": identifier(),
        "EventTypes": {
            "type": "array", "maxItems": EVENT_TYPES_MAX,
            "items": { "type": "string", "minLength": 1, "description": "The URI of an event type." },
        },
        "SigningAlg": {
            "type": "string", "enum": signing_algs(),
            "description": "What SETs are signed with; the metadata has those that may be asked for.",
        },
        "Numbered": {
            "type": "boolean",
            "description": "Whether SETs have the claim `set_sequence`, chosen when the stream is created.",
        },
        "Delivery": { "oneOf": [reference("PushDelivery"), reference("PollDelivery")] },
        "PushDelivery": {
            "type": "object", "required": ["method", "endpoint_url"],
            "properties": {
                "method": { "type": "string", "enum": [DELIVERY_PUSH] },
                "endpoint_url": { "type": "string", "format": "uri", "description": "An `https` URL with a public host." },
                "authorization_header": {
                    "type": "string", "minLength": 1, "maxLength": 4096, "writeOnly": true,
                    "description": "The value of `Authorization` in each push.",
                },
            },
        },
        "PollDelivery": {
            "type": "object", "required": ["method"],
            "properties": {
                "method": { "type": "string", "enum": [DELIVERY_POLL] },
                "endpoint_url": { "type": "string", "format": "uri", "readOnly": true },
            },
        },
        "Stream": {
            "type": "object", "required": ["stream_id", "iss", "aud", "events_delivered", "delivery"],
            "properties": {
                "stream_id": reference("StreamId"),
                "iss": { "type": "string", "format": "uri" },
                "aud": reference("Audience"),
                "events_supported": reference("EventTypes"),
                "events_requested": reference("EventTypes"),
                "events_delivered": reference("EventTypes"),
                "delivery": reference("Delivery"),
                "min_verification_interval": { "type": "integer", "minimum": 0, "description": "Seconds." },
                "inactivity_timeout": { "type": "integer", "minimum": 1, "description": "Seconds." },
                "description": { "type": "string" },
                "set_signing_alg": reference("SigningAlg"),
                "set_sequence": reference("Numbered"),
            },
        },
        "Audience": { "oneOf": [
            { "type": "string" },
            { "type": "array", "items": { "type": "string" } },
        ] },
        "Streams": { "oneOf": [reference("Stream"), array_of("Stream")] },
        "StreamStatus": { "type": "string", "enum": ["enabled", "paused", "disabled"] },
        "Status": {
            "type": "object", "required": ["stream_id", "status"],
            "properties": {
                "stream_id": reference("StreamId"),
                "status": reference("StreamStatus"),
                "reason": { "type": "string" },
            },
        },
    })
}

/// What Receivers send about their streams (SSF 1.0 §8.1).
fn requests() -> Value {
    let description = json!({ "type": "string", "maxLength": DESCRIPTION_BYTES_MAX });
    // What the Transmitter supplies may be sent along, and must be what the stream has.
    let own = json!({
        "stream_id": reference("StreamId"),
        "events_requested": reference("EventTypes"),
        "delivery": reference("Delivery"),
        "description": description,
        "set_signing_alg": reference("SigningAlg"),
        "set_sequence": reference("Numbered"),
    });
    json!({
        "CreateStream": {
            "type": "object",
            "properties": {
                "events_requested": reference("EventTypes"),
                "delivery": reference("Delivery"),
                "description": description,
                "set_signing_alg": reference("SigningAlg"),
                "set_sequence": reference("Numbered"),
            },
        },
        "UpdateStream": { "type": "object", "required": ["stream_id"], "properties": own },
        "ReplaceStream": {
            "type": "object", "required": ["stream_id", "delivery"], "properties": own,
        },
        "UpdateStatus": {
            "type": "object", "required": ["stream_id", "status"],
            "properties": {
                "stream_id": reference("StreamId"),
                "status": reference("StreamStatus"),
                "reason": { "type": "string", "maxLength": REASON_BYTES_MAX },
            },
        },
        "AddSubject": {
            "type": "object", "required": ["stream_id", "subject"],
            "properties": {
                "stream_id": reference("StreamId"),
                "subject": reference("Subject"),
                "verified": { "type": "boolean", "default": true },
            },
        },
        "RemoveSubject": {
            "type": "object", "required": ["stream_id", "subject"],
            "properties": { "stream_id": reference("StreamId"), "subject": reference("Subject") },
        },
        "Subject": {
            "type": "object", "required": ["format"], "description": "A subject (RFC 9493, SSF 1.0 §3).",
            "properties": { "format": { "type": "string", "minLength": 1 } },
        },
        "Verification": {
            "type": "object", "required": ["stream_id"],
            "properties": {
                "stream_id": reference("StreamId"),
                "state": { "type": "string", "maxLength": STATE_BYTES_MAX },
            },
        },
    })
}

/// SETs that are asked for again: an extension of SSF 1.0.
fn replaying() -> Value {
    let number = json!({ "type": "integer", "minimum": 1, "maximum": SEQ_MAX });
    let pair = json!({ "type": "array", "items": number, "minItems": 2, "maxItems": 2 });
    json!({
        "Numbers": {
            "type": "array", "minItems": 1, "maxItems": NUMBERS_MAX,
            "description": "Pairs of a first and a last number, ascending and apart from each other.",
            "items": pair,
        },
        "NumbersWanted": {
            "type": "object", "required": ["stream_id", "epoch", "numbers"],
            "properties": {
                "stream_id": reference("StreamId"), "epoch": identifier(),
                "numbers": {
                    "type": "array", "minItems": 1, "maxItems": RANGES_MAX,
                    "description": "Pairs of a first and a last number, ascending and apart from each other: 1000 numbers at most.",
                    "items": pair,
                },
            },
        },
        "NumbersReplayed": {
            "type": "object",
            "properties": {
                "again": reference("Numbers"), "pending": reference("Numbers"),
                "left_out": {
                    "type": "array",
                    "items": {
                        "type": "object", "required": ["reason", "numbers"],
                        "properties": {
                            "reason": {
                                "type": "string",
                                "enum": ["not_kept", "dropped", "type_not_delivered", "of_the_framework", "stream_dropping"],
                            },
                            "numbers": reference("Numbers"),
                        },
                    },
                },
            },
        },
    })
}

/// Polls (RFC 8936 §2).
fn polling() -> Value {
    let jti = identifier();
    json!({
        "Poll": {
            "type": "object",
            "properties": {
                "maxEvents": { "type": "integer", "minimum": 0 },
                "returnImmediately": { "type": "boolean", "default": false },
                "ack": { "type": "array", "maxItems": SETTLED_MAX, "items": jti },
                "setErrs": {
                    "type": "object", "maxProperties": SETTLED_MAX, "propertyNames": jti,
                    "additionalProperties": reference("SetError"),
                },
            },
        },
        "SetError": {
            "type": "object", "required": ["err"],
            "properties": { "err": { "type": "string" }, "description": { "type": "string" } },
        },
        "PollAnswer": {
            "type": "object", "required": ["sets"],
            "properties": {
                "sets": {
                    "type": "object", "propertyNames": jti,
                    "additionalProperties": { "type": "string", "description": "A SET." },
                },
                "moreAvailable": { "type": "boolean" },
            },
        },
    })
}

/// Events as sources hand them in, and what became of them.
fn events() -> Value {
    json!({
        "Submission": { "oneOf": [
            reference("Event"),
            { "type": "array", "minItems": 1, "maxItems": SUBMISSION_EVENTS_MAX, "items": reference("Event") },
        ] },
        "Event": {
            "type": "object", "required": ["sub_id", "events"], "additionalProperties": false,
            "properties": {
                "sub_id": reference("Subject"),
                "events": {
                    "type": "object", "minProperties": 1, "maxProperties": 1,
                    "additionalProperties": { "type": "object" },
                    "description": "One event under the URI of its type.",
                },
                "txn": { "type": "string", "minLength": 1, "maxLength": 255 },
                "toe": { "type": "number", "minimum": 0, "description": "When it happened: seconds since 1970." },
            },
        },
        "Accepted": {
            "type": "object", "required": ["events"],
            "properties": { "events": array_of("Outcome") },
        },
        "Outcome": { "oneOf": [
            {
                "type": "object", "required": ["event_id", "txn"], "additionalProperties": false,
                "properties": { "event_id": { "type": "string" }, "txn": { "type": "string" } },
            },
            {
                "type": "object", "required": ["error"], "additionalProperties": false,
                "properties": { "error": {
                    "type": "object", "required": ["code", "detail"],
                    "properties": { "code": { "type": "string" }, "detail": { "type": "string" } },
                } },
            },
        ] },
    })
}

/// The token endpoint (RFC 6749 §4.4, §5).
fn tokens() -> Value {
    let text = json!({ "type": "string" });
    json!({
        "TokenRequest": {
            "type": "object", "required": ["grant_type"],
            "properties": {
                "grant_type": { "type": "string", "enum": [GRANT_TYPE] },
                "scope": text, "client_id": text,
                "client_secret": { "type": "string", "format": "password" },
                "client_assertion_type": {
                    "type": "string", "description": format!("{ASSERTION_TYPE}, with a client_assertion"),
                },
                "client_assertion": text,
            },
        },
        "Token": {
            "type": "object", "required": ["access_token", "token_type", "expires_in", "scope"],
            "properties": {
                "access_token": text, "scope": text,
                "token_type": { "type": "string", "enum": ["Bearer"] },
                "expires_in": { "type": "integer", "minimum": 1, "maximum": 3600, "description": "Seconds." },
            },
        },
        "TokenRefusal": {
            "type": "object", "required": ["error", "error_description"],
            "properties": { "error": text, "error_description": text },
        },
    })
}

/// Documents for anybody, and errors.
fn documents() -> Value {
    let url = json!({ "type": "string", "format": "uri" });
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    json!({
        "Document": { "type": "object" },
        "TransmitterMetadata": {
            "type": "object", "required": ["spec_version", "issuer", "jwks_uri", "configuration_endpoint"],
            "properties": {
                "spec_version": { "type": "string" }, "issuer": url, "jwks_uri": url,
                "configuration_endpoint": url, "status_endpoint": url, "verification_endpoint": url,
                "add_subject_endpoint": url, "remove_subject_endpoint": url,
                "delivery_methods_supported": texts,
                "authorization_schemes": { "type": "array", "items": { "type": "object", "required": ["spec_urn"] } },
                "default_subjects": { "type": "string", "enum": ["ALL", "NONE"] },
                "set_signing_alg_values_supported": array_of("SigningAlg"),
                "set_sequence_supported": { "type": "boolean" },
                "set_sequence_replay_endpoint": url,
            },
        },
        "AuthorizationServerMetadata": {
            "type": "object", "required": ["issuer", "token_endpoint"],
            "properties": { "issuer": url, "token_endpoint": url, "grant_types_supported": texts, "scopes_supported": texts },
        },
        "ProtectedResourceMetadata": {
            "type": "object", "required": ["resource"],
            "properties": { "resource": url, "authorization_servers": texts, "scopes_supported": texts },
        },
        "Jwks": {
            "type": "object", "required": ["keys"],
            "properties": { "keys": {
                "type": "array",
                "items": {
                    "type": "object", "required": ["kty", "kid", "alg"],
                    "not": { "required": ["d"] },
                },
            } },
        },
        "Health": {
            "type": "object", "required": ["status"],
            "properties": { "status": { "type": "string", "enum": ["ok"] } },
        },
        "Problem": {
            "type": "object", "description": "RFC 9457",
            "required": ["type", "title", "status", "detail", "code", "request_id"],
            "properties": {
                "type": { "type": "string" }, "title": { "type": "string" },
                "status": { "type": "integer", "minimum": 400, "maximum": 599 },
                "detail": { "type": "string", "description": "A sentence for people." },
                "code": { "type": "string", "description": "What programs go by; its meaning stays." },
                "request_id": { "type": "string", "pattern": "^[0-9a-f]{32}$" },
                "events": array_of("Outcome"),
            },
        },
    })
}

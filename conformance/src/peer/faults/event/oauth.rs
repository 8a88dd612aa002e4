//! Faults of the events of OAuth Event Types.

use serde_json::{Value, json};

use super::{event, is_of, says};
use crate::{
    checks::Verdict::{Failed, Note, Warning},
    event_types::{
        CLIENT_CREDENTIAL_CHANGED, CLIENT_DISABLED, CLIENT_ENABLED, EventType, TOKEN_ISSUED,
        TOKEN_REVOKED, TOKENS_REVOKED,
    },
    peer::{Breaks::Set, Fault, Members},
};

/// The faults.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "token-issued is about an opaque subject",
        found: &[("OAEV-001.token-issued", Failed)],
        breaks: Set(|_, claims| {
            subject(claims, &TOKEN_ISSUED, |subject| {
                *subject = json!({ "format": "opaque", "id": subject["token"] });
            });
        }),
    },
    Fault {
        name: "token-revoked is about a token of a type that the draft does not have",
        found: &[("OAEV-001.token-revoked", Failed)],
        breaks: Set(|_, claims| {
            subject(claims, &TOKEN_REVOKED, |subject| {
                subject["token_type"] = json!("id_token");
            });
        }),
    },
    Fault {
        name: "client-disabled is about an opaque subject",
        found: &[("OAEV-002.client-disabled", Failed)],
        breaks: Set(|_, claims| {
            subject(claims, &CLIENT_DISABLED, |subject| {
                *subject = json!({ "format": "opaque", "id": subject["client_id"] });
            });
        }),
    },
    Fault {
        name: "client-enabled is about a client with a list of ids",
        found: &[("OAEV-002.client-enabled", Failed)],
        breaks: Set(|_, claims| {
            subject(claims, &CLIENT_ENABLED, |subject| {
                subject["client_id"] = json!([subject["client_id"]]);
            });
        }),
    },
    Fault {
        name: "client-credential-changed is about a client whose id is called id",
        found: &[("OAEV-002.client-credential-changed", Failed)],
        breaks: Set(|_, claims| {
            subject(claims, &CLIENT_CREDENTIAL_CHANGED, |subject| {
                *subject = json!({ "format": "oauth_client", "id": subject["client_id"] });
            });
        }),
    },
    Fault {
        name: "the reason of token-revoked is one of its own",
        found: &[("OAEV-003.token-revoked", Note)],
        breaks: Set(|_, claims| says(claims, &TOKEN_REVOKED, "reason", json!("expired"))),
    },
    Fault {
        name: "the reason of tokens-revoked is an object",
        found: &[("OAEV-003.tokens-revoked", Warning)],
        breaks: Set(|_, claims| says(claims, &TOKENS_REVOKED, "reason", json!({ "en": "so" }))),
    },
    Fault {
        name: "tokens-revoked repeats its subject",
        found: &[("OAEV-004.sub_id", Failed)],
        breaks: Set(|_, claims| {
            let subject = claims.get("sub_id").cloned().unwrap_or_default();
            says(claims, &TOKENS_REVOKED, "subject", subject);
        }),
    },
    Fault {
        name: "clients have a subject_type besides the format",
        found: &[("OAEV-004.sub_id", Failed)],
        breaks: Set(|_, claims| {
            subject(claims, &CLIENT_ENABLED, |subject| {
                subject["subject_type"] = json!("oauth_client");
            });
        }),
    },
    Fault {
        name: "the owner of a token that was issued is a text",
        found: &[("OAEV-005.token-issued", Warning)],
        breaks: Set(|_, claims| says(claims, &TOKEN_ISSUED, "token_subject", json!("owner"))),
    },
    Fault {
        name: "the owner of a token that was revoked has no format",
        found: &[("OAEV-005.token-revoked", Warning)],
        breaks: Set(|_, claims| {
            event(claims, &TOKEN_REVOKED, |says| {
                if let Some(Value::Object(owner)) = says.get_mut("token_subject") {
                    owner.remove("format");
                }
            });
        }),
    },
];

/// Changes the subject of events of one type.
fn subject(claims: &mut Members, of: &EventType, change: impl FnOnce(&mut Value)) {
    if is_of(claims, of)
        && let Some(subject) = claims.get_mut("sub_id")
    {
        change(subject);
    }
}

//! What peers do differently within an event, and in the URIs of events.

use super::{
    Body,
    object::{Object, quoted},
};
use crate::event::{
    EventPayload, KNOWN_EVENT_TYPES,
    caep::{AssuranceLevelChange, RiskLevelChange, SessionEstablished, TokenClaimsChange},
    okta::OktaEvent,
    risc::IdentifierChanged,
    ssf::{StreamUpdated, Verification},
};

/// The member of a SET that holds its events.
pub(super) const EVENTS: &str = "events";

/// URIs of the framework events up to SSE draft 1.
pub(super) const SSE_URIS: Uris = Uris(&[
    (
        "https://schemas.openid.net/secevent/sse/event-type/verification",
        Verification::URI,
    ),
    (
        "https://schemas.openid.net/secevent/sse/event-type/stream-updated",
        StreamUpdated::URI,
    ),
]);

/// The URI of the verification event in the RISC profile of 2018.
pub(super) const RISC_URIS: Uris = Uris(&[(
    "https://schemas.openid.net/secevent/risc/event-type/verification",
    Verification::URI,
)]);

/// The spelling in the examples of SSE and SSF up to draft 3.
pub(super) const TOKEN_CLAIMS_URIS: Uris = Uris(&[(
    "https://schemas.openid.net/secevent/caep/event-type/token-claims-changed",
    TokenClaimsChange::URI,
)]);

/// URIs of event types that a peer spells differently: its own, and that of the specification.
pub(super) struct Uris(&'static [(&'static str, &'static str)]);

impl Uris {
    pub(super) fn undo(&self, body: Body<'_>, object: &mut Object<'_>) -> bool {
        replace(body, object, self.0.iter().copied())
    }

    pub(super) fn commit(&self, body: Body<'_>, object: &mut Object<'_>) -> bool {
        replace(
            body,
            object,
            self.0.iter().map(|(theirs, ours)| (*ours, *theirs)),
        )
    }
}

fn replace(
    body: Body<'_>,
    object: &mut Object<'_>,
    uris: impl Iterator<Item = (&'static str, &'static str)> + Clone,
) -> bool {
    match body {
        Body::Claims => object.edit(EVENTS, |events| {
            uris.fold(false, |any, (from, to)| any | events.rename(from, to))
        }),
        Body::CreateStream | Body::UpdateStream(_) | Body::Stream(_) | Body::Streams(_) => {
            let lists = ["events_requested", "events_supported", "events_delivered"];
            lists.iter().fold(false, |any, list| {
                any | object.replace_items(list, |uri| {
                    uris.clone()
                        .find(|(from, _)| *from == uri)
                        .map(|(_, to)| to)
                })
            })
        }
        Body::Metadata
        | Body::Status(_)
        | Body::Subject(_)
        | Body::Verification(_)
        | Body::PollRequest
        | Body::PushError => false,
    }
}

/// Changes the payload of each event, which comes with its URI; tells whether any was changed.
pub(super) fn each(
    body: Body<'_>,
    object: &mut Object<'_>,
    change: impl FnMut(&str, &mut Object<'_>) -> bool,
) -> bool {
    body == Body::Claims && object.edit(EVENTS, |events| events.edit_each(change))
}

/// Whether one of our tables has the type: the members of others may mean anything.
pub(super) fn is_known(uri: &str) -> bool {
    KNOWN_EVENT_TYPES.contains(&uri) || OktaEvent::EVENT_TYPES.contains(&uri)
}

/// Members of a payload that are no changed claims: those of CAEP 1.0 §2, and the subject.
const NO_CLAIMS: &[&str] = &[
    "event_timestamp",
    "initiating_entity",
    "reason_admin",
    "reason_user",
    "subject",
];

pub(super) fn undo_unwrapped(uri: &str, payload: &mut Object<'_>) -> bool {
    if uri != TokenClaimsChange::URI || payload.has("claims") {
        return false;
    }
    let names = payload.names().filter(|name| !NO_CLAIMS.contains(name));
    let names: Vec<String> = names.map(str::to_owned).collect();
    let claims: Vec<String> = names
        .iter()
        .filter_map(|name| Some(format!("{}:{}", quoted(name), payload.take(name)?)))
        .collect();
    if claims.is_empty() {
        return false;
    }
    payload.put("claims", format!("{{{}}}", claims.join(",")));
    true
}

pub(super) fn commit_unwrapped(uri: &str, payload: &mut Object<'_>) -> bool {
    let known = |name: &str| name == "claims" || NO_CLAIMS.contains(&name);
    if uri != TokenClaimsChange::URI || !payload.names().all(known) {
        return false;
    }
    let Some(claims) = payload.object("claims").map(Object::into_owned) else {
        return false;
    };
    if claims.len() == 0 || claims.names().any(known) {
        return false;
    }
    payload.take("claims");
    for name in claims.names() {
        payload.put(name, claims.json(name).unwrap_or_default().to_owned());
    }
    true
}

/// The members of a payload that are texts in several languages (CAEP 1.0 §2).
const REASONS: &[&str] = &["reason_admin", "reason_user"];

/// The tag of a language that was not determined (BCP 47, RFC 5646 §4.1).
const UNDETERMINED: &str = "und";

pub(super) fn undo_reason(uri: &str, payload: &mut Object<'_>) -> bool {
    is_known(uri)
        && REASONS.iter().fold(false, |any, name| {
            let Some(text) = payload.text(name) else {
                return any;
            };
            let reason = Object::of(UNDETERMINED, quoted(&text));
            payload.put(name, reason.to_json());
            true
        })
}

pub(super) fn commit_reason(uri: &str, payload: &mut Object<'_>) -> bool {
    is_known(uri)
        && REASONS.iter().fold(false, |any, name| {
            let reason = payload.object(name).filter(|texts| texts.len() == 1);
            let Some(text) = reason.and_then(|texts| texts.text(UNDETERMINED)) else {
                return any;
            };
            payload.put_text(name, &text);
            true
        })
}

/// The values of `risk-level-change` that CAEP 1.0 §3.8 defines, by member.
const LEVELS: &[(&str, &[&str])] = &[
    ("current_level", &["LOW", "MEDIUM", "HIGH"]),
    ("previous_level", &["LOW", "MEDIUM", "HIGH"]),
    (
        "principal",
        &["USER", "DEVICE", "SESSION", "TENANT", "ORG_UNIT", "GROUP"],
    ),
];

pub(super) fn undo_levels(uri: &str, payload: &mut Object<'_>) -> bool {
    replace_levels(uri, payload, |text, value| {
        (text != value && text.eq_ignore_ascii_case(value)).then(|| value.to_owned())
    })
}

pub(super) fn commit_levels(uri: &str, payload: &mut Object<'_>) -> bool {
    replace_levels(uri, payload, |text, value| {
        (text == value).then(|| value.to_ascii_lowercase())
    })
}

fn replace_levels(
    uri: &str,
    payload: &mut Object<'_>,
    replacement: impl Fn(&str, &str) -> Option<String>,
) -> bool {
    if uri != RiskLevelChange::URI {
        return false;
    }
    LEVELS.iter().fold(false, |any, (name, values)| {
        let level = payload
            .text(name)
            .and_then(|text| values.iter().find_map(|value| replacement(&text, value)));
        let Some(level) = level else {
            return any;
        };
        payload.put_text(name, &level);
        true
    })
}

pub(super) fn undo_new_value(uri: &str, payload: &mut Object<'_>) -> bool {
    uri == IdentifierChanged::URI && payload.rename("new_value", "new-value")
}

pub(super) fn commit_new_value(uri: &str, payload: &mut Object<'_>) -> bool {
    uri == IdentifierChanged::URI && payload.rename("new-value", "new_value")
}

pub(super) fn undo_amr(uri: &str, payload: &mut Object<'_>) -> bool {
    let amr = payload
        .text("amr")
        .filter(|_| uri == SessionEstablished::URI);
    let Some(amr) = amr else {
        return false;
    };
    payload.put("amr", format!("[{}]", quoted(&amr)));
    true
}

pub(super) fn commit_amr(uri: &str, payload: &mut Object<'_>) -> bool {
    if uri != SessionEstablished::URI {
        return false;
    }
    let amr = payload.json("amr").map(serde_json::from_str::<[String; 1]>);
    let Some(Ok([amr])) = amr else {
        return false;
    };
    payload.put_text("amr", &amr);
    true
}

/// What CAEP draft 1 said without a namespace.
const NIST_AAL: &str = "NIST-AAL";

fn has_nist_level(payload: &Object<'_>) -> bool {
    let levels = ["nist-aal1", "nist-aal2", "nist-aal3"];
    let level = payload.text("current_level");
    level.is_some_and(|level| levels.contains(&level.as_str()))
}

pub(super) fn undo_namespace(uri: &str, payload: &mut Object<'_>) -> bool {
    let met =
        uri == AssuranceLevelChange::URI && !payload.has("namespace") && has_nist_level(payload);
    if met {
        payload.put_text("namespace", NIST_AAL);
    }
    met
}

pub(super) fn commit_namespace(uri: &str, payload: &mut Object<'_>) -> bool {
    let fits = uri == AssuranceLevelChange::URI
        && payload.text("namespace").as_deref() == Some(NIST_AAL)
        && has_nist_level(payload);
    fits && payload.take("namespace").is_some()
}

pub(super) fn undo_state(uri: &str, payload: &mut Object<'_>) -> bool {
    uri == Verification::URI
        && payload.json("state") == Some("null")
        && payload.take("state").is_some()
}

pub(super) fn commit_state(uri: &str, payload: &mut Object<'_>) -> bool {
    let fits = uri == Verification::URI && !payload.has("state");
    if fits {
        payload.put("state", "null".to_owned());
    }
    fits
}

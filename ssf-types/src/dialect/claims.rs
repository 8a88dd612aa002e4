//! What peers do differently in the claims of a SET, outside its event.

use super::{
    Body, IMPLICIT_STREAM,
    event::{self, EVENTS},
    object::{Object, quoted, same},
};
use crate::{
    event::{
        EventPayload, Family,
        ssf::{StreamUpdated, Verification},
    },
    time::Timestamp,
};

/// The claim that names the subject of a SET (SSF 1.0 §3.1).
const SUB_ID: &str = "sub_id";

/// The member that names it within an event of old.
const SUBJECT: &str = "subject";

pub(super) fn undo_subject_in_both(body: Body<'_>, claims: &mut Object<'_>) -> bool {
    let Some(sub_id) = claims.json(SUB_ID).map(str::to_owned) else {
        return false;
    };
    event::each(body, claims, |_, payload| {
        payload
            .json(SUBJECT)
            .is_some_and(|subject| same(subject, &sub_id))
            && payload.take(SUBJECT).is_some()
    })
}

pub(super) fn commit_subject_in_both(body: Body<'_>, claims: &mut Object<'_>) -> bool {
    let Some(sub_id) = claims.json(SUB_ID).map(str::to_owned) else {
        return false;
    };
    event::each(body, claims, |uri, payload| {
        let repeats = matches!(Family::of(uri), Some(Family::Caep | Family::Risc));
        let fits = repeats && !payload.has(SUBJECT);
        if fits {
            payload.put(SUBJECT, sub_id.clone());
        }
        fits
    })
}

pub(super) fn subjects_differ(body: Body<'_>, claims: &mut Object<'_>) -> bool {
    let Some(sub_id) = claims.json(SUB_ID).map(str::to_owned) else {
        return false;
    };
    event::each(body, claims, |_, payload| {
        let subject = payload
            .json(SUBJECT)
            .filter(|_| payload.object(SUBJECT).is_some());
        subject.is_some_and(|subject| !same(subject, &sub_id))
    })
}

pub(super) fn undo_subject_in_event(body: Body<'_>, claims: &mut Object<'_>) -> bool {
    if claims.has(SUB_ID) || !has_one_event(claims) {
        return false;
    }
    let mut moved = None;
    event::each(body, claims, |_, payload| {
        if payload.object(SUBJECT).is_some() {
            moved = payload.take(SUBJECT).map(std::borrow::Cow::into_owned);
        }
        moved.is_some()
    });
    let Some(subject) = moved else {
        return false;
    };
    claims.put(SUB_ID, subject);
    true
}

pub(super) fn commit_subject_in_event(body: Body<'_>, claims: &mut Object<'_>) -> bool {
    let sub_id = claims.json(SUB_ID).map(str::to_owned);
    let Some(sub_id) = sub_id.filter(|_| has_one_event(claims)) else {
        return false;
    };
    let moved = event::each(body, claims, |_, payload| {
        let fits = !payload.has(SUBJECT);
        if fits {
            payload.put(SUBJECT, sub_id.clone());
        }
        fits
    });
    moved && claims.take(SUB_ID).is_some()
}

fn has_one_event(claims: &Object<'_>) -> bool {
    claims
        .object(EVENTS)
        .is_some_and(|events| events.len() == 1)
}

pub(super) fn undo_without_subject(body: Body<'_>, claims: &mut Object<'_>) -> bool {
    let met = body == Body::Claims && !claims.has(SUB_ID) && is_framework(claims);
    if met {
        claims.put(SUB_ID, implicit_subject());
    }
    met
}

pub(super) fn commit_without_subject(body: Body<'_>, claims: &mut Object<'_>) -> bool {
    let sub_id = claims.json(SUB_ID);
    let fits = body == Body::Claims
        && is_framework(claims)
        && sub_id.is_some_and(|sub_id| same(sub_id, &implicit_subject()));
    fits && claims.take(SUB_ID).is_some()
}

fn is_framework(claims: &Object<'_>) -> bool {
    claims.object(EVENTS).is_some_and(|events| {
        let mut names = events.names();
        events.len() == 1 && names.all(|uri| [Verification::URI, StreamUpdated::URI].contains(&uri))
    })
}

fn implicit_subject() -> String {
    format!(r#"{{"format":"opaque","id":{}}}"#, quoted(IMPLICIT_STREAM))
}

/// The claims of a SET that are moments, and the member of an event that is one.
const MOMENTS: &[&str] = &["iat", "toe"];
const EVENT_TIMESTAMP: &str = "event_timestamp";

pub(super) fn undo_milliseconds(body: Body<'_>, claims: &mut Object<'_>) -> bool {
    replace_moments(body, claims, seconds)
}

pub(super) fn commit_milliseconds(body: Body<'_>, claims: &mut Object<'_>) -> bool {
    replace_moments(body, claims, milliseconds)
}

fn replace_moments(
    body: Body<'_>,
    claims: &mut Object<'_>,
    replacement: fn(&str) -> Option<String>,
) -> bool {
    let replace = |object: &mut Object<'_>, name: &str| {
        let Some(moment) = object.json(name).and_then(replacement) else {
            return false;
        };
        object.put(name, moment);
        true
    };
    let above = body == Body::Claims
        && MOMENTS
            .iter()
            .fold(false, |any, name| any | replace(claims, name));
    above
        | event::each(body, claims, |uri, payload| {
            event::is_known(uri) && replace(payload, EVENT_TIMESTAMP)
        })
}

/// The numbers that are taken for milliseconds: March 1973 to November 5138.
const MILLISECONDS: std::ops::Range<u64> = 100_000_000_000..100_000_000_000_000;

/// Milliseconds as seconds, to the last digit.
fn seconds(json: &str) -> Option<String> {
    let millis: u64 = json.parse().ok()?;
    MILLISECONDS
        .contains(&millis)
        .then(|| Timestamp::from_millis(millis).to_string())
}

/// Seconds as milliseconds, where they will be taken for that.
fn milliseconds(json: &str) -> Option<String> {
    let moment: Timestamp = serde_json::from_str(json).ok()?;
    let millis = moment.as_millis();
    MILLISECONDS.contains(&millis).then(|| millis.to_string())
}

pub(super) fn undo_txn(body: Body<'_>, claims: &mut Object<'_>) -> bool {
    let Some(txn) = claims.json("txn").filter(|_| body == Body::Claims) else {
        return false;
    };
    if serde_json::from_str::<serde_json::Number>(txn).is_err() {
        return false;
    }
    let txn = txn.to_owned();
    claims.put_text("txn", &txn);
    true
}

/// Most digits of a whole number that every JSON reader keeps exactly.
const EXACT_DIGITS_MAX: usize = 15;

pub(super) fn commit_txn(body: Body<'_>, claims: &mut Object<'_>) -> bool {
    let Some(txn) = claims.text("txn").filter(|_| body == Body::Claims) else {
        return false;
    };
    let whole = txn.bytes().all(|byte| byte.is_ascii_digit())
        && (1..=EXACT_DIGITS_MAX).contains(&txn.len())
        && (txn == "0" || !txn.starts_with('0'));
    if whole {
        claims.put("txn", txn);
    }
    whole
}

pub(super) fn undo_exp(body: Body<'_>, claims: &mut Object<'_>) -> bool {
    body == Body::Claims && claims.take("exp").is_some()
}

//! Rows and what they stand for.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use sea_orm::{NotSet, Set};
use ssf_types::{event::language::Texts, time::Timestamp};

use super::entity::{detail, mask, revocation, set};
use crate::{
    inbox::{InboxError, ReceivedSet, Retained},
    revocation::{Detail, Effect, Kind, Mask, Revocation, RevocationKey, ScopeId, State},
};

pub(super) fn of_set(received: &ReceivedSet) -> set::ActiveModel {
    set::ActiveModel {
        id: NotSet,
        issuer: Set(received.issuer.to_string()),
        jti: Set(received.jti.to_string()),
        fingerprint: Set(received.fingerprint.to_bytes().to_vec()),
        claims: Set(received.claims.clone()),
        received_at_millis: Set(received.received_at.as_millis().cast_signed()),
        outcome: Set(received.outcome.to_owned()),
    }
}

/// Whether a SET that came before is the same one.
pub(super) fn repeated(known: &set::Model, received: &ReceivedSet) -> Retained {
    if known.fingerprint != received.fingerprint.to_bytes() {
        return Retained::Conflict;
    }
    Retained::Duplicate {
        received_at: Timestamp::from_millis(known.received_at_millis.cast_unsigned()),
    }
}

/// A mask as its row has it: both lists, and what it is about, or nothing.
pub(super) fn of_mask(mask: &Mask) -> [String; 3] {
    let list = |places: &BTreeSet<String>| serde_json::json!(places).to_string();
    let about = mask.about.clone().unwrap_or_default();
    [list(&mask.has), list(&mask.lacks), about]
}

pub(super) fn to_mask(row: &mask::Model) -> Result<Mask, InboxError> {
    let list = |text: &str| {
        serde_json::from_str(text).map_err(|error| InboxError::new("read a mask", error))
    };
    Ok(Mask {
        has: list(&row.has)?,
        lacks: list(&row.lacks)?,
        about: Some(row.about.clone()).filter(|about| !about.is_empty()),
    })
}

/// A detail as its row has it: the event and the reason.
pub(super) fn of_detail(detail: &Detail) -> (String, String) {
    let texts = |reason: &Texts| -> BTreeMap<String, String> {
        let owned = |(tag, text): (&str, &str)| (tag.to_owned(), text.to_owned());
        reason.iter().map(owned).collect()
    };
    let reason = detail.reason.as_ref().map(|reason| texts(reason));
    let reason = reason.map(|texts| serde_json::json!(texts).to_string());
    (detail.event.to_string(), reason.unwrap_or_default())
}

pub(super) fn to_detail(row: &detail::Model) -> Result<Detail, InboxError> {
    let faulty = "read what a revocation tells";
    let reason = match row.reason.as_str() {
        "" => None,
        text => {
            let texts: BTreeMap<String, String> =
                serde_json::from_str(text).map_err(|error| InboxError::new(faulty, error))?;
            Some(Texts::new(texts).map_err(|error| InboxError::new(faulty, error))?)
        }
    };
    Ok(Detail {
        event: row.event.as_str().into(),
        reason: reason.map(Arc::new),
    })
}

/// What rows of revocations refer to.
pub(super) struct References {
    pub(super) masks: HashMap<i64, Mask>,
    pub(super) details: HashMap<i64, Arc<Detail>>,
}

pub(super) fn of_revocation(
    revocation: &Revocation,
    (mask, detail): (i64, i64),
) -> revocation::ActiveModel {
    let state = revocation.state;
    revocation::ActiveModel {
        key: Set(revocation.key.to_bytes().to_vec()),
        kind: Set(revocation.kind.number().into()),
        effect: Set(state.map(|state| state.effect.number().into())),
        occurred: Set(state.map(|state| state.occurred.cast_signed())),
        toe: Set(state.map(|state| state.toe.cast_signed())),
        arrived: Set(state.map(|state| state.arrived.cast_signed())),
        scope: Set(revocation.scope.number().into()),
        mask: Set(mask),
        moment: Set(revocation.moment.into()),
        until: Set(revocation.until.into()),
        detail: Set(detail),
    }
}

pub(super) fn to_revocation(
    row: &revocation::Model,
    references: &References,
) -> Result<Revocation, InboxError> {
    read_revocation(row, references)
        .ok_or_else(|| InboxError::new("read a revocation", "one of its columns is faulty"))
}

fn read_revocation(row: &revocation::Model, references: &References) -> Option<Revocation> {
    Some(Revocation {
        scope: u8::try_from(row.scope).ok().and_then(ScopeId::new)?,
        key: RevocationKey::from_bytes(row.key.as_slice().try_into().ok()?),
        mask: references.masks.get(&row.mask)?.clone(),
        kind: u8::try_from(row.kind).ok().and_then(Kind::from_number)?,
        state: match row.effect {
            Some(effect) => Some(read_state(row, effect)?),
            None => None,
        },
        moment: row.moment.try_into().ok()?,
        until: row.until.try_into().ok()?,
        detail: Arc::clone(references.details.get(&row.detail)?),
    })
}

fn read_state(row: &revocation::Model, effect: i64) -> Option<State> {
    Some(State {
        occurred: row.occurred?.cast_unsigned(),
        toe: row.toe?.cast_unsigned(),
        arrived: row.arrived?.cast_unsigned(),
        effect: u8::try_from(effect).ok().and_then(Effect::from_number)?,
    })
}

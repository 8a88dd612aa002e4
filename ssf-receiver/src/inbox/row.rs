//! Revocations, and what they refer to, as they are written down.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use ssf_types::event::language::Texts;

use super::InboxError;
use crate::revocation::{Detail, Effect, Kind, Mask, Revocation, RevocationKey, ScopeId, State};

/// A mask as its row has it: both lists, and what it is about, or nothing.
pub(crate) fn of_mask(mask: &Mask) -> [String; 3] {
    let list = |places: &BTreeSet<String>| serde_json::json!(places).to_string();
    let about = mask.about.clone().unwrap_or_default();
    [list(&mask.has), list(&mask.lacks), about]
}

pub(crate) fn to_mask(has: &str, lacks: &str, about: &str) -> Result<Mask, InboxError> {
    let list = |text: &str| {
        serde_json::from_str(text).map_err(|error| InboxError::new("read a mask", error))
    };
    Ok(Mask {
        has: list(has)?,
        lacks: list(lacks)?,
        about: (!about.is_empty()).then(|| about.to_owned()),
    })
}

/// A detail as its row has it: the event and the reason.
pub(crate) fn of_detail(detail: &Detail) -> (String, String) {
    let texts = |reason: &Texts| -> BTreeMap<String, String> {
        let owned = |(tag, text): (&str, &str)| (tag.to_owned(), text.to_owned());
        reason.iter().map(owned).collect()
    };
    let reason = detail.reason.as_ref().map(|reason| texts(reason));
    let reason = reason.map(|texts| serde_json::json!(texts).to_string());
    (detail.event.to_string(), reason.unwrap_or_default())
}

pub(crate) fn to_detail(event: &str, reason: &str) -> Result<Detail, InboxError> {
    let faulty = "read what a revocation tells";
    let reason = match reason {
        "" => None,
        text => {
            let texts: BTreeMap<String, String> =
                serde_json::from_str(text).map_err(|error| InboxError::new(faulty, error))?;
            Some(Texts::new(texts).map_err(|error| InboxError::new(faulty, error))?)
        }
    };
    Ok(Detail {
        event: event.into(),
        reason: reason.map(Arc::new),
    })
}

/// What rows of revocations refer to.
pub(crate) struct References {
    pub(crate) masks: HashMap<i64, Mask>,
    pub(crate) details: HashMap<i64, Arc<Detail>>,
}

/// A revocation of its columns; `None` if one of them is faulty.
pub(crate) fn revocation(
    key: &[u8],
    state: Option<(i64, i64, i64, i64)>,
    [kind, scope, mask, moment, until, detail]: [i64; 6],
    references: &References,
) -> Option<Revocation> {
    Some(Revocation {
        scope: u8::try_from(scope).ok().and_then(ScopeId::new)?,
        key: RevocationKey::from_bytes(key.try_into().ok()?),
        mask: references.masks.get(&mask)?.clone(),
        kind: u8::try_from(kind).ok().and_then(Kind::from_number)?,
        state: match state {
            Some((effect, occurred, toe, arrived)) => Some(State {
                occurred: occurred.cast_unsigned(),
                toe: toe.cast_unsigned(),
                arrived: arrived.cast_unsigned(),
                effect: u8::try_from(effect).ok().and_then(Effect::from_number)?,
            }),
            None => None,
        },
        moment: moment.try_into().ok()?,
        until: until.try_into().ok()?,
        detail: Arc::clone(references.details.get(&detail)?),
    })
}

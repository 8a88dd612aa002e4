//! Rows and what they stand for.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use sea_orm::{DbErr, QueryResult, Value};
use ssf_types::event::language::Texts;

use crate::{
    inbox::InboxError,
    revocation::{Detail, Effect, Kind, Mask, Revocation, RevocationKey, ScopeId, State},
};

/// A mask as its row has it: both lists, and what it is about, or nothing.
pub(super) fn of_mask(mask: &Mask) -> [String; 3] {
    let list = |places: &BTreeSet<String>| serde_json::json!(places).to_string();
    let about = mask.about.clone().unwrap_or_default();
    [list(&mask.has), list(&mask.lacks), about]
}

pub(super) fn to_mask(has: &str, lacks: &str, about: &str) -> Result<Mask, InboxError> {
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
pub(super) fn of_detail(detail: &Detail) -> (String, String) {
    let texts = |reason: &Texts| -> BTreeMap<String, String> {
        let owned = |(tag, text): (&str, &str)| (tag.to_owned(), text.to_owned());
        reason.iter().map(owned).collect()
    };
    let reason = detail.reason.as_ref().map(|reason| texts(reason));
    let reason = reason.map(|texts| serde_json::json!(texts).to_string());
    (detail.event.to_string(), reason.unwrap_or_default())
}

pub(super) fn to_detail(event: &str, reason: &str) -> Result<Detail, InboxError> {
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
pub(super) struct References {
    pub(super) masks: HashMap<i64, Mask>,
    pub(super) details: HashMap<i64, Arc<Detail>>,
}

/// The values of a revocation, in the order of [`REVOCATION`].
pub(super) fn of_revocation(
    revocation: &Revocation,
    (mask, detail): (i64, i64),
) -> [Value; REVOCATION_WIDTH] {
    let state = revocation.state;
    let of_state = |number: fn(State) -> i64| Value::from(state.map(number));
    [
        revocation.key.to_bytes().to_vec().into(),
        i64::from(revocation.kind.number()).into(),
        of_state(|state| state.effect.number().into()),
        of_state(|state| state.occurred.cast_signed()),
        of_state(|state| state.toe.cast_signed()),
        of_state(|state| state.arrived.cast_signed()),
        i64::from(revocation.scope.number()).into(),
        mask.into(),
        i64::from(revocation.moment).into(),
        i64::from(revocation.until).into(),
        detail.into(),
    ]
}

/// The columns of a revocation, in the order in which they are read.
pub(super) const REVOCATION: &str =
    "key, kind, effect, occurred, toe, arrived, scope, mask, moment, until, detail";

/// How many they are.
pub(super) const REVOCATION_WIDTH: usize = 11;

/// The place of the detail among them.
pub(super) const DETAIL_AT: usize = 10;

/// Reads a revocation whose columns begin at `first`.
pub(super) fn read_revocation(
    row: &QueryResult,
    first: usize,
    references: &References,
) -> Result<Revocation, InboxError> {
    let failed = |error: DbErr| InboxError::new("read a revocation", error);
    let number = |place: usize| row.try_get_by_index::<i64>(first + place).map_err(failed);
    let key: Vec<u8> = row.try_get_by_index(first).map_err(failed)?;
    let effect: Option<i64> = row.try_get_by_index(first + 2).map_err(failed)?;
    let state = match effect {
        Some(effect) => Some((effect, number(3)?, number(4)?, number(5)?)),
        None => None,
    };
    let numbers = [
        number(1)?,
        number(6)?,
        number(7)?,
        number(8)?,
        number(9)?,
        number(10)?,
    ];
    made(&key, state, numbers, references)
        .ok_or_else(|| InboxError::new("read a revocation", "one of its columns is faulty"))
}

fn made(
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

//! Rows of revocations.

use sea_orm::{DbErr, QueryResult, Value};

use crate::{
    inbox::{InboxError, References, row},
    revocation::{Revocation, State},
};

/// The values of a revocation, in the order of [`REVOCATION`].
pub(super) fn of_revocation(
    revocation: &Revocation,
    (mask, detail): (i64, i64),
) -> [Value; REVOCATION.len()] {
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
pub(super) const REVOCATION: [&str; 11] = [
    "key", "kind", "effect", "occurred", "toe", "arrived", "scope", "mask", "moment", "until",
    "detail",
];

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
    row::revocation(&key, state, numbers, references)
        .ok_or_else(|| InboxError::new("read a revocation", "one of its columns is faulty"))
}

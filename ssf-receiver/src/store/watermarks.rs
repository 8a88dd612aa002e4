//! Forgetting revocations, with the watermarks that stand for them.

use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, EntityTrait, Value};

use super::{
    dialect::{self, Dialect},
    entity::scope,
    statement,
};
use crate::{
    inbox::InboxError,
    revocation::{Kind, ScopeId, Watermarks},
};

/// What cannot be done where one of these statements fails.
const ACTION: &str = "forget revocations";

fn raise_text(Dialect { greater, .. }: &Dialect) -> String {
    format!(
        "UPDATE scope SET ended = {greater}(ended, ?), unproven = {greater}(unproven, ?) WHERE id = ?"
    )
}

/// Drops by the watermark that is kept, and by no other: whatever goes is under it. A state has an effect, and stays.
fn drop_text(Dialect { place, .. }: &Dialect, watermark: &str) -> String {
    format!(
        "DELETE FROM revocation WHERE {place} IN (\
         SELECT {place} FROM revocation WHERE scope = ? AND kind = ? AND effect IS NULL \
         AND until <= (SELECT {watermark} FROM scope WHERE id = ?) LIMIT ?)"
    )
}

/// Raises the watermarks of a scope, and drops what they stand for.
pub(super) async fn forget(
    transaction: &DatabaseTransaction,
    scope: ScopeId,
    watermarks: Watermarks,
    most: u32,
) -> Result<u32, InboxError> {
    let dialect = dialect::of(transaction.get_database_backend());
    let number: Value = i64::from(scope.number()).into();
    let raised = [
        i64::from(watermarks.ended).into(),
        i64::from(watermarks.unproven).into(),
        number.clone(),
    ];
    if done(transaction, &raise_text(dialect), raised).await? != 1 {
        return Err(InboxError::new(ACTION, "their transmitter has no number"));
    }
    let mut dropped = 0;
    for (watermark, kind) in [("ended", Kind::Ended), ("unproven", Kind::Unproven)] {
        let kind = i64::from(kind.number()).into();
        let left = i64::from(most - dropped).into();
        dropped += done(
            transaction,
            &drop_text(dialect, watermark),
            [number.clone(), kind, number.clone(), left],
        )
        .await?;
    }
    Ok(dropped)
}

/// The watermarks that are kept.
pub(super) async fn kept(
    database: &DatabaseConnection,
) -> Result<Vec<(ScopeId, Watermarks)>, InboxError> {
    let rows = scope::Entity::find().all(database).await;
    let rows = rows.map_err(|error| InboxError::new("list what it forgot", error))?;
    let read = |row: &scope::Model| {
        let watermarks = Watermarks {
            ended: row.ended.try_into().ok()?,
            unproven: row.unproven.try_into().ok()?,
        };
        let scope = u8::try_from(row.id).ok().and_then(ScopeId::new)?;
        Some((scope, watermarks))
    };
    let faulty = || InboxError::new("read what it forgot", "one of the columns is faulty");
    rows.iter()
        .map(|row| read(row).ok_or_else(faulty))
        .collect()
}

/// How many rows a statement changed.
async fn done<const N: usize>(
    transaction: &DatabaseTransaction,
    text: &str,
    values: [Value; N],
) -> Result<u32, InboxError> {
    let count = statement::execute(transaction, text, values.into()).await;
    let count = count.map_err(|error| InboxError::new(ACTION, error))?;
    // No statement changes more than it was told to.
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

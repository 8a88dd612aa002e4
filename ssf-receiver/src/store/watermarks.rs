//! Forgetting revocations, with the watermarks that stand for them.

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, EntityTrait,
    Statement, Value,
};

use super::entity::scope;
use crate::{
    inbox::InboxError,
    revocation::{Kind, ScopeId, Watermarks},
};

/// What cannot be done where one of these statements fails.
const ACTION: &str = "forget revocations";

const RAISE: &str =
    "UPDATE scope SET ended = MAX(ended, ?), unproven = MAX(unproven, ?) WHERE id = ?";

/// By the watermark that is kept, and by no other: whatever goes is under it. A state has an effect, and stays.
const DROP_ENDED: &str = "DELETE FROM revocation WHERE rowid IN (\
    SELECT rowid FROM revocation WHERE scope = ? AND kind = ? AND effect IS NULL \
    AND until <= (SELECT ended FROM scope WHERE id = ?) LIMIT ?)";
const DROP_UNPROVEN: &str = "DELETE FROM revocation WHERE rowid IN (\
    SELECT rowid FROM revocation WHERE scope = ? AND kind = ? AND effect IS NULL \
    AND until <= (SELECT unproven FROM scope WHERE id = ?) LIMIT ?)";

/// Raises the watermarks of a scope, and drops what they stand for.
pub(super) async fn forget(
    transaction: &DatabaseTransaction,
    scope: ScopeId,
    watermarks: Watermarks,
    most: u32,
) -> Result<u32, InboxError> {
    let number: Value = i64::from(scope.number()).into();
    let raised = [
        i64::from(watermarks.ended).into(),
        i64::from(watermarks.unproven).into(),
        number.clone(),
    ];
    if done(transaction, RAISE, raised).await? != 1 {
        return Err(InboxError::new(ACTION, "their transmitter has no number"));
    }
    let mut dropped = 0;
    for (statement, kind) in [(DROP_ENDED, Kind::Ended), (DROP_UNPROVEN, Kind::Unproven)] {
        let kind = i64::from(kind.number()).into();
        let left = i64::from(most - dropped).into();
        dropped += done(
            transaction,
            statement,
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
    sql: &str,
    values: [Value; N],
) -> Result<u32, InboxError> {
    let failed = |error: DbErr| InboxError::new(ACTION, error);
    let statement = Statement::from_sql_and_values(DbBackend::Sqlite, sql, values);
    let result = transaction.execute_raw(statement).await.map_err(failed)?;
    // No statement changes more than it was told to.
    Ok(u32::try_from(result.rows_affected()).unwrap_or(u32::MAX))
}

//! The tokens of operators and sources.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QuerySelect,
    QueryTrait,
    sea_query::{Expr, SelectStatement},
};
use ssf_types::time::Timestamp;
use uuid::Uuid;

use super::{entity::credential, row};
use crate::domain::id::Fingerprint;

/// Gives `owner` a token that counts without an end.
pub(super) async fn add(
    transaction: &DatabaseTransaction,
    owner: Uuid,
    token: Fingerprint,
    now: Timestamp,
) -> Result<(), DbErr> {
    let row = credential::ActiveModel {
        fingerprint: Set(token.as_bytes().to_vec()),
        owner_id: Set(owner),
        created_at: Set(row::millis(now)),
        expires_at: Set(None),
    };
    credential::Entity::insert(row)
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}

/// Lets the tokens of `owner` count until `until`, and no longer than they did.
pub(super) async fn end(
    transaction: &DatabaseTransaction,
    owner: Uuid,
    until: Timestamp,
) -> Result<(), DbErr> {
    let until = row::millis(until);
    let longer = Condition::any()
        .add(credential::Column::ExpiresAt.is_null())
        .add(credential::Column::ExpiresAt.gt(until));
    credential::Entity::update_many()
        .col_expr(credential::Column::ExpiresAt, Expr::value(until))
        .filter(credential::Column::OwnerId.eq(owner))
        .filter(longer)
        .exec(transaction)
        .await?;
    Ok(())
}

/// Removes the tokens of `owner`.
pub(super) async fn remove(transaction: &DatabaseTransaction, owner: Uuid) -> Result<(), DbErr> {
    credential::Entity::delete_many()
        .filter(credential::Column::OwnerId.eq(owner))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Selects the id of the owner of a token that counts at `now`.
pub(super) fn owner(token: Fingerprint, now: Timestamp) -> SelectStatement {
    let counts = Condition::any()
        .add(credential::Column::ExpiresAt.is_null())
        .add(credential::Column::ExpiresAt.gt(row::millis(now)));
    credential::Entity::find()
        .select_only()
        .column(credential::Column::OwnerId)
        .filter(credential::Column::Fingerprint.eq(token.as_bytes().to_vec()))
        .filter(counts)
        .into_query()
}

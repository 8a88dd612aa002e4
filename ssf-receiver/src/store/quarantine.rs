//! SETs that cannot be verified now.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, Set,
    TransactionTrait, sea_query::OnConflict,
};
use ssf_types::time::Timestamp;

use super::{SqlInbox, entity::waiting};
use crate::{
    inbox::{InboxError, Quarantine, Waiting},
    revocation::{Fingerprint, ScopeId},
};

/// Most rows of one statement, of which each has four values: SQLite has room for 32,766.
const ROWS_MAX: usize = 1000;

impl Quarantine for SqlInbox {
    async fn waiting(&self, scope: ScopeId) -> Result<Vec<Waiting>, InboxError> {
        let rows = waiting::Entity::find()
            .filter(waiting::Column::Scope.eq(i64::from(scope.number())))
            .order_by_asc(waiting::Column::ArrivedAtMillis)
            .all(&self.tables.database)
            .await
            .map_err(|error| InboxError::new("read what cannot be verified yet", error))?;
        rows.into_iter().map(|row| read(row, scope)).collect()
    }

    async fn keep_waiting(&self, waiting: &[Waiting]) -> Result<(), InboxError> {
        let failed = |error: DbErr| InboxError::new("keep what cannot be verified yet", error);
        let transaction = self.tables.database.begin().await.map_err(failed)?;
        for rows in waiting.chunks(ROWS_MAX) {
            let key = [waiting::Column::Scope, waiting::Column::Fingerprint];
            let conflict = OnConflict::columns(key)
                .update_columns([waiting::Column::Token, waiting::Column::ArrivedAtMillis])
                .to_owned();
            waiting::Entity::insert_many(rows.iter().map(row))
                .on_conflict(conflict)
                .exec_without_returning(&transaction)
                .await
                .map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)
    }

    async fn let_go(&self, scope: ScopeId, fingerprints: &[Fingerprint]) -> Result<(), InboxError> {
        let failed = |error: DbErr| InboxError::new("forget what could not be verified", error);
        let transaction = self.tables.database.begin().await.map_err(failed)?;
        for fingerprints in fingerprints.chunks(ROWS_MAX) {
            forget(&transaction, scope, fingerprints)
                .await
                .map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)
    }
}

async fn forget(
    connection: &impl ConnectionTrait,
    scope: ScopeId,
    fingerprints: &[Fingerprint],
) -> Result<(), DbErr> {
    let fingerprints = fingerprints.iter().map(|one| one.to_bytes().to_vec());
    waiting::Entity::delete_many()
        .filter(waiting::Column::Scope.eq(i64::from(scope.number())))
        .filter(waiting::Column::Fingerprint.is_in(fingerprints))
        .exec(connection)
        .await
        .map(drop)
}

fn row(waiting: &Waiting) -> waiting::ActiveModel {
    waiting::ActiveModel {
        scope: Set(waiting.scope.number().into()),
        fingerprint: Set(waiting.fingerprint.to_bytes().to_vec()),
        token: Set(waiting.token.as_deref().map(str::to_owned)),
        arrived_at_millis: Set(waiting.arrived_at.as_millis().cast_signed()),
    }
}

fn read(row: waiting::Model, scope: ScopeId) -> Result<Waiting, InboxError> {
    let faulty = || InboxError::new("read what cannot be verified yet", "a hash is faulty");
    let fingerprint = row.fingerprint.as_slice().try_into();
    Ok(Waiting {
        scope,
        fingerprint: Fingerprint::from_bytes(fingerprint.map_err(|_| faulty())?),
        token: row.token.map(Into::into),
        arrived_at: Timestamp::from_millis(row.arrived_at_millis.cast_unsigned()),
    })
}

//! The numbers of transmitters.

use std::collections::HashMap;

use sea_orm::{DatabaseTransaction, DbErr, EntityTrait, Set};
use ssf_types::uri::Issuer;

use super::entity::scope;
use crate::{
    inbox::{InboxError, too_many_scopes},
    revocation::{Scope, ScopeId},
};

/// Each issuer with its number; those that have none get the next.
pub(super) async fn numbered(
    transaction: &DatabaseTransaction,
    issuers: &[Issuer],
) -> Result<Vec<Scope>, InboxError> {
    let failed = |error: DbErr| InboxError::new("number its transmitters", error);
    let rows = scope::Entity::find().all(transaction).await;
    let rows = rows.map_err(failed)?.into_iter();
    let mut known: HashMap<String, i64> = rows.map(|row| (row.issuer, row.id)).collect();
    let mut scopes = Vec::with_capacity(issuers.len());
    for issuer in issuers {
        let next = i64::try_from(known.len()).unwrap_or(i64::MAX);
        let id = *known.entry(issuer.to_string()).or_insert(next);
        let number = u8::try_from(id).ok().and_then(ScopeId::new);
        scopes.push(Scope {
            id: number.ok_or_else(too_many_scopes)?,
            issuer: issuer.clone(),
        });
        if id == next {
            let row = scope::ActiveModel {
                id: Set(id),
                issuer: Set(issuer.to_string()),
                ended: Set(0),
                unproven: Set(0),
            };
            let inserted = scope::Entity::insert(row).exec_without_returning(transaction);
            inserted.await.map_err(failed)?;
        }
    }
    Ok(scopes)
}

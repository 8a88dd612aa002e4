//! Keeping one SET with what it revokes.

use sea_orm::{
    ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, NotSet, QueryFilter, Set,
    sea_query::OnConflict,
};

use super::{
    entity::{detail, mask, revocation, set},
    row,
};
use crate::{
    inbox::{Arriving, InboxError, Retained},
    revocation::{Detail, Mask, Revocation},
};

pub(super) async fn retain(
    transaction: &DatabaseTransaction,
    Arriving {
        set: received,
        revocations,
    }: &Arriving,
) -> Result<Retained, InboxError> {
    let failed = |error: DbErr| InboxError::new("retain a SET", error);
    let known = set::Entity::find()
        .filter(set::Column::Issuer.eq(received.issuer.as_str()))
        .filter(set::Column::Jti.eq(received.jti.as_str()))
        .one(transaction)
        .await
        .map_err(failed)?;
    if let Some(known) = known {
        return Ok(row::repeated(&known, received));
    }
    set::Entity::insert(row::of_set(received))
        .exec_without_returning(transaction)
        .await
        .map_err(failed)?;
    for revocation in revocations {
        merge(transaction, revocation).await?;
    }
    Ok(Retained::New)
}

/// Merges a revocation into the row with its key and kind.
pub(super) async fn merge(
    transaction: &DatabaseTransaction,
    revocation: &Revocation,
) -> Result<(), InboxError> {
    let failed = |error: DbErr| InboxError::new("retain a revocation", error);
    let key = revocation.key.to_bytes().to_vec();
    let known = revocation::Entity::find_by_id((key, revocation.kind.number().into()))
        .one(transaction)
        .await
        .map_err(failed)?;
    let mask = mask_id(transaction, &revocation.mask).await?;
    let mut merged = revocation.clone();
    if let Some(known) = known {
        let told = detail::Entity::find_by_id(known.detail).one(transaction);
        let told = told.await.map_err(failed)?;
        let references = row::References {
            masks: [(known.mask, revocation.mask.clone())].into(),
            details: match told {
                Some(told) => [(told.id, row::to_detail(&told)?.into())].into(),
                None => [].into(),
            },
        };
        merged = row::to_revocation(&known, &references)?.merge(revocation);
    }
    let detail = detail_id(transaction, &merged.detail).await?;
    let key = [revocation::Column::Key, revocation::Column::Kind];
    let conflict = OnConflict::columns(key)
        .update_columns([
            revocation::Column::Effect,
            revocation::Column::Occurred,
            revocation::Column::Toe,
            revocation::Column::Arrived,
            revocation::Column::Moment,
            revocation::Column::Until,
            revocation::Column::Detail,
        ])
        .to_owned();
    revocation::Entity::insert(row::of_revocation(&merged, (mask, detail)))
        .on_conflict(conflict)
        .exec_without_returning(transaction)
        .await
        .map(drop)
        .map_err(failed)
}

/// The number of a mask, which gets one if it has none.
async fn mask_id(transaction: &DatabaseTransaction, mask: &Mask) -> Result<i64, InboxError> {
    let failed = |error: DbErr| InboxError::new("retain a mask", error);
    let [has, lacks, about] = row::of_mask(mask);
    let known = mask::Entity::find()
        .filter(mask::Column::Has.eq(has.as_str()))
        .filter(mask::Column::Lacks.eq(lacks.as_str()))
        .filter(mask::Column::About.eq(about.as_str()))
        .one(transaction)
        .await
        .map_err(failed)?;
    if let Some(known) = known {
        return Ok(known.id);
    }
    let row = mask::ActiveModel {
        id: NotSet,
        has: Set(has),
        lacks: Set(lacks),
        about: Set(about),
    };
    let inserted = mask::Entity::insert(row).exec(transaction).await;
    Ok(inserted.map_err(failed)?.last_insert_id)
}

/// The number of a detail, which gets one if it has none.
async fn detail_id(transaction: &DatabaseTransaction, told: &Detail) -> Result<i64, InboxError> {
    let failed = |error: DbErr| InboxError::new("retain what a revocation tells", error);
    let (event, reason) = row::of_detail(told);
    let known = detail::Entity::find()
        .filter(detail::Column::Event.eq(event.as_str()))
        .filter(detail::Column::Reason.eq(reason.as_str()))
        .one(transaction)
        .await
        .map_err(failed)?;
    if let Some(known) = known {
        return Ok(known.id);
    }
    let row = detail::ActiveModel {
        id: NotSet,
        event: Set(event),
        reason: Set(reason),
    };
    let inserted = detail::Entity::insert(row).exec(transaction).await;
    Ok(inserted.map_err(failed)?.last_insert_id)
}

//! Reading all revocations, at a start.

use std::sync::Arc;

use sea_orm::{DatabaseConnection, DbErr, EntityTrait};

use super::{
    entity::{detail, mask, revocation},
    row,
};
use crate::{inbox::InboxError, revocation::Revocation};

pub(super) async fn revocations(
    database: &DatabaseConnection,
) -> Result<Vec<Revocation>, InboxError> {
    let failed = |error: DbErr| InboxError::new("list the revocations", error);
    let masks = mask::Entity::find().all(database).await.map_err(failed)?;
    let details = detail::Entity::find().all(database).await.map_err(failed)?;
    let references = row::References {
        masks: masks
            .iter()
            .map(|mask| Ok((mask.id, row::to_mask(mask)?)))
            .collect::<Result<_, InboxError>>()?,
        details: details
            .iter()
            .map(|detail| Ok((detail.id, Arc::new(row::to_detail(detail)?))))
            .collect::<Result<_, InboxError>>()?,
    };
    let rows = revocation::Entity::find().all(database).await;
    rows.map_err(failed)?
        .iter()
        .map(|row| row::to_revocation(row, &references))
        .collect()
}

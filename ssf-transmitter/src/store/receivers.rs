//! Receivers.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, TryInsertResult,
};
use ssf_types::time::Timestamp;

use super::{
    SeaStore,
    entity::receiver,
    row::{self, Cell},
};
use crate::{
    domain::{
        id::{Fingerprint, ReceiverId},
        issuer::IssuerName,
        receiver::Receiver,
    },
    ports::{AddedReceiver, CorruptRow, ReceiverStore, StoreError},
};

impl ReceiverStore for SeaStore {
    async fn add_receiver(
        &self,
        receiver: &Receiver,
        token: Fingerprint,
        now: Timestamp,
    ) -> Result<AddedReceiver, StoreError> {
        let row = receiver::ActiveModel {
            id: Set(receiver.id.uuid()),
            name: Set(receiver.name.clone()),
            issuer: Set(receiver.issuer.as_str().to_owned()),
            audience: Set(row::json(&receiver.audience)?),
            token_fingerprint: Set(token.as_bytes().to_vec()),
            created_at: Set(row::millis(now)),
        };
        let inserted = receiver::Entity::insert(row)
            .on_conflict_do_nothing_on([receiver::Column::Name])
            .exec_without_returning(&self.writer)
            .await?;
        Ok(match inserted {
            TryInsertResult::Inserted(1..) => AddedReceiver::Added,
            TryInsertResult::Inserted(0) | TryInsertResult::Conflicted | TryInsertResult::Empty => {
                AddedReceiver::NameTaken
            }
        })
    }

    async fn receiver_by_token(
        &self,
        issuer: &IssuerName,
        token: Fingerprint,
    ) -> Result<Option<Receiver>, StoreError> {
        let row = receiver::Entity::find()
            .filter(receiver::Column::Issuer.eq(issuer.as_str()))
            .filter(receiver::Column::TokenFingerprint.eq(token.as_bytes().to_vec()))
            .one(&self.reader)
            .await?;
        Ok(row.map(Receiver::try_from).transpose()?)
    }

    async fn receivers(&self) -> Result<Vec<Receiver>, StoreError> {
        let rows = receiver::Entity::find()
            .order_by_asc(receiver::Column::Name)
            .all(&self.reader)
            .await?;
        let receivers: Result<_, CorruptRow> = rows.into_iter().map(Receiver::try_from).collect();
        Ok(receivers?)
    }
}

impl TryFrom<receiver::Model> for Receiver {
    type Error = CorruptRow;

    fn try_from(row: receiver::Model) -> Result<Self, CorruptRow> {
        let audience = Cell::new("receiver", "audience", row.id.to_string());
        let name = Cell::new("receiver", "name", row.id.to_string());
        Self::new(
            ReceiverId::new(row.id),
            row::issuer_name("receiver", row.id, row.issuer)?,
            row.name,
            audience.parse(&row.audience)?,
        )
        .map_err(|_| name.corrupt("it is not a name"))
    }
}

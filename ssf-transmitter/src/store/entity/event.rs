//! An accepted event, once, however many streams get it.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, DeriveEntityModel, Eq, PartialEq)]
#[sea_orm(table_name = "event")]
pub(crate) struct Model {
    #[sea_orm(primary_key)]
    pub(crate) position: i64,
    pub(crate) id: Uuid,
    /// See [`crate::domain::issuer::IssuerName`].
    pub(crate) issuer: String,
    /// Who handed it in; absent if an operator did, or the transmitter itself.
    pub(crate) source_id: Option<Uuid>,
    pub(crate) event_type: String,
    /// Fingerprint of the `txn` that it was handed in with, if it was with one.
    pub(crate) txn: Option<Vec<u8>>,
    /// Sealed JSON, as it was handed in.
    pub(crate) payload: Vec<u8>,
    pub(crate) accepted_at: i64,
    /// Absent while the event waits for fan-out.
    pub(crate) dispatched_at: Option<i64>,
    /// Until when its fan-out is not tried again, because it could not be read.
    pub(crate) set_aside_until: Option<i64>,
}

#[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

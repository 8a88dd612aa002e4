//! Deliveries that were dropped together.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, DeriveEntityModel, Eq, PartialEq)]
#[sea_orm(table_name = "drop_record")]
pub(crate) struct Model {
    #[sea_orm(primary_key)]
    pub(crate) id: i64,
    pub(crate) stream_id: Uuid,
    pub(crate) receiver_id: Uuid,
    /// See [`crate::domain::dropped::DropReason`].
    pub(crate) reason: String,
    pub(crate) deliveries: i64,
    pub(crate) dropped_at: i64,
}

#[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

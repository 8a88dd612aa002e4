//! What is to be dropped on a stream, step by step.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, DeriveEntityModel, Eq, PartialEq)]
#[sea_orm(table_name = "drop_order")]
pub(crate) struct Model {
    #[sea_orm(primary_key)]
    pub(crate) id: i64,
    pub(crate) stream_id: Uuid,
    pub(crate) receiver_id: Uuid,
    /// See [`crate::domain::dropped::DropReason`].
    pub(crate) reason: String,
    /// Those of events of this type; of all if it is absent.
    pub(crate) event_type: Option<String>,
    /// The greatest number that is dropped, if it is pending.
    pub(crate) through: i64,
    pub(crate) ordered_at: i64,
    /// The record that counts them; absent as long as there were none.
    pub(crate) record_id: Option<i64>,
}

#[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

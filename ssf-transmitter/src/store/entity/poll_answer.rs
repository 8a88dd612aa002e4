//! An answer to a poll: which SETs are with the Receiver, and until when.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, DeriveEntityModel, Eq, PartialEq)]
#[sea_orm(table_name = "poll_answer")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) stream_id: Uuid,
    /// When its SETs are offered again.
    pub(crate) ends_at: i64,
    /// JSON: the numbers of its deliveries that are not settled.
    pub(crate) sequences: String,
}

#[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

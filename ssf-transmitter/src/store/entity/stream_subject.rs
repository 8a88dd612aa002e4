//! A key under which events find a subject that was added to a stream, or removed from one that covers everybody.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, DeriveEntityModel, Eq, PartialEq)]
#[sea_orm(table_name = "stream_subject")]
pub(crate) struct Model {
    #[sea_orm(primary_key)]
    pub(crate) id: i64,
    /// Half of a fingerprint.
    pub(crate) key: Vec<u8>,
    pub(crate) stream_id: Uuid,
    /// Half of a fingerprint: the keys of one subject have the same.
    pub(crate) name: Vec<u8>,
    pub(crate) verified: bool,
    /// It counts for events behind this position
    pub(crate) after_position: i64,
    /// that were accepted at this moment or later,
    pub(crate) from_at: i64,
    /// and not behind this position
    pub(crate) through_position: Option<i64>,
    /// and before this moment.
    pub(crate) until_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

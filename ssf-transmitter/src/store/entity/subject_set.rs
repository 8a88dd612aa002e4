//! How many keys the subjects of a stream have, and how fast they change; absent while there never was one.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, DeriveEntityModel, Eq, PartialEq)]
#[sea_orm(table_name = "subject_set")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) stream_id: Uuid,
    /// Rows in `stream_subject`.
    pub(crate) keys: i64,
    /// Until when the allowed pace is used up; microseconds since 1970.
    pub(crate) used_until: i64,
}

#[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

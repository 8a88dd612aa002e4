//! What became of an event in fan-out.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, DeriveEntityModel, Eq, PartialEq)]
#[sea_orm(table_name = "fan_out_record")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) event_position: i64,
    /// Streams that get it.
    pub(crate) matched: i64,
    /// JSON: reasons with the number of interested streams that do not get it.
    pub(crate) skipped: String,
}

#[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! Somebody who may hand in events, and which.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, DeriveEntityModel, Eq, PartialEq)]
#[sea_orm(table_name = "source")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) issuer: String,
    /// JSON: an array, empty for all.
    pub(crate) event_types: String,
    /// JSON: an array, or a string that says which rule holds instead of a list.
    pub(crate) subject_issuers: String,
    pub(crate) created_at: i64,
    /// Absent if it is as for all others.
    pub(crate) events_per_second: Option<i64>,
    /// Absent if it is as for all others.
    pub(crate) backlog_max: Option<i64>,
}

#[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

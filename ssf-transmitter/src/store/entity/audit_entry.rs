//! An entry of the audit log; it is written once.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, DeriveEntityModel, Eq, PartialEq)]
#[sea_orm(table_name = "audit_entry")]
pub(crate) struct Model {
    /// Counts from one, without gaps.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) seq: i64,
    pub(crate) at: i64,
    pub(crate) actor_kind: String,
    pub(crate) actor_id: String,
    pub(crate) action: String,
    pub(crate) target: String,
    pub(crate) phase: String,
    pub(crate) result: Option<String>,
    /// The entry with which the action began.
    pub(crate) begun: Option<i64>,
    /// JSON.
    pub(crate) details: String,
    /// The hash of the entry before.
    pub(crate) previous: Vec<u8>,
    /// Keyed.
    pub(crate) hash: Vec<u8>,
}

#[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

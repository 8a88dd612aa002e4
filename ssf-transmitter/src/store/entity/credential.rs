//! A token of an operator or a source, known by its fingerprint.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, DeriveEntityModel, Eq, PartialEq)]
#[sea_orm(table_name = "credential")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) fingerprint: Vec<u8>,
    pub(crate) owner_id: Uuid,
    pub(crate) created_at: i64,
    /// Absent while it counts without an end.
    pub(crate) expires_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

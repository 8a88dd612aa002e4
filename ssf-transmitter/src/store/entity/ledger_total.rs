//! A count that outlives the rows that were counted.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, DeriveEntityModel, Eq, PartialEq)]
#[sea_orm(table_name = "ledger_total")]
pub(crate) struct Model {
    /// See [`super::super::ledger::Total`].
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) name: String,
    /// The total is the sum over these.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) shard: i16,
    pub(crate) value: i64,
}

#[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

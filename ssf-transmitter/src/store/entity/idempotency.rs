//! The answer to a submission that may be sent again.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, DeriveEntityModel, Eq, PartialEq)]
#[sea_orm(table_name = "idempotency")]
pub(crate) struct Model {
    /// Fingerprint of the source and its key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) key: Vec<u8>,
    /// Fingerprint.
    pub(crate) body: Vec<u8>,
    /// Sealed JSON: the ids of the events, and what was answered besides.
    pub(crate) answer: Vec<u8>,
    pub(crate) created_at: i64,
}

#[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

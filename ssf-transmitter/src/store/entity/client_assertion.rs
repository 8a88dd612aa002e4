//! An assertion that a client has used, for as long as it could be used again.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, DeriveEntityModel, Eq, PartialEq)]
#[sea_orm(table_name = "client_assertion")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) receiver_id: Uuid,
    /// A fingerprint of it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) jti: Vec<u8>,
    pub(crate) expires_at: i64,
}

#[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

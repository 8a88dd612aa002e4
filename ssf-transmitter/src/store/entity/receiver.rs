//! A Receiver; what it is found by is in `receiver_credential`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, DeriveEntityModel, Eq, PartialEq)]
#[sea_orm(table_name = "receiver")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) issuer: String,
    /// JSON.
    pub(crate) audience: String,
    /// What it may do at most, with blanks between.
    pub(crate) scopes: String,
    pub(crate) token_epoch: i64,
    /// Of the first schema, in which each Receiver had one token. Nothing reads it, and it has to be unique.
    pub(crate) token_fingerprint: Vec<u8>,
    pub(crate) created_at: i64,
    pub(crate) profile: String,
    /// To which its SETs may be pushed, with blanks between; empty if anywhere.
    pub(crate) push_hosts: String,
}

#[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

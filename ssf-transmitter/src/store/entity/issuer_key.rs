//! A key that signs SETs of an issuer.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, DeriveEntityModel, Eq, PartialEq)]
#[sea_orm(table_name = "issuer_key")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) issuer: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) kid: String,
    pub(crate) thumbprint: String,
    pub(crate) algorithm: String,
    pub(crate) origin: i16,
    /// Sealed; null once the key is gone.
    pub(crate) pem: Option<Vec<u8>>,
    pub(crate) published_from: i64,
    pub(crate) signs_from: i64,
    pub(crate) signs_until: Option<i64>,
    pub(crate) published_until: Option<i64>,
}

#[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! What a Receiver shows to be recognised.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, DeriveEntityModel, Eq, PartialEq)]
#[sea_orm(table_name = "receiver_credential")]
pub(crate) struct Model {
    #[sea_orm(primary_key)]
    pub(crate) id: i64,
    pub(crate) receiver_id: Uuid,
    /// See [`crate::domain::credential::CredentialKind`].
    pub(crate) kind: String,
    /// Of all kinds but keys.
    pub(crate) fingerprint: Option<Vec<u8>>,
    /// Of keys: a JWKS.
    pub(crate) keys: Option<String>,
    /// Of external clients, with `client_id`.
    pub(crate) authorization_server: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) created_at: i64,
    pub(crate) expires_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! A stream as its Receiver configured it.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, DeriveEntityModel, Eq, PartialEq)]
#[sea_orm(table_name = "stream")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) receiver_id: Uuid,
    /// That of its Receiver.
    pub(crate) issuer: String,
    /// JSON.
    pub(crate) audience: String,
    /// JSON; absent if nothing was requested.
    pub(crate) events_requested: Option<String>,
    /// JSON.
    pub(crate) events_delivered: String,
    /// Sealed JSON: it holds the secret that each push presents.
    pub(crate) delivery: Vec<u8>,
    pub(crate) description: Option<String>,
    pub(crate) status: String,
    pub(crate) reason: Option<String>,
    /// See [`crate::domain::status::StatusSetter`].
    pub(crate) status_set_by: String,
    pub(crate) created_at: i64,
    /// `ALL` or `NONE`.
    pub(crate) default_subjects: String,
    /// Absent if the Receiver asked for none.
    pub(crate) signing_alg: Option<String>,
    /// Absent if its SETs have no numbers.
    pub(crate) sequence_epoch: Option<String>,
    /// When it was deleted: it is there for those alone who remove its deliveries, step by step.
    pub(crate) ended_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

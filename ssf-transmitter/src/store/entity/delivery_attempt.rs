//! Attempts at deliveries that failed; the first and the latest of each delivery are kept.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, DeriveEntityModel, Eq, PartialEq)]
#[sea_orm(table_name = "delivery_attempt")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) stream_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) sequence: i64,
    /// See [`crate::domain::attempt::place`].
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) place: i32,
    /// From 1.
    pub(crate) number: i64,
    pub(crate) ended_at: i64,
    /// See [`crate::domain::attempt::AnswerClass`].
    pub(crate) class: String,
    pub(crate) status: Option<i16>,
    pub(crate) code: Option<String>,
    /// Sealed: the words of the Receiver.
    pub(crate) description: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

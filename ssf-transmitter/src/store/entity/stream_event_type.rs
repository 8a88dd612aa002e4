//! Which streams get events of a type: the index that fan-out reads.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, DeriveEntityModel, Eq, PartialEq)]
#[sea_orm(table_name = "stream_event_type")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) event_type: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) stream_id: Uuid,
    /// That of the stream: the index begins with it.
    pub(crate) issuer: String,
    /// Events up to this position were accepted before the stream was interested.
    pub(crate) after_position: i64,
    /// Those up to this one came while the stream was disabled, or before; it is the greatest number while it is so.
    pub(crate) disabled_through: i64,
    /// The last event that was accepted before the stream gave this type up; the row stays until all were fanned out.
    pub(crate) given_up_after: Option<i64>,
    /// Whether events about everybody are meant, or those about the stream's subjects.
    pub(crate) covers_all: bool,
}

#[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

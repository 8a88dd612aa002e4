//! One SET on its way to one stream.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, DeriveEntityModel, Eq, PartialEq)]
#[sea_orm(table_name = "delivery")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) stream_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) sequence: i64,
    pub(crate) event_position: i64,
    pub(crate) jti: String,
    pub(crate) iat: i64,
    /// Sealed JSON; absent if it is the event's own.
    pub(crate) subject: Option<Vec<u8>>,
    /// Fingerprint.
    pub(crate) order_key: Vec<u8>,
    /// See [`super::super::outbox::State`].
    pub(crate) state: i16,
    pub(crate) attempts: i64,
    /// Absent if it is settled, or held back by an earlier one with its order key.
    pub(crate) due_at: Option<i64>,
    pub(crate) settled_at: Option<i64>,
    pub(crate) code: Option<String>,
    /// Sealed: the words of the Receiver.
    pub(crate) description: Option<Vec<u8>>,
    /// Whether it is sent although the stream is held.
    pub(crate) passes_hold: bool,
    /// How many of the attempts were refused for the key.
    pub(crate) key_refusals: i32,
    /// Whether it is dropped when an attempt fails.
    pub(crate) offered_once: bool,
    /// The status with which a push was acknowledged.
    pub(crate) answer_status: Option<i16>,
    /// How often its event had been sent anew on the stream when it was made; unique with the two.
    pub(crate) repetition: i32,
    /// How many attempts had failed when it was last replayed; `attempts` counts from there.
    pub(crate) failed_before: i64,
}

#[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

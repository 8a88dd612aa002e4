//! How far a stream is, and who works on it: what changes often, apart from what does not.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, DeriveEntityModel, Eq, PartialEq)]
#[sea_orm(table_name = "stream_queue")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) stream_id: Uuid,
    pub(crate) last_sequence: i64,
    /// The earliest `due_at` among the stream's deliveries; of those that pass the hold while the stream is held. Absent if
    /// it is polled.
    pub(crate) next_due: Option<i64>,
    /// Whether the stream is paused or disabled, or was enabled and its Receiver has to be told first.
    pub(crate) held: bool,
    /// How often in a row the stream has rested; zero while its circuit is closed.
    pub(crate) failures: i32,
    pub(crate) resume_at: i64,
    pub(crate) lease_worker: Option<Uuid>,
    pub(crate) lease_epoch: i64,
    /// Zero while nobody works on the stream.
    pub(crate) lease_until: i64,
    /// When somebody last took the stream to work on it.
    pub(crate) taken_at: i64,
    /// When a verification was last requested.
    pub(crate) verified_at: Option<i64>,
    /// The announcement after which a stream that was enabled is held no longer.
    pub(crate) opens_after: Option<i64>,
    /// Whether the Receiver fetches its SETs; then nobody takes the stream to push.
    pub(crate) polled: bool,
    /// From when on a poll may get something: the moment of the step that made it so, or the end of an answer. Absent if
    /// there is nothing, or the stream is not polled.
    pub(crate) poll_due: Option<i64>,
    /// The number of the verification that was requested last.
    pub(crate) verification: Option<i64>,
    /// The number of the last verification that nobody requested.
    pub(crate) keep_alive: Option<i64>,
    /// When something was last delivered, or the stream was last looked at because nothing was.
    pub(crate) quiet_since: i64,
    /// When activity of the Receiver was last noted.
    pub(crate) active_at: Option<i64>,
    /// How many of its deliveries were acknowledged; their rows may be gone.
    pub(crate) acknowledged_total: i64,
    /// How many were dropped.
    pub(crate) dropped_total: i64,
    /// See [`crate::domain::trouble::TroubleKind`].
    pub(crate) trouble: Option<String>,
    pub(crate) trouble_since: i64,
    pub(crate) trouble_last: String,
    pub(crate) failed_sets: i32,
    pub(crate) failed_through: i64,
    pub(crate) misdirected: i32,
    /// How often the Receiver has acted so that the circuit closed: what was learnt before is void.
    pub(crate) receiver_acts: i64,
    /// Nothing is told of this number and those below it.
    pub(crate) sequence_after: i64,
    /// Whether some of what is pending is to be dropped, see [`super::drop_order`].
    pub(crate) dropping: bool,
}

#[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! Instances on one database: each takes pushes and decides, and one of them leads.
//!
//! 1. Whatever one instance has taken is in effect at the others a moment later ([`follow`]); one that does not hear of it says
//!    that it is cut off.
//! 2. One instance manages the stream, polls, tries what waits and calls handlers, for as long as it says so in time ([`lead`]).
//!    Should two of them do so for a moment, what they do twice changes nothing.
//! 3. The others know the stream and how it goes from the database ([`standby`], [`follow`]).
//!
//! On a database that nobody else uses, the only instance leads.

#[cfg(feature = "shared")]
mod duties;
#[cfg(feature = "shared")]
pub(crate) mod follow;
pub(crate) mod lead;
pub(crate) mod standby;

#[cfg(feature = "shared")]
pub(crate) use self::duties::perform;

/// Does for others what the leading instance does: nothing, since there are none.
#[cfg(not(feature = "shared"))]
pub(crate) async fn perform(
    _: &std::sync::Arc<crate::transmitter::Shared>,
) -> std::convert::Infallible {
    std::future::pending().await
}

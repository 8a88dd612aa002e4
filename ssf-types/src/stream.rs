//! Streams: their configuration and status, and the bodies that manage them (SSF 1.0 §8.1).
//!
//! A configuration has two authors. The Receiver supplies `events_requested`, `delivery` and `description`; the rest is the
//! Transmitter's. [`CreateStream`], [`UpdateStream`] and [`ReplaceStream`] hold the Receiver's part, and what a Receiver
//! sent of the Transmitter's part stands apart from it, in [`TransmitterSupplied`].
//!
//! Requests are read strictly, and members that SSF 1.0 does not define are kept in `extra`. Free text in an answer is cut
//! where it is too long, as a Transmitter itself may do with a `description` (SSF 1.0 §8.1.1).

mod change;
mod configuration;
mod create;
mod delivery;
mod event_types;
mod status;
#[cfg(test)]
mod strategies;
mod subjects;
mod text;
mod verification;

pub use self::{
    change::{NotAsSupplied, ReplaceStream, TransmitterSupplied, UpdateStream},
    configuration::{STREAMS_MAX, StreamConfiguration},
    create::CreateStream,
    delivery::{DELIVERY_POLL, DELIVERY_PUSH, Delivery, PollDelivery, PushDelivery},
    event_types::{EVENT_TYPES_MAX, events_delivered},
    status::{REASON_BYTES_MAX, StatusConfiguration, StreamStatus, UpdateStatus},
    subjects::{AddSubject, RemoveSubject},
    text::DESCRIPTION_BYTES_MAX,
    verification::VerificationRequest,
};

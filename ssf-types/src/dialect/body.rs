//! The bodies that a dialect has a say in.

use crate::id::StreamId;

/// What a JSON text is, and so where in it subjects, events and endpoints stand.
///
/// Where a `stream_id` belongs into the body, the reader names the stream that was asked for, or the only one that the
/// peer has: it stands in for the `stream_id` that some peers leave out. With `None` nothing stands in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Body<'b> {
    /// The claims of a SET (RFC 8417 §2.2).
    Claims,
    /// A Transmitter's metadata (SSF 1.0 §7.1).
    Metadata,
    /// The request that creates a stream (SSF 1.0 §8.1.1.1).
    CreateStream,
    /// The request that updates or replaces a stream (SSF 1.0 §8.1.1.3, §8.1.1.4).
    UpdateStream(Option<&'b StreamId>),
    /// An answer that tells one stream (SSF 1.0 §8.1.1).
    Stream(Option<&'b StreamId>),
    /// The answer that lists streams (SSF 1.0 §8.1.1.2).
    Streams(Option<&'b StreamId>),
    /// The request that sets a status, or the answer that tells one (SSF 1.0 §8.1.2).
    Status(Option<&'b StreamId>),
    /// The request that adds or removes a subject (SSF 1.0 §8.1.3).
    Subject(Option<&'b StreamId>),
    /// The request for a verification (SSF 1.0 §8.1.4.2).
    Verification(Option<&'b StreamId>),
    /// The request that polls and acknowledges (RFC 8936 §2.2).
    PollRequest,
    /// The refusal of a pushed SET (RFC 8935 §2.3).
    PushError,
}

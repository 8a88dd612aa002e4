//! What is wrong with two streams of the reference that have one description.

/// What a transmitter that is not sound makes of two streams with one description: it confuses those of one case alone, so that no
/// other case is disturbed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Namesakes {
    /// They are one stream.
    AreOne,
    /// The status of one is that of the other.
    ShareStatus,
    /// When one is deleted, the other is gone as well.
    EndTogether,
    /// That of another Receiver gets the id of the first.
    ShareId,
    /// The second is refused with this status.
    Refused(u16),
    /// The second is refused with 409, and the first has what was asked for it.
    Overwritten,
}

//! The subjects of streams.

use std::future::Future;

use ssf_types::{id::StreamId, subject::Subject, time::Timestamp};

use super::StoreError;
use crate::domain::{
    coverage::{SubjectOperation, SubjectRefusal, SubjectTerms},
    id::ReceiverId,
};

/// The subjects of streams, in which a Receiver can change those of its own alone.
pub trait SubjectStore {
    /// Adds subjects to streams and removes them, for all events that are accepted from now on; the answers have their
    /// order.
    ///
    /// One that is refused does not hinder the others. A change that changes nothing is as good as any.
    fn change_subjects(
        &self,
        changes: &[SubjectChange],
        terms: &SubjectTerms,
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<SubjectChanged>, StoreError>> + Send;

    /// Removes at most `limit` of the keys that count for no event any more, or whose stream is gone; returns how many.
    fn forget_subjects(
        &self,
        now: Timestamp,
        limit: u64,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;
}

/// What a Receiver wants of the subjects of one of its streams.
#[derive(Clone, Debug)]
pub struct SubjectChange {
    /// Who wants it.
    pub receiver: ReceiverId,
    /// The stream.
    pub stream: StreamId,
    /// Adding or removing.
    pub operation: SubjectOperation,
    /// Whom.
    pub subject: Subject,
    /// Whether the Receiver has verified that the subject is its user; it is kept, and decides nothing.
    pub verified: bool,
}

/// What came of one change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SubjectChanged {
    /// It is so now, or was so before.
    Stored,
    /// It was not to be made.
    Refused(SubjectRefusal),
    /// The Receiver has no such stream.
    NotFound,
}

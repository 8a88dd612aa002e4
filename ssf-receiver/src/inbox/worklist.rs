//! What the inbox knows of handlers: how far each is, and what it failed at.

use std::{collections::HashSet, future::Future};

use ssf_types::{time::Timestamp, uri::Issuer};

use super::InboxError;
use crate::work::{Again, DeadLetter, HandlerName};

/// Most bytes that are kept of what a handler says went wrong.
pub(crate) const ERROR_BYTES_MAX: usize = 1000;

/// A SET that a handler is to be called with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Work {
    /// Its number in the inbox, greater than that of any that was there before.
    pub(crate) row: i64,
    pub(crate) issuer: Issuer,
    pub(crate) claims: String,
    pub(crate) received_at: Timestamp,
    /// How often the handler has failed at it.
    pub(crate) failed: u32,
}

/// What came of a SET.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Settled {
    pub(crate) row: i64,
    pub(crate) came: Came,
}

/// What came of the last call with a SET.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Came {
    Done,
    Failed {
        failed: u32,
        due_at: Timestamp,
        error: String,
    },
    Dead {
        failed: u32,
        error: String,
    },
}

/// What handlers have done and have to do; each method is one atomic step.
pub(crate) trait Worklist {
    /// Up to which row a handler is done with what is in the inbox. One that was not known is done with all that is there.
    fn enlist(&self, handler: &HandlerName)
    -> impl Future<Output = Result<i64, InboxError>> + Send;

    /// At most `limit` SETs behind the row `after`, in the order in which they came. Empty where the limit is 0.
    fn fresh(
        &self,
        after: i64,
        limit: u64,
    ) -> impl Future<Output = Result<Vec<Work>, InboxError>> + Send;

    /// At most `limit` SETs that the handler has to be called with again by `now`, without those under way; those that wait
    /// longest first.
    fn due(
        &self,
        handler: &HandlerName,
        now: Timestamp,
        limit: u64,
        under_way: &HashSet<i64>,
    ) -> impl Future<Output = Result<Vec<Work>, InboxError>> + Send;

    /// When the next of those is due.
    fn next_due(
        &self,
        handler: &HandlerName,
        under_way: &HashSet<i64>,
    ) -> impl Future<Output = Result<Option<Timestamp>, InboxError>> + Send;

    /// Stores what came of SETs, and up to which row the handler is done, or has failed.
    fn settle(
        &self,
        handler: &HandlerName,
        done: i64,
        settled: &[Settled],
    ) -> impl Future<Output = Result<(), InboxError>> + Send;

    /// At most `limit` dead letters of a handler, those that came first before others.
    fn dead(
        &self,
        handler: &HandlerName,
        limit: u64,
    ) -> impl Future<Output = Result<Vec<DeadLetter>, InboxError>> + Send;

    /// Makes SETs due at `now`, as if the handler had never been called with them; returns how many.
    fn again(
        &self,
        handler: &HandlerName,
        which: &Again,
        now: Timestamp,
    ) -> impl Future<Output = Result<u64, InboxError>> + Send;
}

/// So much of an error as is kept.
pub(crate) fn shortened(error: &str) -> &str {
    &error[..error.floor_char_boundary(ERROR_BYTES_MAX)]
}

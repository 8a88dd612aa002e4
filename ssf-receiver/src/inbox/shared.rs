//! What instances that share an inbox agree upon. Times are the database's, so that no two clocks are compared.

use std::{error::Error, future::Future, time::Duration};

use super::InboxError;
use crate::revocation::ScopeId;

/// For how long an instance leads without saying so again.
pub(crate) const LEASE: Duration = Duration::from_secs(10);

/// How long a state counts that a verification was asked for with: as long as whoever asked remembers it.
pub(crate) const ASKED_FOR: Duration = Duration::from_hours(1);

/// Longest wait for a line to be there, and to say that it stands: the server answers at once or is not there, and whoever has no line
/// looks each second all the same.
pub(crate) const LINE_ANSWER_MAX: Duration = Duration::from_secs(1);

/// A connection on which an instance hears the others. What they tell while there is none is lost.
///
/// What is told is that something was written, and nothing else. What is lost is found by a look each second.
pub(crate) trait Line: Send {
    /// Waits until another instance has written something. Whoever does not wait to the end misses nothing.
    fn hear(&mut self) -> impl Future<Output = Result<(), LineError>> + Send;

    /// Asks whether it stands: one that is cut somewhere says nothing.
    fn ask(&mut self) -> impl Future<Output = Result<(), LineError>> + Send;
}

/// There is no line, or it is of no use any more.
#[derive(Debug, thiserror::Error)]
#[error("the line to other instances is broken")]
pub(crate) struct LineError(#[source] Box<dyn Error + Send + Sync>);

impl LineError {
    pub(crate) fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

/// An inbox that several instances use.
pub(crate) trait SharedInbox: Send + Sync {
    /// How others are heard.
    type Line: Line;

    /// Opens the line on which instances tell that they wrote something.
    fn line(&self) -> impl Future<Output = Result<Self::Line, LineError>> + Send;

    /// Takes the lead for [`LEASE`], or keeps it. Whether this instance has it.
    fn lead(&self) -> impl Future<Output = Result<bool, InboxError>> + Send;

    /// Gives the lead to whoever asks next.
    fn step_down(&self) -> impl Future<Output = Result<(), InboxError>> + Send;

    /// Tells the others how fresh what is known of a transmitter is.
    fn report(
        &self,
        scope: ScopeId,
        says: &str,
    ) -> impl Future<Output = Result<(), InboxError>> + Send;

    /// What was told last, and how long ago.
    fn reported(
        &self,
        scope: ScopeId,
    ) -> impl Future<Output = Result<Option<(String, Duration)>, InboxError>> + Send;

    /// Remembers that a verification is about to be asked for with this state, for whichever instance it comes to.
    fn asked_with(
        &self,
        scope: ScopeId,
        state: &str,
    ) -> impl Future<Output = Result<(), InboxError>> + Send;

    /// Whether a verification was asked for with this state within [`ASKED_FOR`].
    fn was_asked(
        &self,
        scope: ScopeId,
        state: &str,
    ) -> impl Future<Output = Result<bool, InboxError>> + Send;

    /// The row of the SET that came last; 0 if none has.
    fn last_row(&self) -> impl Future<Output = Result<i64, InboxError>> + Send;
}

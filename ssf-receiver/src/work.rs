//! The application's own handlers of events: run from the inbox, at least once.
//!
//! A handler reads the inbox behind everybody's back: taking a SET costs nothing more for it, and no acknowledgement waits
//! for one. It has a *place*, up to which it has seen everything; what it failed at lies aside in rows of its own, with
//! the time of the next try.

mod calls;
mod place;
mod retry;

use std::{
    collections::BTreeSet,
    error::Error,
    fmt,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use ssf_types::{set::SetClaims, time::Timestamp};

use self::calls::Calls;
pub use self::retry::ATTEMPTS_MAX;
use crate::{
    clock,
    inbox::{InboxError, worklist::Worklist},
    receiver::Receiver,
};

/// Longest name of a handler, in bytes: it is a label of a metric.
pub const HANDLER_NAME_BYTES_MAX: usize = 64;

/// Most handlers of one receiver: each reads the inbox for itself.
pub const HANDLERS_MAX: usize = 16;

/// Most dead letters that one look shows.
pub const DEAD_LETTERS_MAX: u64 = 1000;

/// The name of a handler, under which the inbox knows how far it is.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct HandlerName(String);

impl HandlerName {
    /// Checks `text`.
    ///
    /// # Errors
    /// It is empty, too long, or has other characters than lower-case letters, digits, `-` and `_`.
    pub fn parse(text: &str) -> Result<Self, HandleError> {
        let is_fine = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        let fits = (1..=HANDLER_NAME_BYTES_MAX).contains(&text.len());
        if !fits || !text.bytes().all(is_fine) {
            return Err(HandleError::Name);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A handler cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandleError {
    /// The name is not one.
    #[error(
        "the name of a handler has 1 to {HANDLER_NAME_BYTES_MAX} lower-case letters, digits, - and _"
    )]
    Name,
    /// A handler of this name runs.
    #[error("a handler of this name runs already: give each its own")]
    Taken,
    /// There are as many as may be.
    #[error("a receiver has at most {HANDLERS_MAX} handlers")]
    TooMany,
    /// Its place cannot be found.
    #[error(transparent)]
    Inbox(#[from] InboxError),
}

/// A SET that a handler is called with.
///
/// Printing it for debugging shows no subject.
#[derive(Clone)]
#[non_exhaustive]
pub struct HandedSet {
    /// What it says; `claims.event` has its type.
    pub claims: SetClaims,
    /// The same as JSON, byte for byte as it was signed.
    pub json: String,
    /// When it came first.
    pub received_at: Timestamp,
    /// The number of this call among those with this SET; the first is 1. After a crash it may be the same twice.
    pub attempt: u32,
}

impl fmt::Debug for HandedSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandedSet")
            .field("jti", &self.claims.jti)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

/// A SET that a handler is not called with any more.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// Its issuer.
    pub issuer: String,
    /// Its name.
    pub jti: String,
    /// When it came first.
    pub received_at: Timestamp,
    /// How often the handler has failed.
    pub failed: u32,
    /// What the handler said last, at most 1,000 bytes of it. The application's own words: they may tell whom it was about.
    pub error: String,
}

/// Which SETs a handler is to be called with again.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Again {
    /// All its dead letters.
    Dead,
    /// Those of this `jti`, of whichever transmitter.
    Jti(String),
    /// Those that came at `since` or later, but before `until`.
    Received {
        /// The beginning.
        since: Timestamp,
        /// The end.
        until: Timestamp,
    },
}

/// The handlers that run.
#[derive(Debug, Default)]
pub(crate) struct Handlers(Mutex<BTreeSet<HandlerName>>);

impl Handlers {
    fn take(&self, name: &HandlerName) -> Result<(), HandleError> {
        // A panic elsewhere leaves the set whole: each step is one insertion.
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.contains(name) {
            return Err(HandleError::Taken);
        }
        if taken.len() >= HANDLERS_MAX {
            return Err(HandleError::TooMany);
        }
        taken.insert(name.clone());
        Ok(())
    }

    /// Their names.
    pub(crate) fn names(&self) -> BTreeSet<HandlerName> {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.clone()
    }

    fn give_back(&self, name: &HandlerName) {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.remove(name);
    }
}

impl Receiver {
    /// Has a function called with each SET that is taken from now on: for what an application does besides refusing
    /// sessions, which the guard does by itself and at once.
    ///
    /// The inbox remembers under `name` how far the handler is. So a SET that was taken is handed over at least once,
    /// also if the process dies in between: the next process that has a handler of this name goes on. A handler whose name
    /// is new gets what is taken from then on; [`Receiver::hand_again`] has it called with what came before.
    ///
    /// Up to 16 calls are under way at once, so the order of SETs is not kept: their times say which is later. A call that
    /// fails, panics or takes more than a minute is repeated after 1 s, 4 s and so on up to an hour; after the tenth the SET
    /// is a [dead letter](Receiver::dead_letters). Verifications (SSF 1.0 §8.1.4) are not handed over.
    ///
    /// ```no_run
    /// # use ssf_receiver::{HandedSet, Receiver};
    /// # use ssf_types::event::Event;
    /// # async fn close_files(set: &HandedSet) -> Result<(), std::io::Error> { Ok(()) }
    /// # async fn run(receiver: Receiver) -> Result<(), Box<dyn std::error::Error>> {
    /// receiver
    ///     .handle("files", |set: HandedSet| async move {
    ///         match &set.claims.event {
    ///             Event::SessionRevoked(_) => close_files(&set).await,
    ///             _ => Ok(()),
    ///         }
    ///     })
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The name cannot be used, or the inbox cannot be read.
    pub async fn handle<F, Fut, E>(&self, name: &str, handler: F) -> Result<(), HandleError>
    where
        F: Fn(HandedSet) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let name = HandlerName::parse(name)?;
        let core = self.core();
        core.handlers.take(&name)?;
        let place = match core.inbox.enlist(&name).await {
            Ok(place) => place,
            Err(error) => {
                core.handlers.give_back(&name);
                return Err(error.into());
            }
        };
        let calls = Calls::new(Arc::clone(core), name, place, handler);
        self.run(calls.run());
        Ok(())
    }

    /// What a handler is not called with any more, those that came first before others; at most 1,000.
    ///
    /// # Errors
    /// The inbox cannot be read.
    pub async fn dead_letters(&self, handler: &HandlerName) -> Result<Vec<DeadLetter>, InboxError> {
        let dead = self.core().inbox.dead(handler, DEAD_LETTERS_MAX);
        dead.await
    }

    /// Has a handler called again, ten times at most, with SETs that are in the inbox; returns with how many.
    ///
    /// # Errors
    /// The inbox cannot be written.
    pub async fn hand_again(
        &self,
        handler: &HandlerName,
        which: &Again,
    ) -> Result<u64, InboxError> {
        let core = self.core();
        let count = core.inbox.again(handler, which, clock::now()).await?;
        core.handed_again.send_modify(|times| *times += 1);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_label() {
        for name in ["crm", "a-b_9", &"x".repeat(HANDLER_NAME_BYTES_MAX)] {
            assert_eq!(HandlerName::parse(name).unwrap().as_str(), name);
        }
        for name in ["", "A", "a b", "ä", &"x".repeat(HANDLER_NAME_BYTES_MAX + 1)] {
            assert!(matches!(HandlerName::parse(name), Err(HandleError::Name)));
        }
    }

    #[test]
    fn a_name_is_taken_once_and_there_are_sixteen() {
        let handlers = Handlers::default();
        let name = |number: usize| HandlerName::parse(&format!("h{number}")).unwrap();
        for number in 0..HANDLERS_MAX {
            handlers.take(&name(number)).unwrap();
        }
        assert!(matches!(handlers.take(&name(0)), Err(HandleError::Taken)));
        let one_more = handlers.take(&name(HANDLERS_MAX));
        assert!(matches!(one_more, Err(HandleError::TooMany)));
        handlers.give_back(&name(0));
        handlers.take(&name(HANDLERS_MAX)).unwrap();
    }
}

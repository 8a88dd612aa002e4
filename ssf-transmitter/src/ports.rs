//! What the transmitter needs from outside: storage, a signer, a way to push, a clock.
//!
//! Each method of a store is one step of the protocol and is atomic: it happens whole, durably, or not at all. Nobody
//! outside a store holds a transaction. The rules that types cannot hold, and that the contract suite checks for every
//! store:
//!
//! 1. What [`Outbox::append`] and [`Outbox::append_and_fan_out`] have answered survives a crash.
//! 2. Every accepted event is fanned out exactly once: to the streams of its issuer that asked for its type before it
//!    was accepted, and still do, and that covered its subject then. No event of one issuer ever reaches a stream of
//!    another.
//! 3. Deliveries of a stream are numbered from 1 without gaps, in the order of their fan-out.
//! 4. Only the holder of the newest lease of a stream, or of the fan-out, changes anything under it: the epoch of a lease
//!    fences off those who held it before and do not know yet that they lost it.
//! 5. A pending delivery is due only if no earlier one of its stream with the same order key is pending.
//! 6. What is settled stays settled, unless it was refused and is replayed.
//! 7. Nothing is due on a stream that is not enabled but what announces that. What a pause holds is numbered all the
//!    same; of what is accepted while a stream is disabled, nothing ever is.
//! 8. What is dropped leaves a record of how many and why.
//! 9. An entry of the audit log has the number and the hash that follow from the one before, and stays as it is.
//! 10. A stream that is polled is never leased. What an answer handed out is in no other one until it is taken back, or
//!     its time is over.
//! 11. The ledger balances at every moment: see [`Ledger`](crate::domain::ledger::Ledger).
mod audit;
mod horizon;
mod key;
mod ledger;
mod operated;
mod operator;
mod outbox;
mod overview;
mod poll;
mod receiver;
mod retention;
mod setting;
mod stream;
mod subject;
mod trace;

use std::{error::Error, future::Future};

use futures_util::future::join_all;
use ssf_types::{
    push::PushOutcome,
    set::{Algorithm, CompactSet},
    stream::PushDelivery,
    time::Timestamp,
};

use crate::domain::{issuer::IssuerName, mint::Minted, profile::Profile};

pub use self::{
    audit::AuditStore,
    horizon::HorizonStore,
    key::KeyStore,
    ledger::LedgerStore,
    operated::{KeptAlive, OperatedStreams},
    operator::{Existing, Named, OperatorStore, SourceStore},
    outbox::{
        Answered, Appended, AtOnce, FanOutLease, FannedOut, Fenced, Finished, Idempotency,
        LeasedStream, Outbox, Settlement, StreamLease, Submission, TakenWith, Taking,
    },
    overview::{Backlog, Preview, StreamFilter, StreamOverview},
    poll::{PollSettled, PollStep, PollStore, Polled},
    receiver::{
        AddedReceiver, ProfileSet, PushHostsBound, ReceiverStore, RemovedReceiver,
        ReplacedCredentials,
    },
    retention::{ForgottenEvents, RetentionStore},
    setting::{FirstWrite, Settings},
    stream::{ChangedStream, CreatedStream, DeletedStream, SentAlone, StreamStore},
    subject::{SubjectChange, SubjectChanged, SubjectStore},
    trace::{
        Candidate, DeliveryFilter, Replay, ReplayPage, ReplayStore, Replayed, Sought, TraceStore,
        Traced, TracedStream,
    },
};

/// A store cannot do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database does not answer, or refuses; the step did not happen, or nobody can tell whether it did.
    #[error("the database is not available")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// The disk of the database is full; the step did not happen.
    #[error("the disk of the database is full")]
    Full(#[source] Box<dyn Error + Send + Sync>),
    /// A stored row is not what was written.
    #[error(transparent)]
    Corrupt(#[from] CorruptRow),
}

/// A stored row cannot be read: it was changed from outside, or sealed with another key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("row {id} of table {table} cannot be read: {why}")]
#[non_exhaustive]
pub struct CorruptRow {
    /// The table.
    pub table: &'static str,
    /// The row's key; never a secret or a subject.
    pub id: String,
    /// Which column, and what is wrong with it; never its value.
    pub why: &'static str,
}

impl CorruptRow {
    /// Reports a row.
    pub fn new(table: &'static str, id: impl Into<String>, why: &'static str) -> Self {
        Self {
            table,
            id: id.into(),
            why,
        }
    }
}

/// Tells the time.
pub trait Clock {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// Signs SETs.
pub trait Signer: Sync {
    /// Signs the claims of a SET of `issuer`, with the key of that issuer that is current at this moment.
    ///
    /// Without an `algorithm`, the one that the installation is configured for is used.
    ///
    /// # Errors
    /// The key cannot be used; the delivery stays pending.
    fn sign(
        &self,
        issuer: &IssuerName,
        algorithm: Option<Algorithm>,
        minted: Minted,
    ) -> impl Future<Output = Result<CompactSet, SignError>> + Send;

    /// Signs several in the same way; each that cannot be signed fails alone. The answers are in the order of `minted`.
    fn sign_all(
        &self,
        issuer: &IssuerName,
        algorithm: Option<Algorithm>,
        minted: Vec<Minted>,
    ) -> impl Future<Output = Vec<Result<CompactSet, SignError>>> + Send {
        let each = minted
            .into_iter()
            .map(move |minted| self.sign(issuer, algorithm, minted));
        join_all(each)
    }
}

/// A SET could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("the SET cannot be signed")]
pub struct SignError(#[source] pub Box<dyn Error + Send + Sync>);

/// Brings SETs to Receivers.
pub trait Push {
    /// A share of what may be under way to a host; dropping it gives it back.
    type Place: Send;

    /// Takes a place at the host of `to`; `None` if as much is under way to it as may be.
    fn place(&self, to: &PushDelivery) -> Option<Self::Place>;

    /// Makes one attempt from a place at that host, which ends in bounded time and begins at once. The answer counts as the
    /// Receiver's `profile` has it.
    ///
    /// # Errors
    /// Nothing was sent, and the Receiver is not to blame.
    fn push(
        &self,
        place: Self::Place,
        to: &PushDelivery,
        profile: Profile,
        set: CompactSet,
    ) -> impl Future<Output = Result<PushOutcome, NotSent>> + Send;
}

/// Nothing was sent, for want of something of our own: it says nothing about the Receiver.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("nothing was sent")]
pub struct NotSent;

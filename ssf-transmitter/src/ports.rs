//! What the transmitter needs from outside: storage, a signer, a way to push, a clock.
//!
//! Each method of a store is one step of the protocol and is atomic: it happens whole, durably, or not at all. Nobody
//! outside a store holds a transaction. The rules that types cannot hold, and that the contract suite checks for every
//! store:
//!
//! 1. What [`Outbox::append`] has answered survives a crash.
//! 2. Every accepted event is fanned out exactly once: to the streams that asked for its type before it was accepted,
//!    and still do.
//! 3. Deliveries of a stream are numbered from 1 without gaps, in the order of their fan-out.
//! 4. Only the holder of the newest lease of a stream, or of the fan-out, changes anything under it: the epoch of a lease
//!    fences off those who held it before and do not know yet that they lost it.
//! 5. A pending delivery is due only if no earlier one of its stream with the same order key is pending.
//! 6. What is settled stays settled.
//! 7. Nothing is due on a stream that is not enabled. What a pause holds is numbered all the same; of what is accepted
//!    while a stream is disabled, nothing ever is.
//! 8. What is dropped leaves a record of how many and why.

use std::{error::Error, future::Future};

use ssf_types::{
    id::StreamId,
    push::PushOutcome,
    set::{CompactSet, SetClaims},
    stream::PushDelivery,
    time::Timestamp,
};

use crate::domain::{
    delivery::{Delivery, DeliveryState},
    dropped::DropRecord,
    event::{AcceptedEvent, NewEvent},
    fan_out::FanOut,
    id::{EventId, Fingerprint, ReceiverId, WorkerId},
    key::StoredKey,
    receiver::Receiver,
    stream::Stream,
    verification::FrameworkSet,
};

/// A store cannot do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database does not answer, or refuses; the step did not happen, or nobody can tell whether it did.
    #[error("the database is not available")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
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
pub trait Signer {
    /// Signs the claims of a SET, with the key that is current at this moment.
    ///
    /// # Errors
    /// The key cannot be used; the delivery stays pending.
    fn sign(&self, claims: SetClaims)
    -> impl Future<Output = Result<CompactSet, SignError>> + Send;
}

/// A SET could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("the SET cannot be signed")]
pub struct SignError(#[source] pub Box<dyn Error + Send + Sync>);

/// Brings SETs to Receivers.
pub trait Push {
    /// Makes one attempt, which ends in bounded time.
    fn push(&self, to: &PushDelivery, set: CompactSet) -> impl Future<Output = PushOutcome> + Send;
}

/// Who may manage streams.
pub trait ReceiverStore {
    /// Adds a Receiver that presents the token with this fingerprint.
    fn add_receiver(
        &self,
        receiver: &Receiver,
        token: Fingerprint,
        now: Timestamp,
    ) -> impl Future<Output = Result<AddedReceiver, StoreError>> + Send;

    /// The Receiver that presents the token with this fingerprint.
    fn receiver_by_token(
        &self,
        token: Fingerprint,
    ) -> impl Future<Output = Result<Option<Receiver>, StoreError>> + Send;

    /// All Receivers, by name.
    fn receivers(&self) -> impl Future<Output = Result<Vec<Receiver>, StoreError>> + Send;
}

/// What came of adding a Receiver.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AddedReceiver {
    /// It is there.
    Added,
    /// There was one with this name, and it is unchanged.
    NameTaken,
}

/// The streams. Every method but `create_stream` sees those of one Receiver alone: another's stream does not exist.
pub trait StreamStore {
    /// Creates a stream for all events that are accepted from now on, and for none before.
    ///
    /// A Receiver has at most [`STREAMS_PER_RECEIVER_MAX`](crate::domain::stream::STREAMS_PER_RECEIVER_MAX).
    fn create_stream(
        &self,
        stream: &Stream,
    ) -> impl Future<Output = Result<CreatedStream, StoreError>> + Send;

    /// One stream of `receiver`.
    fn stream(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
    ) -> impl Future<Output = Result<Option<Stream>, StoreError>> + Send;

    /// All streams of `receiver`, oldest first.
    fn streams(
        &self,
        receiver: ReceiverId,
    ) -> impl Future<Output = Result<Vec<Stream>, StoreError>> + Send;

    /// Changes a stream of `receiver` for all events that are accepted from now on.
    ///
    /// `change` gets the stream as it is; it must not wait for anything, since the step is one transaction. Of the
    /// types of events that the stream gets no longer, nothing is sent any more: what is pending is dropped, as is
    /// everything that is pending on a stream that becomes disabled. Whoever works on the stream loses the lease, unless
    /// the status alone changes: then it keeps the lease, to settle what is under way, and finds nothing due. If the
    /// delivery is another one, the stream rests no longer: the new place is asked at once.
    fn change_stream<F, E>(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
        now: Timestamp,
        change: F,
    ) -> impl Future<Output = Result<ChangedStream<E>, StoreError>> + Send
    where
        F: FnOnce(&Stream) -> Result<Stream, E> + Send,
        E: Send;

    /// Numbers a SET of the framework on one stream of `receiver` alone; it is due at once.
    ///
    /// `decide` gets the stream and when the last such request was met; this one is remembered as being met at `now`.
    fn send_verification<F, E>(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
        now: Timestamp,
        decide: F,
    ) -> impl Future<Output = Result<SentAlone<E>, StoreError>> + Send
    where
        F: FnOnce(&Stream, Option<Timestamp>) -> Result<FrameworkSet, E> + Send,
        E: Send;

    /// Deletes a stream of `receiver` and drops its deliveries; whoever works on it loses the lease.
    fn delete_stream(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
        now: Timestamp,
    ) -> impl Future<Output = Result<DeletedStream, StoreError>> + Send;

    /// What was dropped on a stream of `receiver`, oldest first, even if the stream is gone.
    fn drops(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
    ) -> impl Future<Output = Result<Vec<DropRecord>, StoreError>> + Send;
}

/// What came of creating a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CreatedStream {
    /// It is there.
    Created,
    /// The Receiver has as many as it may have.
    TooMany,
}

/// What came of changing a stream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ChangedStream<E> {
    /// It is so now.
    Changed {
        /// The stream after the change.
        stream: Box<Stream>,
        /// Deliveries that were pending and are now dropped.
        dropped: u64,
        /// Under which lease somebody works on the stream still, if its time is not over.
        owner: Option<StreamLease>,
    },
    /// The change was not to be made; nothing is different.
    Refused(E),
    /// There is no such stream.
    NotFound,
}

/// What came of sending a SET on one stream alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SentAlone<E> {
    /// It is a delivery of the stream now.
    Numbered,
    /// It was not to be sent; nothing is different.
    Refused(E),
    /// There is no such stream.
    NotFound,
}

/// What came of deleting a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DeletedStream {
    /// It is gone.
    Deleted {
        /// Deliveries that were pending and are now dropped.
        dropped: u64,
    },
    /// There was none.
    NotFound,
}

/// Events that are accepted together or not at all.
#[derive(Clone, Debug)]
pub struct Submission {
    /// What makes a repetition recognisable, if the source wants that.
    pub idempotency: Option<Idempotency>,
    /// The events with the identifiers they get if they are accepted.
    pub events: Vec<(EventId, NewEvent)>,
}

/// Recognises a request that is sent again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Idempotency {
    /// Stands for the source and the key it chose.
    pub key: Fingerprint,
    /// Stands for the body of the request.
    pub body: Fingerprint,
}

/// What came of a submission.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Appended {
    /// The events are durable.
    Accepted(Vec<EventId>),
    /// The same submission was accepted before, with these identifiers; nothing was added.
    Replayed(Vec<EventId>),
    /// The key was used for another body; nothing was added.
    KeyConflict,
}

/// The right to fan events out, until it expires.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FanOutLease {
    /// Who holds it.
    pub worker: WorkerId,
    /// Grows each time the lease goes to somebody.
    pub epoch: u64,
}

/// What came of a step of the fan-out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FannedOut {
    /// Events were marked as dispatched, and their deliveries exist.
    Done {
        /// How many events; zero if there were none left.
        events: u64,
        /// How many deliveries.
        deliveries: u64,
    },
    /// Somebody else has the lease; nothing changed.
    LeaseLost,
}

/// The right to deliver on a stream, until it expires.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StreamLease {
    /// The stream.
    pub stream: StreamId,
    /// Who holds it.
    pub worker: WorkerId,
    /// Grows each time the lease goes to somebody.
    pub epoch: u64,
}

/// A stream to work on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LeasedStream {
    /// The right to work on it.
    pub lease: StreamLease,
    /// The stream as it is; whoever changes more of it than its status takes the lease away.
    pub stream: Stream,
    /// How often in a row work on it has ended because its Receiver could not be reached.
    pub failures: u32,
}

/// When work on a stream may go on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Resume {
    /// How often in a row work on it has ended because its Receiver could not be reached; zero if it can be.
    pub failures: u32,
    /// Nobody takes the stream before this moment.
    pub not_before: Timestamp,
}

/// What has become of a delivery.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settlement {
    /// The delivery's number in its stream.
    pub sequence: u64,
    /// Its new state.
    pub state: DeliveryState,
}

/// What came of a change that needs a lease.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fenced {
    /// It is done.
    Stored,
    /// Somebody else has the lease, or the stream is gone; nothing changed.
    LeaseLost,
}

/// Accepted events and what becomes of them.
pub trait Outbox {
    /// Accepts submissions; the answers have their order. One that conflicts does not hinder the others.
    fn append(
        &self,
        submissions: Vec<Submission>,
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<Appended>, StoreError>> + Send;

    /// Takes the lease of the fan-out until `until`, or prolongs it for the one who has it; `None` if another has it.
    fn lease_fan_out(
        &self,
        worker: WorkerId,
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<Option<FanOutLease>, StoreError>> + Send;

    /// Fans out at most `limit` of the oldest events that wait for it.
    ///
    /// `decide` gets an event and the streams interested in its type; it must not wait for anything, since the step
    /// is one transaction. Its deliveries are due at `now`, unless they have to wait for others.
    fn fan_out<D>(
        &self,
        lease: FanOutLease,
        now: Timestamp,
        limit: u64,
        decide: D,
    ) -> impl Future<Output = Result<FannedOut, StoreError>> + Send
    where
        D: FnMut(&AcceptedEvent, &[StreamId]) -> FanOut + Send;

    /// Takes at most `limit` streams that have something due, no owner and no reason to rest, until `until`.
    fn lease_streams(
        &self,
        worker: WorkerId,
        now: Timestamp,
        until: Timestamp,
        limit: u64,
    ) -> impl Future<Output = Result<Vec<LeasedStream>, StoreError>> + Send;

    /// Prolongs a lease.
    fn renew(
        &self,
        lease: &StreamLease,
        until: Timestamp,
    ) -> impl Future<Output = Result<Fenced, StoreError>> + Send;

    /// Whether nobody works under a lease any more: it was given back or taken over, or its time is over.
    fn is_over(
        &self,
        lease: &StreamLease,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Gives a stream back, so that others need not wait until the lease expires.
    fn release(
        &self,
        lease: &StreamLease,
        resume: Resume,
    ) -> impl Future<Output = Result<Fenced, StoreError>> + Send;

    /// At most `limit` deliveries of a stream that are due, those that wait longest first.
    ///
    /// Empty if the lease is lost, or the stream is not enabled.
    fn due(
        &self,
        lease: &StreamLease,
        now: Timestamp,
        limit: u64,
    ) -> impl Future<Output = Result<Vec<Delivery>, StoreError>> + Send;

    /// Stores what attempts made of deliveries; those held back by a settled one become due at `now`.
    fn settle(
        &self,
        lease: &StreamLease,
        settlements: &[Settlement],
        now: Timestamp,
    ) -> impl Future<Output = Result<Fenced, StoreError>> + Send;

    /// When the next stream can be leased; `None` if nothing is pending.
    fn next_due(&self) -> impl Future<Output = Result<Option<Timestamp>, StoreError>> + Send;
}

/// The signing keys.
pub trait KeyStore {
    /// All keys, newest first.
    fn signing_keys(&self) -> impl Future<Output = Result<Vec<StoredKey>, StoreError>> + Send;

    /// Stores the first key, unless there is one: of several nodes that start together, one makes the key of all.
    fn insert_first_key(
        &self,
        key: &StoredKey,
    ) -> impl Future<Output = Result<FirstWrite, StoreError>> + Send;
}

/// What came of a write that only the first one makes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FirstWrite {
    /// It was the first.
    Written,
    /// There was something, and it is unchanged.
    AlreadyThere,
}

/// Values of the installation, such as the fingerprint of the operator's token. The caller seals what is secret.
pub trait Settings {
    /// The value called `name`.
    fn setting(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<Option<Vec<u8>>, StoreError>> + Send;

    /// Stores a value, unless there is one.
    fn insert_setting(
        &self,
        name: &str,
        value: &[u8],
    ) -> impl Future<Output = Result<FirstWrite, StoreError>> + Send;

    /// Stores a value, whether there was one or not.
    fn replace_setting(
        &self,
        name: &str,
        value: &[u8],
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

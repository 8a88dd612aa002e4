//! Accepted events and what becomes of them.

use std::future::Future;

use ssf_types::{id::StreamId, stream::PushDelivery, time::Timestamp};

use super::StoreError;
use crate::domain::{
    attempt::Attempt,
    circuit::Health,
    delivery::{Delivery, DeliveryState},
    event::{AcceptedEvent, NewEvent},
    fan_out::{FanOut, StepMax},
    id::{EventId, Fingerprint, SourceId, WorkerId},
    issuer::IssuerName,
    profile::Profile,
    room::Room,
    stream::Stream,
};

/// Accepted events and what becomes of them.
pub trait Outbox {
    /// Accepts submissions; the answers have their order. One that conflicts does not hinder the others.
    fn append(
        &self,
        submissions: Vec<Submission>,
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<Appended>, StoreError>> + Send;

    /// Accepts submissions as [`Outbox::append`] does, and fans their events out in the same transaction, as [`Outbox::fan_out`]
    /// would: if `lease` is the newest of the fan-out, no event waits, these are few and become few deliveries, and nobody else
    /// works on what that needs. Else they wait, and it tells of no events, or of the lease.
    ///
    /// Where there are deliveries then, it takes streams that get them, as [`Outbox::lease_streams`] would, if `offer`, which is
    /// told which streams get any, tells of any room. That is asked before the commit, and must not wait for anything either.
    fn append_and_fan_out<D, O>(
        &self,
        submissions: Vec<Submission>,
        now: Timestamp,
        lease: FanOutLease,
        decide: D,
        offer: O,
    ) -> impl Future<Output = Result<AtOnce, StoreError>> + Send
    where
        D: FnMut(&AcceptedEvent, &[StreamId]) -> FanOut + Send,
        O: FnOnce(&[StreamId]) -> Option<Taking> + Send;

    /// What was answered under this key of [`Idempotency`].
    fn answered(
        &self,
        key: Fingerprint,
    ) -> impl Future<Output = Result<Option<Answered>, StoreError>> + Send;

    /// Forgets at most `limit` of the answers that were given before `before`; returns how many.
    fn forget_answers(
        &self,
        before: Timestamp,
        limit: u64,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Takes the lease of the fan-out until `until`, or prolongs it for the one who has it; `None` if another has it.
    fn lease_fan_out(
        &self,
        worker: WorkerId,
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<Option<FanOutLease>, StoreError>> + Send;

    /// Gives the fan-out back, so that others need not wait until the lease expires; a lease that is lost stays so.
    fn release_fan_out(
        &self,
        lease: FanOutLease,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Fans out the oldest of the events that wait for it, as many as belong to a step.
    ///
    /// `decide` gets an event and the streams interested in its type; it must not wait for anything, since the step
    /// is one transaction. Its deliveries are due at `now`, unless they have to wait for others.
    fn fan_out<D>(
        &self,
        lease: FanOutLease,
        now: Timestamp,
        most: StepMax,
        decide: D,
    ) -> impl Future<Output = Result<FannedOut, StoreError>> + Send
    where
        D: FnMut(&AcceptedEvent, &[StreamId]) -> FanOut + Send;

    /// Takes streams that are pushed and have something due, no owner and no reason to rest, until `until`: as many as there
    /// is room for, those first that nobody has had for the longest time. Streams of those that have their share of the room
    /// already keep none from it that stand behind them.
    ///
    /// What cannot be read is left, told to the log, and looked at again after some minutes.
    fn lease_streams(
        &self,
        worker: WorkerId,
        now: Timestamp,
        until: Timestamp,
        room: Room,
    ) -> impl Future<Output = Result<Vec<LeasedStream>, StoreError>> + Send;

    /// Prolongs a lease.
    fn renew(
        &self,
        lease: &StreamLease,
        until: Timestamp,
    ) -> impl Future<Output = Result<Fenced, StoreError>> + Send;

    /// Whether nobody works under a lease any more: it was given back, or its time is over. One that was taken away is over
    /// when its owner, who learns that by and by, gives it back all the same.
    fn is_over(
        &self,
        lease: &StreamLease,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Gives a stream back, so that others need not wait until the lease expires, and keeps how its Receiver has answered.
    /// If that has acted since the lease began, so that its circuit closed, the latter is void and is not kept. If the
    /// lease is lost, that alone is noted: nobody works under it any more.
    fn release(
        &self,
        lease: &StreamLease,
        health: &Health,
    ) -> impl Future<Output = Result<Fenced, StoreError>> + Send;

    /// At most `limit` deliveries of a stream that are due and have none of the numbers `under_way`, those that wait longest
    /// first.
    ///
    /// Empty if the lease is lost, or the stream is not enabled.
    fn due(
        &self,
        lease: &StreamLease,
        now: Timestamp,
        limit: u64,
        under_way: &[u64],
    ) -> impl Future<Output = Result<Vec<Delivery>, StoreError>> + Send;

    /// Stores what attempts made of deliveries; those held back by a settled one become due at `now`. One that becomes
    /// dropped leaves a record. With that it stores how the Receiver has answered, if that is news; as with
    /// [`Outbox::release`], it is void if the Receiver has acted since the lease began.
    fn settle(
        &self,
        lease: &StreamLease,
        settlements: &[Settlement],
        health: Option<&Health>,
        now: Timestamp,
    ) -> impl Future<Output = Result<Fenced, StoreError>> + Send;

    /// As [`Outbox::settle`], for an owner with nothing else under way: if nothing of the stream is due then, it is given back,
    /// as by [`Outbox::release`].
    fn finish(
        &self,
        lease: &StreamLease,
        settlements: &[Settlement],
        health: Option<&Health>,
        now: Timestamp,
    ) -> impl Future<Output = Result<Finished, StoreError>> + Send;

    /// When the next stream can be leased; `None` if nothing is pending.
    fn next_due(&self) -> impl Future<Output = Result<Option<Timestamp>, StoreError>> + Send;
}

/// Events that are accepted together or not at all.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Whose events they are.
    pub issuer: IssuerName,
    /// Who hands them in; absent if it is an operator.
    pub source: Option<SourceId>,
    /// What makes a repetition recognisable, if the source wants that.
    pub idempotency: Option<Idempotency>,
    /// The events with the identifiers they get if they are accepted.
    pub events: Vec<(EventId, NewEvent)>,
}

/// Recognises a request that is sent again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Idempotency {
    /// Stands for the source and the key it chose.
    pub key: Fingerprint,
    /// Stands for the body of the request.
    pub body: Fingerprint,
    /// What is to be answered besides the identifiers, in the caller's own form.
    pub answer: String,
}

/// What was answered to a submission.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answered {
    /// Stands for the body of the request.
    pub body: Fingerprint,
    /// Of the events that were accepted.
    pub ids: Vec<EventId>,
    /// What was answered besides.
    pub answer: String,
}

/// What came of a submission.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Appended {
    /// The events are durable.
    Accepted(Vec<EventId>),
    /// The same submission was accepted before, and answered so; nothing was added.
    Replayed(Answered),
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
    /// Somebody else has the lease, or works under it; nothing was fanned out.
    LeaseLost,
}

impl FannedOut {
    /// There was nothing to fan out, or nothing that could be.
    pub const NOTHING: Self = Self::Done {
        events: 0,
        deliveries: 0,
    };
}

/// What came of [`Outbox::append_and_fan_out`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AtOnce {
    /// What came of the submissions, in their order.
    pub answers: Vec<Appended>,
    /// What was fanned out.
    pub fanned_out: FannedOut,
    /// The streams that were taken.
    pub taken: Vec<TakenWith>,
    /// Whether streams that were not taken got something as well.
    pub is_left: bool,
}

impl AtOnce {
    /// The events wait for their fan-out, if there are any.
    pub fn waiting(answers: Vec<Appended>, fanned_out: FannedOut) -> Self {
        Self {
            answers,
            fanned_out,
            taken: Vec::new(),
            is_left: false,
        }
    }
}

/// A stream that was taken with what it gets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TakenWith {
    /// The stream.
    pub leased: LeasedStream,
    /// The first one that is due on it, and a second one if there is one, as [`Outbox::due`] would tell; empty where that is not
    /// known.
    pub due: Vec<Delivery>,
}

/// How somebody takes streams to deliver on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Taking {
    /// Who.
    pub worker: WorkerId,
    /// Until when they are leased.
    pub until: Timestamp,
    /// How many there is room for, and of whom.
    pub room: Room,
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
    /// Where to push, with the secret.
    pub push: PushDelivery,
    /// How its Receiver reads SETs and answers pushes; whoever changes that takes the lease away.
    pub profile: Profile,
    /// How its Receiver has answered lately.
    pub health: Health,
}

/// What has become of a delivery.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settlement {
    /// The delivery's number in its stream.
    pub sequence: u64,
    /// Its new state.
    pub state: DeliveryState,
    /// The attempt that made it so. One that failed is kept among the first and the latest of its delivery.
    pub answer: Option<Attempt>,
}

/// What came of a change that needs a lease.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fenced {
    /// It is done.
    Stored,
    /// Somebody else has the lease, or the stream is gone; nothing changed.
    LeaseLost,
}

/// What came of [`Outbox::finish`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Finished {
    /// All is stored, and nobody has the stream.
    GivenBack,
    /// All is stored, and something is due: the owner has the stream still.
    GoesOn,
    /// Somebody else has the lease, or the stream is gone; nothing changed.
    LeaseLost,
}

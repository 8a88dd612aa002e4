//! The outbox: each method is in the module of its step.

use sea_orm::{ColumnTrait, ExprTrait, sea_query::Expr};
use ssf_types::{id::StreamId, time::Timestamp};

use super::{
    SeaStore,
    entity::delivery,
    look::FIRST_MAX,
    settle::{Settling, Then},
};
use crate::{
    domain::{
        circuit::Health,
        delivery::Delivery,
        event::AcceptedEvent,
        fan_out::{FanOut, StepMax},
        id::{Fingerprint, WorkerId},
        room::Room,
    },
    ports::{
        Answered, Appended, AtOnce, FanOutLease, FannedOut, Fenced, Finished, LeasedStream, Outbox,
        Settlement, StoreError, StreamLease, Submission, Taking,
    },
};

/// The state of a delivery as it is stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum State {
    Pending,
    Acknowledged,
    Quarantined,
    Dropped,
}

impl State {
    /// Whether a delivery is in this state. The number is written out, not bound: else, PostgreSQL would seldom use a partial
    /// index over one state, and SQLite would compile the statement each time.
    pub(super) fn is(self) -> Expr {
        let state = delivery::Column::State.into_expr();
        state.eq(Expr::Constant(self.number().into()))
    }

    /// The partial indexes over deliveries name these numbers, too.
    pub(super) const fn number(self) -> i16 {
        match self {
            Self::Pending => 0,
            Self::Acknowledged => 1,
            Self::Quarantined => 2,
            Self::Dropped => 3,
        }
    }

    /// The state with this number.
    pub(super) fn read(number: i16) -> Option<Self> {
        [
            Self::Pending,
            Self::Acknowledged,
            Self::Quarantined,
            Self::Dropped,
        ]
        .into_iter()
        .find(|state| state.number() == number)
    }
}

impl Outbox for SeaStore {
    async fn append(
        &self,
        submissions: Vec<Submission>,
        now: Timestamp,
    ) -> Result<Vec<Appended>, StoreError> {
        self.append_submissions(submissions, now).await
    }

    async fn append_and_fan_out<D, O>(
        &self,
        submissions: Vec<Submission>,
        now: Timestamp,
        lease: FanOutLease,
        decide: D,
        offer: O,
    ) -> Result<AtOnce, StoreError>
    where
        D: FnMut(&AcceptedEvent, &[StreamId]) -> FanOut + Send,
        O: FnOnce(&[StreamId]) -> Option<Taking> + Send,
    {
        self.append_at_once(submissions, (now, lease), (decide, offer))
            .await
    }

    async fn answered(&self, key: Fingerprint) -> Result<Option<Answered>, StoreError> {
        self.remembered_answer(key).await
    }

    async fn forget_answers(&self, before: Timestamp, limit: u64) -> Result<u64, StoreError> {
        self.forget_oldest_answers(before, limit).await
    }

    async fn lease_fan_out(
        &self,
        worker: WorkerId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<FanOutLease>, StoreError> {
        self.take_fan_out(worker, now, until).await
    }

    async fn release_fan_out(&self, lease: FanOutLease) -> Result<(), StoreError> {
        self.give_fan_out_back(lease).await
    }

    async fn fan_out<D>(
        &self,
        lease: FanOutLease,
        now: Timestamp,
        most: StepMax,
        decide: D,
    ) -> Result<FannedOut, StoreError>
    where
        D: FnMut(&AcceptedEvent, &[StreamId]) -> FanOut + Send,
    {
        self.fan_out_events(lease, now, most, decide).await
    }

    async fn lease_streams(
        &self,
        worker: WorkerId,
        now: Timestamp,
        until: Timestamp,
        room: Room,
    ) -> Result<Vec<LeasedStream>, StoreError> {
        let taking = Taking {
            worker,
            until,
            room,
        };
        self.take_streams(now, taking).await
    }

    async fn renew(&self, lease: &StreamLease, until: Timestamp) -> Result<Fenced, StoreError> {
        self.renew_stream(lease, until).await
    }

    async fn is_over(&self, lease: &StreamLease, now: Timestamp) -> Result<bool, StoreError> {
        self.is_lease_over(lease, now).await
    }

    async fn release(&self, lease: &StreamLease, health: &Health) -> Result<Fenced, StoreError> {
        let fenced = self.release_stream(lease, health).await?;
        if fenced == Fenced::LeaseLost {
            self.confirm_loss(lease).await?;
        }
        Ok(fenced)
    }

    async fn due(
        &self,
        lease: &StreamLease,
        now: Timestamp,
        limit: u64,
        under_way: &[u64],
    ) -> Result<Vec<Delivery>, StoreError> {
        if limit <= FIRST_MAX && under_way.is_empty() {
            let mut due = self.first_due(lease, now).await?;
            due.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            return Ok(due);
        }
        self.due_deliveries(lease, now, limit, under_way).await
    }

    async fn settle(
        &self,
        lease: &StreamLease,
        settlements: &[Settlement],
        health: Option<&Health>,
        now: Timestamp,
    ) -> Result<Fenced, StoreError> {
        let of = (lease, settlements, health);
        let finished = self.settle_gathered(Settling::new(of, Then::Keep, now));
        Ok(match finished.await? {
            Finished::GoesOn | Finished::GivenBack => Fenced::Stored,
            Finished::LeaseLost => Fenced::LeaseLost,
        })
    }

    async fn finish(
        &self,
        lease: &StreamLease,
        settlements: &[Settlement],
        health: Option<&Health>,
        now: Timestamp,
    ) -> Result<Finished, StoreError> {
        let of = (lease, settlements, health);
        self.settle_gathered(Settling::new(of, Then::GiveBack, now))
            .await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.next_lease().await
    }
}

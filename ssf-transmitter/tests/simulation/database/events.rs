//! Events, their fan-out, and the leases.

use ssf_transmitter::{
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
use ssf_types::{id::StreamId, time::Timestamp};

use super::Connection;

/// What the events of a submission are called in this world.
fn names(submission: &Submission) -> Vec<String> {
    let events = submission.events.iter();
    let names = events.filter_map(|(_, event)| event.txn.as_ref());
    names.map(|txn| txn.as_str().to_owned()).collect()
}

impl Connection {
    /// Tells the oracle what was accepted, by the names that each submission has.
    fn tell(&self, names: &[Vec<String>], appended: &[Appended]) {
        for (names, appended) in names.iter().zip(appended) {
            if let Appended::Accepted(_) = appended {
                for name in names {
                    self.world.oracle.appended(name);
                }
            }
        }
    }
}

impl Outbox for Connection {
    async fn append(
        &self,
        submissions: Vec<Submission>,
        now: Timestamp,
    ) -> Result<Vec<Appended>, StoreError> {
        let names: Vec<Vec<String>> = submissions.iter().map(names).collect();
        let work = async {
            let appended = self.memory().append(submissions, now).await?;
            self.tell(&names, &appended);
            Ok(appended)
        };
        self.step(work).await
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
        let names: Vec<Vec<String>> = submissions.iter().map(names).collect();
        let work = async {
            let memory = self.memory();
            let accepted = memory.append_and_fan_out(submissions, now, lease, decide, offer);
            let accepted = accepted.await?;
            self.tell(&names, &accepted.answers);
            Ok(accepted)
        };
        self.step(work).await
    }

    async fn answered(&self, key: Fingerprint) -> Result<Option<Answered>, StoreError> {
        self.step(self.memory().answered(key)).await
    }

    async fn forget_answers(&self, before: Timestamp, limit: u64) -> Result<u64, StoreError> {
        self.step(self.memory().forget_answers(before, limit)).await
    }

    async fn lease_fan_out(
        &self,
        worker: WorkerId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<FanOutLease>, StoreError> {
        self.step(self.memory().lease_fan_out(worker, now, until))
            .await
    }

    async fn release_fan_out(&self, lease: FanOutLease) -> Result<(), StoreError> {
        self.step(self.memory().release_fan_out(lease)).await
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
        self.step(self.memory().fan_out(lease, now, most, decide))
            .await
    }

    async fn lease_streams(
        &self,
        worker: WorkerId,
        now: Timestamp,
        until: Timestamp,
        room: Room,
    ) -> Result<Vec<LeasedStream>, StoreError> {
        self.step(self.memory().lease_streams(worker, now, until, room))
            .await
    }

    async fn renew(&self, lease: &StreamLease, until: Timestamp) -> Result<Fenced, StoreError> {
        self.step(self.memory().renew(lease, until)).await
    }

    async fn is_over(&self, lease: &StreamLease, now: Timestamp) -> Result<bool, StoreError> {
        self.step(self.memory().is_over(lease, now)).await
    }

    async fn release(&self, lease: &StreamLease, health: &Health) -> Result<Fenced, StoreError> {
        self.step(self.memory().release(lease, health)).await
    }

    async fn due(
        &self,
        lease: &StreamLease,
        now: Timestamp,
        limit: u64,
        under_way: &[u64],
    ) -> Result<Vec<Delivery>, StoreError> {
        self.step(self.memory().due(lease, now, limit, under_way))
            .await
    }

    async fn settle(
        &self,
        lease: &StreamLease,
        settlements: &[Settlement],
        health: Option<&Health>,
        now: Timestamp,
    ) -> Result<Fenced, StoreError> {
        self.step(self.memory().settle(lease, settlements, health, now))
            .await
    }

    async fn finish(
        &self,
        lease: &StreamLease,
        settlements: &[Settlement],
        health: Option<&Health>,
        now: Timestamp,
    ) -> Result<Finished, StoreError> {
        self.step(self.memory().finish(lease, settlements, health, now))
            .await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.step(self.memory().next_due()).await
    }
}

//! Deliveries: polled, sent once more, given up, and no longer put off.

use ssf_transmitter::{
    domain::{
        horizon::Horizon,
        id::{AnswerId, ReceiverId},
        replay::NotReplayed,
        stream::Stream,
    },
    ports::{
        Candidate, DeliveryFilter, ForgottenEvents, HorizonStore, PollStep, PollStore, Polled,
        Replay, ReplayPage, ReplayStore, RetentionStore, StoreError,
    },
};
use ssf_types::{event::Event, id::StreamId, time::Timestamp};

use super::Connection;

impl PollStore for Connection {
    async fn poll(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
        step: PollStep,
        now: Timestamp,
    ) -> Result<Polled, StoreError> {
        let work = async {
            let polled = self.memory().poll(receiver, id, step, now).await?;
            if let Polled::Done { deliveries, .. } = &polled {
                let at = self.world.of(id);
                for delivery in deliveries {
                    let is_announcement =
                        matches!(delivery.event.event.event, Event::StreamUpdated(_));
                    self.world.oracle.picks(at, is_announcement);
                }
            }
            Ok(polled)
        };
        self.step(work).await
    }

    async fn take_back(
        &self,
        id: &StreamId,
        answer: AnswerId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.step(self.memory().take_back(id, answer, now)).await
    }

    async fn pollable(
        &self,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<StreamId>, StoreError> {
        self.step(self.memory().pollable(since, now)).await
    }
}

impl ReplayStore for Connection {
    async fn replay<D>(
        &self,
        which: (&DeliveryFilter, Option<(&StreamId, u64)>, u64),
        now: Timestamp,
        decide: D,
    ) -> Result<ReplayPage, StoreError>
    where
        D: FnMut(&Stream, &Candidate) -> Result<Replay, NotReplayed> + Send,
    {
        self.step(self.memory().replay(which, now, decide)).await
    }
}

impl RetentionStore for Connection {
    async fn expire_pending(
        &self,
        before: Timestamp,
        now: Timestamp,
        limit: u64,
    ) -> Result<u64, StoreError> {
        self.step(self.memory().expire_pending(before, now, limit))
            .await
    }

    async fn forget_settled(&self, before: Timestamp, limit: u64) -> Result<u64, StoreError> {
        self.step(self.memory().forget_settled(before, limit)).await
    }

    async fn expire_quarantined(
        &self,
        before: Timestamp,
        now: Timestamp,
        limit: u64,
    ) -> Result<u64, StoreError> {
        self.step(self.memory().expire_quarantined(before, now, limit))
            .await
    }

    async fn forget_events(
        &self,
        before: Timestamp,
        after: u64,
        limit: u64,
    ) -> Result<ForgottenEvents, StoreError> {
        self.step(self.memory().forget_events(before, after, limit))
            .await
    }

    async fn drop_ordered(&self, now: Timestamp) -> Result<Option<u64>, StoreError> {
        self.step(self.memory().drop_ordered(now)).await
    }

    async fn forget_drops(&self, before: Timestamp, limit: u64) -> Result<u64, StoreError> {
        self.step(self.memory().forget_drops(before, limit)).await
    }
}

impl HorizonStore for Connection {
    async fn draw_streams_in(
        &self,
        horizon: Horizon,
        after: Option<&StreamId>,
        limit: u64,
    ) -> Result<Vec<StreamId>, StoreError> {
        self.step(self.memory().draw_streams_in(horizon, after, limit))
            .await
    }

    async fn draw_rest_in(&self, horizon: Horizon) -> Result<(), StoreError> {
        self.step(self.memory().draw_rest_in(horizon)).await
    }
}

//! Streams that are polled.

use std::{collections::BTreeMap, future::Future};

use ssf_types::{
    id::{Epoch, Jti, StreamId},
    set::Algorithm,
    time::Timestamp,
};

use super::StoreError;
use crate::domain::{
    delivery::{Delivery, DeliveryState},
    id::{AnswerId, ReceiverId},
};

/// Streams that are polled. Nobody owns them: each poll is one step, on whatever node it comes in.
pub trait PollStore {
    /// Settles what a Receiver says about SETs of its stream, and then picks those of the answer.
    ///
    /// What is picked is with the Receiver until `step.until`, and meanwhile in no other answer. Nothing is picked on a
    /// stream that is not enabled, but what is said about its SETs counts.
    fn poll(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
        step: PollStep,
        now: Timestamp,
    ) -> impl Future<Output = Result<Polled, StoreError>> + Send;

    /// Offers the SETs of an answer again at once, because it did not reach the Receiver.
    fn take_back(
        &self,
        id: &StreamId,
        answer: AnswerId,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The streams that have had something for a poll since a moment after `since`, and still do.
    ///
    /// One that had something before `since` may be among them.
    fn pollable(
        &self,
        since: Timestamp,
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<StreamId>, StoreError>> + Send;
}

/// What one step of a poll has to do.
#[derive(Clone, Debug)]
pub struct PollStep {
    /// What has become of SETs that the Receiver names, be they of this stream or not.
    pub settled: BTreeMap<Jti, DeliveryState>,
    /// Most SETs to pick.
    pub sets_max: usize,
    /// Bytes of claims that each SET has beside its event and its subject.
    pub overhead_bytes: usize,
    /// Names the answer.
    pub answer: AnswerId,
    /// Until when its SETs are with the Receiver.
    pub until: Timestamp,
}

/// What came of a step of a poll.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Polled {
    /// It is done.
    Done {
        /// What became of the SETs that the Receiver named.
        settled: PollSettled,
        /// The SETs of the answer, those that wait longest first.
        deliveries: Vec<Delivery>,
        /// Whether another poll would get more.
        more_available: bool,
        /// What they are to be signed with, if the Receiver has asked for something.
        signing_alg: Option<Algorithm>,
        /// What the run of numbers of the SETs is called; `None` if they have none.
        epoch: Option<Epoch>,
    },
    /// The Receiver has no such stream, or it is not polled; nothing is different.
    NotFound,
}

/// What became of the SETs that a Receiver named in a poll.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct PollSettled {
    /// How many were acknowledged now.
    pub acknowledged: u64,
    /// When the events of those were accepted, in any order.
    pub accepted_at: Vec<Timestamp>,
    /// Those that were quarantined now.
    pub refused: Vec<Jti>,
    /// How many mean nothing here: unknown, another stream's, or settled before.
    pub ignored: u64,
}

impl PollSettled {
    /// Counts `named` SETs of which these were pending.
    pub fn count<'s>(
        named: usize,
        pending: impl IntoIterator<Item = (&'s Jti, &'s DeliveryState)>,
    ) -> Self {
        let mut settled = Self::default();
        for (jti, state) in pending {
            match state {
                DeliveryState::Acknowledged { .. } => settled.acknowledged += 1,
                DeliveryState::Quarantined { .. } => settled.refused.push(jti.clone()),
                DeliveryState::Pending { .. } | DeliveryState::Dropped { .. } => {}
            }
        }
        let counted = settled.acknowledged + settled.refused.len() as u64;
        settled.ignored = (named as u64).saturating_sub(counted);
        settled
    }
}

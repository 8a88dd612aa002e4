//! What has become of events and deliveries in memory. The Transmitter's own SETs have no events here.

use std::collections::HashMap;

use ssf_types::{
    id::{Jti, StreamId},
    time::Timestamp,
};

use super::{
    MemoryStore, State,
    kept::{Kept, KeptDelivery, is_acknowledged},
};
use crate::{
    domain::{
        delivery::DeliveryState,
        event::AcceptedEvent,
        fan_out::FanOut,
        framework::Hold,
        id::EventId,
        replay::{NotReplayed, Recency},
        stream::Stream,
        trace::{Asked, Standing, TracedDelivery, TracedEvent},
    },
    ports::{
        Candidate, DeliveryFilter, Replay, ReplayPage, ReplayStore, Replayed, Sought, StoreError,
        StreamFilter, StreamOverview, TraceStore, Traced, TracedStream,
    },
};

impl State {
    fn is_sought(&self, event: &AcceptedEvent, sought: &Sought) -> bool {
        match sought {
            Sought::Event(id) => event.id == *id,
            Sought::Jti(jti) => {
                let deliveries = self
                    .streams
                    .iter()
                    .flat_map(|kept| kept.deliveries.values());
                let mut named = deliveries.filter(|kept| kept.delivery.jti == *jti);
                named.any(|kept| kept.delivery.event.id == event.id)
            }
            Sought::Txn(txn) => match &event.event.txn {
                Some(own) => own.as_str() == txn,
                None => EventId::parse(txn) == Some(event.id),
            },
        }
    }

    /// The deliveries that a filter lets through, with the streams.
    fn found(
        &self,
        filter: &DeliveryFilter,
        after: Option<(&StreamId, u64)>,
        limit: u64,
    ) -> Vec<TracedDelivery> {
        let deliveries = self.streams.iter().flat_map(Kept::traced);
        let is_behind = |one: &TracedDelivery| {
            let place = (one.stream.as_str(), one.sequence);
            after.is_none_or(|(stream, sequence)| place > (stream.as_str(), sequence))
        };
        let mut found: Vec<TracedDelivery> = deliveries
            .filter(|one| fits(filter, one) && is_behind(one))
            .collect();
        found.sort_by(|left, right| {
            let left = (left.stream.as_str(), left.sequence);
            left.cmp(&(right.stream.as_str(), right.sequence))
        });
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        found
    }

    fn kept(&mut self, id: &StreamId) -> Option<&mut Kept> {
        self.streams.iter_mut().find(|kept| kept.stream.id == *id)
    }
}

impl Kept {
    fn traced(&self) -> impl Iterator<Item = TracedDelivery> {
        self.deliveries.values().map(|kept| self.told(kept))
    }

    fn told(&self, kept: &KeptDelivery) -> TracedDelivery {
        let (standing, settled_at, code) = match &kept.state {
            DeliveryState::Pending { .. } if kept.hold.passes() || self.is_open() => {
                (Standing::Pending, None, None)
            }
            DeliveryState::Pending { .. } => (Standing::Held, None, None),
            DeliveryState::Acknowledged { at } => (Standing::Delivered, Some(*at), None),
            DeliveryState::Quarantined { at, code, .. } => {
                let code = code.as_str().to_owned();
                (Standing::Quarantined, Some(*at), Some(code))
            }
            DeliveryState::Dropped { at, .. } => (Standing::Dropped, Some(*at), None),
        };
        let attempts = match kept.state {
            DeliveryState::Pending { attempts, .. } => attempts,
            DeliveryState::Quarantined { .. } => kept.delivery.attempts + 1,
            DeliveryState::Acknowledged { .. } | DeliveryState::Dropped { .. } => {
                kept.delivery.attempts
            }
        };
        let sequence = kept.delivery.sequence;
        let earlier = self
            .deliveries
            .range(..sequence)
            .map(|(_, earlier)| earlier);
        let mut earlier = earlier.filter(|earlier| !earlier.state.is_settled());
        let waits = earlier.any(|earlier| earlier.order == kept.order);
        let due = match kept.state {
            DeliveryState::Pending { due, .. } => Some(due).filter(|_| !waits),
            DeliveryState::Acknowledged { .. }
            | DeliveryState::Quarantined { .. }
            | DeliveryState::Dropped { .. } => None,
        };
        let mut answers = self.answers.iter();
        let answer = answers.find(|answer| answer.sequences.contains(&sequence));
        TracedDelivery {
            stream: self.stream.id.clone(),
            sequence,
            jti: kept.delivery.jti.clone(),
            event: kept.delivery.event.id,
            event_type: kept.delivery.event.event.event.uri(),
            made_at: kept.delivery.iat,
            repetition: kept.repetition,
            standing,
            due,
            settled_at,
            status: kept.status,
            code,
            failed: kept.failed_before + attempts,
            with_receiver_until: answer.filter(|_| settled_at.is_none()).map(|one| one.until),
            attempts: {
                let mut attempts: Vec<_> = kept.attempts.values().cloned().collect();
                attempts.sort_by_key(|(number, _)| *number);
                attempts
            },
        }
    }

    fn recency(&self, delivery: &TracedDelivery) -> Recency {
        let later = |kept: &KeptDelivery| {
            kept.delivery.event.id == delivery.event && kept.repetition > delivery.repetition
        };
        if self.deliveries.values().any(later) {
            return Recency::Superseded;
        }
        Recency::Latest
    }

    fn send_again(&mut self, sequence: u64, now: Timestamp) {
        if let Some(kept) = self.deliveries.get_mut(&sequence) {
            self.acknowledged_total -= u64::from(is_acknowledged(&kept.state));
            kept.status = None;
            kept.failed_before += kept.delivery.attempts + 1;
            kept.delivery.attempts = 0;
            kept.delivery.key_refusals = 0;
            kept.state = DeliveryState::Pending {
                attempts: 0,
                key_refusals: 0,
                due: now,
            };
        }
    }
}

fn fits(filter: &DeliveryFilter, one: &TracedDelivery) -> bool {
    let moment = one.settled_at.unwrap_or(one.made_at);
    filter.stream.as_ref().is_none_or(|id| *id == one.stream)
        && filter
            .standing
            .is_none_or(|standing| standing == one.standing)
        && filter.since.is_none_or(|since| moment >= since)
        && filter.until.is_none_or(|until| moment < until)
        && (filter.event_type.as_ref()).is_none_or(|uri| *uri == one.event_type)
        && filter.event.is_none_or(|event| event == one.event)
        && (filter.jtis.as_ref()).is_none_or(|jtis: &Vec<Jti>| jtis.contains(&one.jti))
        && (filter.numbers.as_ref()).is_none_or(|numbers| numbers.contains(&one.sequence))
}

impl TraceStore for MemoryStore {
    async fn find_events(
        &self,
        sought: &Sought,
        from: u64,
        limit: u64,
    ) -> Result<Vec<TracedEvent>, StoreError> {
        let state = self.state();
        let events = (1..).zip(state.events.iter().enumerate());
        let sought = events.filter(|(position, (_, (_, event)))| {
            *position >= from && state.is_sought(event, sought)
        });
        let told = sought.map(|(position, (at, (issuer, event)))| {
            let event = AcceptedEvent::clone(event);
            let fanned_out = state.fan_outs.get(at).cloned();
            TracedEvent::new((position, issuer.clone()), event, fanned_out)
        });
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(told.take(limit).collect())
    }

    async fn trace<D>(
        &self,
        traced: &TracedEvent,
        (after, limit): (Option<&StreamId>, u64),
        decide: D,
    ) -> Result<Traced, StoreError>
    where
        D: FnOnce(&AcceptedEvent, &[StreamId]) -> FanOut + Send,
    {
        let of_issuer = StreamFilter {
            issuer: Some(traced.issuer.clone()),
            ..StreamFilter::default()
        };
        let streams = self.find_streams(&of_issuer, after, limit).await?;
        let state = self.state();
        let at = usize::try_from(traced.position - 1).unwrap_or(usize::MAX);
        let decided = state.decided_at(&traced.issuer, &traced.event, at, decide);
        let uri = traced.event.event.event.uri();
        let mut with_it = 0;
        let mut told = HashMap::new();
        for kept in &state.streams {
            let of_event = |one: &TracedDelivery| one.event == traced.event.id;
            let deliveries: Vec<TracedDelivery> = kept.traced().filter(of_event).collect();
            with_it += u64::from(deliveries.iter().any(|one| one.repetition == 0));
            let asked = match kept.first_events.get(&uri) {
                Some(first) if *first > at => Asked::After,
                Some(_) => Asked::Before,
                None => Asked::NotNow,
            };
            told.insert(kept.stream.id.clone(), (asked, deliveries));
        }
        let streams = streams.into_iter().filter_map(|stream| {
            let (asked, deliveries) = told.remove(&stream.id)?;
            Some(TracedStream {
                stream,
                asked,
                deliveries,
            })
        });
        Ok(Traced::new(decided, with_it, streams.collect()))
    }

    async fn find_deliveries(
        &self,
        filter: &DeliveryFilter,
        after: Option<(&StreamId, u64)>,
        limit: u64,
    ) -> Result<Vec<TracedDelivery>, StoreError> {
        let mut found = self.state().found(filter, after, limit);
        for one in &mut found {
            one.attempts.clear();
            one.with_receiver_until = None;
        }
        Ok(found)
    }
}

impl ReplayStore for MemoryStore {
    async fn replay<D>(
        &self,
        (filter, after, limit): (&DeliveryFilter, Option<(&StreamId, u64)>, u64),
        now: Timestamp,
        mut decide: D,
    ) -> Result<ReplayPage, StoreError>
    where
        D: FnMut(&Stream, &Candidate) -> Result<Replay, NotReplayed> + Send,
    {
        let mut state = self.state();
        let found = state.found(filter, after, limit);
        let last = found.last().filter(|_| found.len() as u64 == limit);
        let next = last.map(|last| (last.stream.clone(), last.sequence));
        let mut replayed = Vec::new();
        for mut found in found {
            found.attempts.clear();
            let (id, sequence, jti) = (found.stream.clone(), found.sequence, found.jti.clone());
            let Some(kept) = state.kept(&id) else {
                continue;
            };
            let Some(own) = kept.deliveries.get(&sequence) else {
                continue;
            };
            let event = std::sync::Arc::clone(&own.delivery.event);
            let subject = own.delivery.sub_id.clone();
            let chosen = (subject != event.event.sub_id).then_some(subject);
            let repetition = found.repetition;
            let recency = kept.recency(&found);
            let candidate = Candidate::new(found, chosen, AcceptedEvent::clone(&event), recency);
            let outcome = match decide(&kept.stream, &candidate) {
                Ok(Replay::Again) => {
                    kept.send_again(sequence, now);
                    Ok(jti.clone())
                }
                Ok(Replay::Anew(planned)) => {
                    let name = planned.jti.clone();
                    let number = kept.add(&event, planned, Hold::Obeys, now);
                    if let Some(added) = kept.deliveries.get_mut(&number) {
                        added.repetition = repetition + 1;
                    }
                    state.ledger.replayed += 1;
                    Ok(name)
                }
                Err(reason) => Err(reason),
            };
            replayed.push(Replayed {
                stream: id,
                sequence,
                jti,
                outcome,
            });
        }
        Ok(ReplayPage { replayed, next })
    }
}

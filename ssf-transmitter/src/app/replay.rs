//! Sending once more what was settled, because an operator wants it, or its Receiver.

use std::{
    collections::HashMap,
    ops::RangeInclusive,
    sync::{Arc, Mutex, PoisonError},
};

use ssf_types::{
    id::StreamId,
    set::{NotSent, Replayed, WhyNot},
    time::Timestamp,
};

use super::ids;
use crate::{
    domain::{
        fan_out::PlannedDelivery,
        order::OrderKey,
        pace::{Pace, TooFast, is_paid},
        replay::{self, NotReplayed, REPLAY_MAX, Way},
        stream::Stream,
    },
    ports::{Candidate, Clock, DeliveryFilter, Replay, ReplayPage, ReplayStore, StoreError},
};

/// How many numbers a second the Receiver of a stream may ask for on average: each costs an attempt.
const NUMBERS_PER_SECOND: u64 = 50;

/// Sends once more what `filter` lets through, at most `limit` deliveries, those behind `after`.
///
/// # Errors
/// The store is not available; nothing is sent.
pub async fn replay(
    (store, clock): (&impl ReplayStore, &impl Clock),
    (filter, after, limit): (&DeliveryFilter, Option<(&StreamId, u64)>, u64),
) -> Result<ReplayPage, StoreError> {
    let now = clock.now();
    let decide = |stream: &Stream, found: &Candidate| {
        let delivery = &found.delivery;
        let event_type = &delivery.event_type;
        let way = replay::replay(stream, event_type, delivery.standing, found.recency)?;
        Ok(match way {
            Way::Again => Replay::Again,
            Way::Anew => {
                let chosen = found.chosen.clone();
                let subject = chosen.as_ref().unwrap_or(&found.event.event.sub_id);
                Replay::Anew(PlannedDelivery {
                    stream: stream.id.clone(),
                    jti: ids::jti(now),
                    iat: now.whole_seconds(),
                    order: OrderKey::of(subject),
                    chosen,
                })
            }
        })
    };
    store.replay((filter, after, limit), now, decide).await
}

/// How many numbers Receivers have asked for on this node lately. Clones are the same.
///
/// A stream is forgotten once it may ask for everything again, so that there is an entry for those alone who ask.
#[derive(Clone, Debug, Default)]
pub struct Asking {
    used_until: Arc<Mutex<HashMap<StreamId, u64>>>,
}

impl Asking {
    /// Takes note that the Receiver of a stream asks for so many numbers: of all of them, or of none.
    ///
    /// # Errors
    /// It asked for too many lately.
    pub fn charge(&self, stream: &StreamId, numbers: u64, now: Timestamp) -> Result<(), TooFast> {
        // Each step leaves it whole.
        let used_until = self.used_until.lock();
        let mut used_until = used_until.unwrap_or_else(PoisonError::into_inner);
        used_until.retain(|_, until| !is_paid(*until, now));
        let before = used_until.get(stream).copied().unwrap_or_default();
        let pace = Pace::per_second(NUMBERS_PER_SECOND);
        used_until.insert(stream.clone(), pace.allow(before, numbers, now)?);
        Ok(())
    }
}

/// Sends the SETs of a stream with these numbers, at most [`REPLAY_MAX`], once more as they were: with the same `jti`.
///
/// # Errors
/// The store is not available; nothing is sent.
pub async fn resend(
    (store, clock): (&impl ReplayStore, &impl Clock),
    stream: &StreamId,
    numbers: &[RangeInclusive<u64>],
) -> Result<Replayed, StoreError> {
    let wanted: Vec<u64> = numbers.iter().cloned().flatten().collect();
    let filter = DeliveryFilter {
        stream: Some(stream.clone()),
        numbers: Some(wanted.clone()),
        ..DeliveryFilter::default()
    };
    let decide = |stream: &Stream, found: &Candidate| {
        let delivery = &found.delivery;
        replay::resend(stream, &delivery.event_type, delivery.standing)?;
        Ok(Replay::Again)
    };
    let page = store.replay((&filter, None, REPLAY_MAX), clock.now(), decide);
    let found = page.await?.replayed.into_iter();
    let found: HashMap<u64, _> = found.map(|one| (one.sequence, one.outcome)).collect();
    let mut told = Replayed::default();
    let mut left_out: Vec<(&'static str, Vec<RangeInclusive<u64>>)> = Vec::new();
    for number in wanted {
        match found.get(&number) {
            Some(Ok(_)) => add(&mut told.again, number),
            Some(Err(NotReplayed::Unsettled)) => add(&mut told.pending, number),
            Some(Err(reason)) => add(of_reason(&mut left_out, reason.as_str()), number),
            None => add(of_reason(&mut left_out, WhyNot::NotKept.as_str()), number),
        }
    }
    let left_out = left_out.into_iter();
    let not_sent = |(reason, numbers)| NotSent::new(WhyNot::read(reason), numbers);
    told.left_out = left_out.map(not_sent).collect();
    Ok(told)
}

fn of_reason<'l>(
    left_out: &'l mut Vec<(&'static str, Vec<RangeInclusive<u64>>)>,
    reason: &'static str,
) -> &'l mut Vec<RangeInclusive<u64>> {
    let known = left_out.iter().position(|(known, _)| *known == reason);
    let at = known.unwrap_or_else(|| {
        left_out.push((reason, Vec::new()));
        left_out.len() - 1
    });
    &mut left_out[at].1
}

/// Adds a number that is greater than all that are there.
fn add(ranges: &mut Vec<RangeInclusive<u64>>, number: u64) {
    match ranges.last_mut() {
        Some(last) if last.end() + 1 == number => *last = *last.start()..=number,
        Some(_) | None => ranges.push(number..=number),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_receiver_may_ask_for_a_thousand_numbers_and_then_has_to_wait() {
        let (asking, now) = (Asking::default(), Timestamp::from_secs(1000));
        let [one, other] = ["1", "2"].map(|id| StreamId::parse(id).unwrap());
        assert_eq!(asking.charge(&one, 1000, now), Ok(()));
        let refused = asking.charge(&one, 1, now).unwrap_err();
        assert_eq!(refused.retry_after, Duration::from_millis(10_020));
        assert_eq!(asking.charge(&other, 1, now), Ok(()));
        let later = now.after(refused.retry_after);
        assert_eq!(asking.charge(&one, 1000, later), Ok(()));
    }

    #[test]
    fn streams_that_ask_for_nothing_are_forgotten() {
        let (asking, now) = (Asking::default(), Timestamp::from_secs(1000));
        let [one, other] = ["1", "2"].map(|id| StreamId::parse(id).unwrap());
        asking.charge(&one, 50, now).unwrap();
        let later = now.after(Duration::from_secs(1));
        asking.charge(&other, 50, later).unwrap();
        assert_eq!(asking.used_until.lock().unwrap().len(), 1);
    }
}

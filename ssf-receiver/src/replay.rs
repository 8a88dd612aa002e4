//! Asking the Transmitter for SETs that it says were delivered and that are not here: an extension of SSF 1.0.

use std::ops::RangeInclusive;

use ssf_types::{
    error::Chain,
    set::{ReplayRequest, Replayed, WhyNot},
};

use crate::{
    client::{Http, stream::StreamClient},
    heartbeat::Asked,
    transmitter::Shared,
};

/// Counts the numbers that were asked for.
const REPLAYED: &str = "ssf_receiver_replayed_total";

/// What the Transmitter said of numbers that were asked for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Told {
    /// It cannot send them any more.
    pub(crate) lost: Vec<RangeInclusive<u64>>,
    /// They told of the stream alone, as of a moment that is over.
    pub(crate) needless: Vec<RangeInclusive<u64>>,
}

impl Told {
    /// What follows from an answer. What is left out for a reason that is not known may be sent later.
    fn of(answer: &Replayed) -> Self {
        let mut told = Self::default();
        for left_out in &answer.left_out {
            match left_out.reason {
                WhyNot::NotKept | WhyNot::Dropped | WhyNot::TypeNotDelivered => {
                    told.lost.extend(left_out.numbers.iter().cloned());
                }
                WhyNot::OfTheFramework => told.needless.extend(left_out.numbers.iter().cloned()),
                WhyNot::Other(_) => {}
            }
        }
        told
    }
}

/// Asks for what is missing, if it is time for that and the Transmitter offers it.
pub(crate) async fn ask(shared: &Shared, http: &Http, asked: &Asked) {
    let Some(metadata) = shared.keys.metadata() else {
        return;
    };
    let client = StreamClient {
        http,
        metadata: &metadata,
        access: &asked.access,
    };
    if !client.offers_replay() {
        return;
    }
    let Some((epoch, numbers)) = shared.hearing.to_ask_for() else {
        return;
    };
    let count = count(&numbers);
    let request = ReplayRequest::new(asked.stream_id.clone(), epoch, numbers.clone());
    let request = match request {
        Ok(request) => request,
        Err(error) => return tracing::error!(%error, "missing SETs cannot be asked for"),
    };
    let issuer = &shared.issuer;
    match client.replay(&request).await {
        Ok(answer) => {
            let told = Told::of(&answer);
            let lost = self::count(&told.lost);
            metrics::counter!(REPLAYED, "result" => "asked").increment(count);
            metrics::counter!(REPLAYED, "result" => "lost").increment(lost);
            tracing::warn!(%issuer, count, "the transmitter was asked for SETs that are missing");
            if lost > 0 {
                tracing::error!(
                    %issuer, lost,
                    "the transmitter cannot send SETs any more that are missing: what they revoke is unknown here"
                );
            }
            shared.hearing.asked_for(&numbers, &told);
        }
        Err(error) => {
            metrics::counter!(REPLAYED, "result" => "failed").increment(count);
            tracing::warn!(%issuer, error = %Chain(&error), "SETs that are missing cannot be asked for");
            shared.hearing.could_not_ask();
        }
    }
}

fn count(ranges: &[RangeInclusive<u64>]) -> u64 {
    let lengths = ranges.iter().map(|range| range.end() - range.start() + 1);
    lengths.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_sent_is_lost_unless_it_told_of_the_stream_alone() {
        let answer = br#"{"again":[[1,1]],"pending":[[2,2]],"left_out":[
            {"reason":"not_kept","numbers":[[3,4]]},{"reason":"dropped","numbers":[[6,6]]},
            {"reason":"type_not_delivered","numbers":[[8,8]]},{"reason":"of_the_framework","numbers":[[10,10]]},
            {"reason":"stream_dropping","numbers":[[12,12]]}]}"#;
        let told = Told::of(&Replayed::parse(answer).unwrap());
        assert_eq!(told.lost, [3..=4, 6..=6, 8..=8]);
        assert_eq!(told.needless, [10..=10]);
    }
}

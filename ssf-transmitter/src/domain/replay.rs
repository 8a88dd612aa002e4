//! What is sent once more because an operator wants it, or its Receiver.

use ssf_types::{event::Family, id::Epoch, stream::StreamStatus, uri::EventTypeUri};

use super::{stream::Stream, trace::Standing};

/// Most deliveries of one request, so that the queues of streams are not locked for longer than a settlement takes.
pub const REPLAY_MAX: u64 = 1000;

/// How a delivery is sent once more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// It becomes pending again, under its number and with its `jti`: its Receiver does not have it.
    Again,
    /// Another delivery is made of it, with a number and a `jti` of its own, so that a Receiver that has lost what it had
    /// takes it for new.
    Anew,
}

/// Why a delivery is not sent once more.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum NotReplayed {
    /// It is not settled: it is sent anyway.
    Unsettled,
    /// Somebody who may do so dropped it: whoever wants the event delivered hands it in anew.
    Dropped,
    /// The Transmitter itself made it, and it tells of a moment that is over.
    OfTheFramework,
    /// There is a later delivery of the same event on the stream: that is the one to name.
    ReplayedSince,
    /// The stream is disabled: nothing that it is given comes back.
    StreamDisabled,
    /// The stream drops still what was pending when it was disabled or gave types up; that takes seconds.
    StreamDropping,
    /// The stream does not get events of this type any more.
    TypeNotDelivered,
}

impl NotReplayed {
    /// The reason as it is told.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unsettled => "unsettled",
            Self::Dropped => "dropped",
            Self::OfTheFramework => "of_the_framework",
            Self::ReplayedSince => "replayed_since",
            Self::StreamDisabled => "stream_disabled",
            Self::StreamDropping => "stream_dropping",
            Self::TypeNotDelivered => "type_not_delivered",
        }
    }
}

/// Which of the deliveries of one event on one stream it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Recency {
    /// There is none that was made later.
    Latest,
    /// There is.
    Superseded,
}

/// Says how a delivery on `stream` is sent once more.
///
/// # Errors
/// It is not, and why.
pub fn replay(
    stream: &Stream,
    event_type: &EventTypeUri,
    standing: Standing,
    recency: Recency,
) -> Result<Way, NotReplayed> {
    let way = match standing {
        Standing::Pending | Standing::Held => return Err(NotReplayed::Unsettled),
        Standing::Dropped => return Err(NotReplayed::Dropped),
        Standing::Quarantined => Way::Again,
        Standing::Delivered => Way::Anew,
    };
    if Family::of(event_type.as_str()) == Some(Family::Ssf) {
        return Err(NotReplayed::OfTheFramework);
    }
    if recency == Recency::Superseded {
        return Err(NotReplayed::ReplayedSince);
    }
    if stream.status == StreamStatus::Disabled {
        return Err(NotReplayed::StreamDisabled);
    }
    if !stream.events_delivered.contains(event_type) {
        return Err(NotReplayed::TypeNotDelivered);
    }
    Ok(way)
}

/// A Receiver cannot ask for SETs of its stream by their numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CannotAsk {
    /// Its SETs have none.
    #[error("the SETs of this stream have no numbers: create one with set_sequence")]
    NoNumbers,
    /// Numbers of two epochs have nothing to do with each other.
    #[error("epoch is not that of the stream now, and what it numbered is not known any more")]
    OtherEpoch,
    /// Nothing that the stream was given comes back.
    #[error("the stream is disabled, and nothing is sent on it: enable it first")]
    Disabled,
}

/// Says whether the Receiver of `stream` may ask for SETs by their numbers.
///
/// # Errors
/// It cannot, and why.
pub fn may_ask(stream: &Stream, epoch: &Epoch) -> Result<(), CannotAsk> {
    match &stream.sequence_epoch {
        None => return Err(CannotAsk::NoNumbers),
        Some(own) if own != epoch => return Err(CannotAsk::OtherEpoch),
        Some(_) => {}
    }
    match stream.status {
        StreamStatus::Enabled | StreamStatus::Paused => Ok(()),
        StreamStatus::Disabled => Err(CannotAsk::Disabled),
    }
}

/// Says whether a delivery on `stream` is sent once more under its number and with its `jti`, because its Receiver lacks it.
///
/// Whatever was made of the event since does not matter: it has a number of its own, and the Receiver misses this one.
///
/// # Errors
/// It is not, and why.
pub fn resend(
    stream: &Stream,
    event_type: &EventTypeUri,
    standing: Standing,
) -> Result<(), NotReplayed> {
    replay(stream, event_type, standing, Recency::Latest).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::stream::sample;

    const LOGOUT: &str = "urn:example:logout";

    fn decided(
        standing: Standing,
        recency: Recency,
        change: impl FnOnce(&mut Stream),
    ) -> Result<Way, NotReplayed> {
        let uri = EventTypeUri::parse(LOGOUT).unwrap();
        let mut stream = sample().with_status(StreamStatus::Enabled, None);
        stream.events_delivered = vec![uri.clone()];
        change(&mut stream);
        replay(&stream, &uri, standing, recency)
    }

    #[test]
    fn what_a_receiver_refused_is_sent_again_and_what_it_took_anew() {
        let latest = |standing| decided(standing, Recency::Latest, |_| {});
        assert_eq!(latest(Standing::Quarantined), Ok(Way::Again));
        assert_eq!(latest(Standing::Delivered), Ok(Way::Anew));
    }

    #[test]
    fn what_is_sent_anyway_or_was_dropped_is_not_replayed() {
        let latest = |standing| decided(standing, Recency::Latest, |_| {});
        assert_eq!(latest(Standing::Pending), Err(NotReplayed::Unsettled));
        assert_eq!(latest(Standing::Held), Err(NotReplayed::Unsettled));
        assert_eq!(latest(Standing::Dropped), Err(NotReplayed::Dropped));
    }

    #[test]
    fn what_was_replayed_before_is_not_replayed_under_its_former_name() {
        let superseded = decided(Standing::Delivered, Recency::Superseded, |_| {});
        assert_eq!(superseded, Err(NotReplayed::ReplayedSince));
    }

    #[test]
    fn a_stream_gets_nothing_that_it_would_not_get_now() {
        let changed =
            |change: fn(&mut Stream)| decided(Standing::Quarantined, Recency::Latest, change);
        let disabled = changed(|stream| stream.status = StreamStatus::Disabled);
        assert_eq!(disabled, Err(NotReplayed::StreamDisabled));
        let other = changed(|stream| stream.events_delivered.clear());
        assert_eq!(other, Err(NotReplayed::TypeNotDelivered));
        let paused = changed(|stream| stream.status = StreamStatus::Paused);
        assert_eq!(paused, Ok(Way::Again));
    }

    #[test]
    fn numbers_are_asked_for_where_there_are_some_and_by_the_epoch_that_there_is() {
        let epoch = Epoch::parse("e").unwrap();
        let mut stream = sample().with_status(StreamStatus::Paused, None);
        assert_eq!(may_ask(&stream, &epoch), Err(CannotAsk::NoNumbers));
        stream.sequence_epoch = Some(Epoch::parse("f").unwrap());
        assert_eq!(may_ask(&stream, &epoch), Err(CannotAsk::OtherEpoch));
        stream.sequence_epoch = Some(epoch.clone());
        assert_eq!(may_ask(&stream, &epoch), Ok(()));
        stream.status = StreamStatus::Disabled;
        assert_eq!(may_ask(&stream, &epoch), Err(CannotAsk::Disabled));
    }

    #[test]
    fn what_the_transmitter_itself_said_is_not_said_again() {
        let uri = "https://schemas.openid.net/secevent/ssf/event-type/stream-updated";
        let uri = EventTypeUri::parse(uri).unwrap();
        let refused = replay(&sample(), &uri, Standing::Delivered, Recency::Latest);
        assert_eq!(refused, Err(NotReplayed::OfTheFramework));
    }
}

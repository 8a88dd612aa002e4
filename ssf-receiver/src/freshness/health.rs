//! What is known of a stream's health, and what follows from it: pure, by a steady clock that counts from the start.

use std::{ops::RangeInclusive, time::Duration};

use ssf_types::{set::Sequence, stream::StreamStatus};

use super::numbers::{Numbers, PATIENCE, Taken};

/// How often a sign of life is asked for, unless the Transmitter wants to be asked less often.
pub(crate) const HEARTBEAT_MIN: Duration = Duration::from_mins(5);

/// Longest interval of heartbeats: nobody is fresh for longer than that without a sign of life, whatever the Transmitter
/// wants.
const HEARTBEAT_MAX: Duration = Duration::from_hours(24);

/// How far what we know of a Transmitter can be relied on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Freshness {
    /// Something was heard within two heartbeats, and nothing is missing.
    Fresh,
    /// Something is amiss; it may be a passing trouble.
    Late(Why),
    /// What was revoked lately may not be known here.
    Stale(Why),
}

/// What is amiss.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Why {
    /// Neither a verification that was asked for nor an answer to a poll came: late after two heartbeats, stale after
    /// three; late at the start, and stale after one.
    Silent,
    /// A SET that the Transmitter says was delivered is not here: late after a minute, stale after three heartbeats.
    Gap,
    /// The same, and the Transmitter says that it cannot send it any more: stale until somebody
    /// [accepts](crate::Transmitter::accept_loss) that.
    Lost,
    /// There are SETs that cannot be verified yet, for lack of a key or of agreement about the time.
    Quarantined,
    /// The Transmitter began to number its SETs anew, and does not know what it sent before: late until all is here of which it
    /// gives an account since, stale after three heartbeats without.
    Epoch,
    /// The stream is paused: events are held.
    Paused,
    /// The stream is disabled: events are lost.
    Disabled,
    /// The database that is shared with other instances could not be read for three seconds: what they have taken since is not
    /// known here.
    CutOff,
}

#[cfg(feature = "shared")]
impl Why {
    pub(super) const ALL: [Self; 8] = [
        Self::Silent,
        Self::Gap,
        Self::Lost,
        Self::Quarantined,
        Self::Epoch,
        Self::Paused,
        Self::Disabled,
        Self::CutOff,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Gap => "gap",
            Self::Lost => "lost",
            Self::Quarantined => "quarantined",
            Self::Epoch => "epoch",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
            Self::CutOff => "cut off",
        }
    }
}

/// The interval of heartbeats, where at least `min_interval` seconds have to lie between two verifications.
///
/// It is a second longer than that, for clocks that round, and a day at most.
pub(crate) fn heartbeat(min_interval: Option<u64>) -> Duration {
    let asked = Duration::from_secs(min_interval.unwrap_or_default().saturating_add(1));
    asked.clamp(HEARTBEAT_MIN, HEARTBEAT_MAX)
}

/// What is known of the stream.
#[derive(Debug)]
pub(crate) struct Health {
    heartbeat: Duration,
    /// The last moment of which we know that the Transmitter's SETs came through.
    heard: Option<Duration>,
    /// How long before the start the last such moment was that is remembered.
    heard_before: Option<Duration>,
    /// When another instance said last that it has heard something within two heartbeats.
    vouched: Option<Duration>,
    numbers: Numbers,
    /// How many SETs cannot be verified yet.
    quarantined: usize,
    status: StreamStatus,
}

/// Something that a person has to know.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Noticed {
    Nothing,
    OtherEpoch,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            heartbeat: HEARTBEAT_MIN,
            heard: None,
            heard_before: None,
            vouched: None,
            numbers: Numbers::default(),
            quarantined: 0,
            status: StreamStatus::Enabled,
        }
    }
}

impl Health {
    pub(crate) fn expect_every(&mut self, heartbeat: Duration) {
        self.heartbeat = heartbeat;
    }

    /// SETs came through at this moment; one that lies before another says nothing.
    pub(crate) fn heard(&mut self, at: Duration) {
        self.heard = self.heard.max(Some(at));
    }

    /// Another instance says at this moment that it is fresh.
    #[cfg(feature = "shared")]
    pub(crate) fn vouched(&mut self, at: Duration) {
        self.vouched = self.vouched.max(Some(at));
    }

    pub(crate) fn quarantined_are(&mut self, count: usize) {
        self.quarantined = count;
    }

    pub(crate) fn status_is(&mut self, status: StreamStatus) {
        self.status = status;
    }

    /// Takes the number of a SET that is durable.
    pub(crate) fn numbered(&mut self, sequence: &Sequence, now: Duration) -> Noticed {
        match self.numbers.take(sequence, now) {
            Taken::Known | Taken::First => Noticed::Nothing,
            Taken::OtherEpoch => Noticed::OtherEpoch,
        }
    }

    /// Goes on with the numbers that are kept.
    pub(crate) fn resume(&mut self, numbers: Numbers) {
        self.numbers = numbers;
    }

    /// The last sign of life before the start was so long before it.
    pub(crate) fn heard_before(&mut self, ago: Duration) {
        self.heard_before = Some(ago);
    }

    /// The last sign of life since the start.
    pub(crate) fn last_heard(&self) -> Option<Duration> {
        self.heard
    }

    pub(crate) fn numbers(&mut self) -> &mut Numbers {
        &mut self.numbers
    }

    /// Numbers that are lost.
    pub(crate) fn lost(&self) -> u64 {
        self.numbers.lost()
    }

    pub(crate) fn missing(&self, now: Duration) -> Vec<RangeInclusive<u64>> {
        self.numbers.missing(now)
    }

    /// How many numbers nobody looks for although they may be missing.
    pub(crate) fn untold(&self) -> u64 {
        self.numbers.untold()
    }

    /// From when on what is known is stale, if nothing more is learned; `None` for never.
    pub(crate) fn stale_from(&self) -> Option<Duration> {
        self.stale_by().into_iter().map(|(from, _)| from).min()
    }

    /// From when on it is stale for each reason, the gravest first.
    fn stale_by(&self) -> impl IntoIterator<Item = (Duration, Why)> {
        let patience = self.heartbeat.saturating_mul(3);
        let is_disabled = self.status == StreamStatus::Disabled;
        let silent = match (self.heard, self.heard_before) {
            (Some(heard), _) => heard.saturating_add(patience),
            // Whatever was heard before, a start has the time to hear something.
            (None, before) => before
                .map_or(Duration::ZERO, |ago| patience.saturating_sub(ago))
                .max(self.heartbeat),
        };
        let vouched_until = self.vouched.map(|at| at.saturating_add(self.heartbeat));
        let silent = silent.max(vouched_until.unwrap_or_default());
        let owed = self.numbers.owed_since();
        let owed = owed.map(|since| since.saturating_add(patience));
        let disabled = is_disabled.then_some((Duration::ZERO, Why::Disabled));
        let lost = (self.numbers.lost() > 0).then_some((Duration::ZERO, Why::Lost));
        let epoch = self.numbers.reconciling_since();
        let epoch = epoch.map(|since| (since.saturating_add(patience), Why::Epoch));
        let silent = [(silent, Why::Silent)];
        let gap = owed.map(|from| (from, Why::Gap));
        let graver = disabled.into_iter().chain(lost);
        graver.chain(silent).chain(gap).chain(epoch)
    }

    /// The worst of what is known.
    pub(crate) fn freshness(&self, now: Duration) -> Freshness {
        let mut stale = self.stale_by().into_iter();
        if let Some((_, why)) = stale.find(|(from, _)| *from <= now) {
            return Freshness::Stale(why);
        }
        let patience = self.heartbeat.saturating_mul(2);
        let late_from = match (self.heard, self.heard_before) {
            (Some(heard), _) => heard.saturating_add(patience),
            (None, Some(ago)) => patience.saturating_sub(ago),
            (None, None) => Duration::ZERO,
        };
        let owed_since = self.numbers.owed_since();
        if owed_since.is_some_and(|since| since.saturating_add(PATIENCE) <= now) {
            return Freshness::Late(Why::Gap);
        }
        if self.quarantined > 0 {
            return Freshness::Late(Why::Quarantined);
        }
        if self.numbers.reconciling_since().is_some() {
            return Freshness::Late(Why::Epoch);
        }
        if self.status == StreamStatus::Paused {
            return Freshness::Late(Why::Paused);
        }
        if late_from <= now {
            return Freshness::Late(Why::Silent);
        }
        Freshness::Fresh
    }
}

#[cfg(test)]
mod tests {
    use ssf_types::{id::Epoch, set::Account};

    use super::*;

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn numbered(epoch: &str, seq: u64, through: Option<u64>) -> Sequence {
        let mut sequence = Sequence::new(Epoch::parse(epoch).unwrap(), seq);
        sequence.account = through.map(|through| Account::new(through, 0, []));
        sequence
    }

    /// Heard, and numbered from 1 on, at the very start.
    fn fresh() -> Health {
        let mut health = Health::default();
        health.heard(secs(0));
        health.numbered(&numbered("e", 1, Some(0)), secs(0));
        health
    }

    #[test]
    fn a_start_is_late_until_something_is_heard_and_stale_after_one_heartbeat() {
        let mut health = Health::default();
        assert_eq!(health.freshness(secs(0)), Freshness::Late(Why::Silent));
        assert_eq!(health.freshness(secs(299)), Freshness::Late(Why::Silent));
        assert_eq!(health.freshness(secs(300)), Freshness::Stale(Why::Silent));
        health.heard(secs(301));
        assert_eq!(health.freshness(secs(301)), Freshness::Fresh);
    }

    #[test]
    fn silence_is_late_after_two_heartbeats_and_stale_after_three() {
        let mut health = fresh();
        assert_eq!(health.freshness(secs(599)), Freshness::Fresh);
        assert_eq!(health.freshness(secs(600)), Freshness::Late(Why::Silent));
        assert_eq!(health.freshness(secs(900)), Freshness::Stale(Why::Silent));
        // What was asked for long ago and comes now says nothing of the time since.
        health.heard(secs(200));
        assert_eq!(health.freshness(secs(900)), Freshness::Late(Why::Silent));
        health.heard(secs(100));
        assert_eq!(health.freshness(secs(799)), Freshness::Fresh);
    }

    #[cfg(feature = "shared")]
    #[test]
    fn who_takes_the_place_of_one_that_was_fresh_is_late_and_has_a_heartbeat_to_hear_something() {
        let mut health = Health::default();
        health.vouched(secs(5000));
        assert_eq!(health.freshness(secs(5001)), Freshness::Late(Why::Silent));
        assert_eq!(health.freshness(secs(5299)), Freshness::Late(Why::Silent));
        assert_eq!(health.freshness(secs(5300)), Freshness::Stale(Why::Silent));
        health.heard(secs(5301));
        assert_eq!(health.freshness(secs(5301)), Freshness::Fresh);
    }

    #[test]
    fn a_transmitter_that_wants_to_be_asked_seldom_is_given_the_time() {
        assert_eq!(heartbeat(None), secs(300));
        assert_eq!(heartbeat(Some(60)), secs(300));
        assert_eq!(heartbeat(Some(1000)), secs(1001));
        // But not for ever.
        assert_eq!(heartbeat(Some(u64::MAX)), secs(86_400));
        let mut health = fresh();
        health.expect_every(heartbeat(Some(1000)));
        assert_eq!(health.freshness(secs(2001)), Freshness::Fresh);
        assert_eq!(health.freshness(secs(2002)), Freshness::Late(Why::Silent));
    }

    #[test]
    fn a_gap_is_late_after_a_minute_and_stale_after_three_heartbeats_until_it_is_closed() {
        let mut health = fresh();
        health.numbered(&numbered("e", 3, Some(2)), secs(10));
        health.heard(secs(600));
        assert_eq!(health.freshness(secs(69)), Freshness::Fresh);
        assert_eq!(health.freshness(secs(70)), Freshness::Late(Why::Gap));
        assert_eq!(health.missing(secs(70)), [2..=2]);
        assert_eq!(health.freshness(secs(909)), Freshness::Late(Why::Gap));
        assert_eq!(health.freshness(secs(910)), Freshness::Stale(Why::Gap));
        health.numbered(&numbered("e", 2, None), secs(911));
        assert_eq!(health.freshness(secs(911)), Freshness::Fresh);
    }

    #[test]
    fn a_set_that_cannot_be_verified_yet_makes_late() {
        let mut health = fresh();
        health.quarantined_are(1);
        assert_eq!(health.freshness(secs(1)), Freshness::Late(Why::Quarantined));
        health.quarantined_are(0);
        assert_eq!(health.freshness(secs(1)), Freshness::Fresh);
    }

    #[test]
    fn another_epoch_is_late_until_all_of_it_is_here_and_stale_after_three_heartbeats() {
        let mut health = fresh();
        let noticed = health.numbered(&numbered("f", 2, None), secs(1));
        assert_eq!(noticed, Noticed::OtherEpoch);
        assert_eq!(health.freshness(secs(2)), Freshness::Late(Why::Epoch));
        health.heard(secs(800));
        assert_eq!(health.freshness(secs(900)), Freshness::Late(Why::Epoch));
        assert_eq!(health.freshness(secs(901)), Freshness::Stale(Why::Epoch));
        health.numbered(&numbered("f", 3, Some(2)), secs(902));
        assert_eq!(health.freshness(secs(902)), Freshness::Stale(Why::Epoch));
        health.numbered(&numbered("f", 1, None), secs(903));
        assert_eq!(health.freshness(secs(903)), Freshness::Fresh);
    }

    #[test]
    fn what_the_transmitter_cannot_send_any_more_is_stale_at_once_until_that_is_accepted() {
        let mut health = fresh();
        health.numbered(&numbered("e", 3, Some(2)), secs(10));
        health.numbers().are_lost(&[2..=2]);
        assert_eq!(health.freshness(secs(11)), Freshness::Stale(Why::Lost));
        health.numbers().accept(3);
        assert_eq!(health.freshness(secs(11)), Freshness::Fresh);
    }

    #[test]
    fn what_was_heard_before_a_restart_counts_as_long_as_it_would_have() {
        let mut health = Health::default();
        health.heard_before(secs(200));
        assert_eq!(health.freshness(secs(399)), Freshness::Fresh);
        assert_eq!(health.freshness(secs(400)), Freshness::Late(Why::Silent));
        assert_eq!(health.freshness(secs(700)), Freshness::Stale(Why::Silent));
        // What is long ago leaves the time that a start has.
        health.heard_before(secs(5000));
        assert_eq!(health.freshness(secs(0)), Freshness::Late(Why::Silent));
        assert_eq!(health.freshness(secs(300)), Freshness::Stale(Why::Silent));
    }

    #[test]
    fn a_stream_that_is_paused_is_late_and_one_that_is_disabled_is_stale() {
        let mut health = fresh();
        health.status_is(StreamStatus::Paused);
        assert_eq!(health.freshness(secs(1)), Freshness::Late(Why::Paused));
        health.status_is(StreamStatus::Disabled);
        assert_eq!(health.freshness(secs(1)), Freshness::Stale(Why::Disabled));
        health.status_is(StreamStatus::Enabled);
        assert_eq!(health.freshness(secs(1)), Freshness::Fresh);
    }
}

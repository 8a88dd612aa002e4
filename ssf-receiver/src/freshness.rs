//! How fresh what we know of the Transmitter is: whether anything is heard, and whether something is missing.

mod asking;
mod company;
mod deadline;
mod health;
pub(crate) mod kept;
mod numbers;
mod range_set;
mod states;
mod when_stale;

use std::{
    ops::RangeInclusive,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ssf_types::{
    event::Event,
    id::Epoch,
    set::{Sequence, SetClaims},
    stream::StreamStatus,
    time::Timestamp,
    uri::Issuer,
};
use tokio::time::Instant;

use self::{
    asking::Asking,
    company::Company,
    health::{Health, Noticed},
    kept::{AcceptedLoss, Kept},
    numbers::Numbers,
    states::States,
};
pub(crate) use self::{
    deadline::Deadline,
    health::heartbeat,
    range_set::RangeSet,
    when_stale::{CONFIRMED_FOR, began_lately},
};
pub use self::{
    health::{Freshness, Why},
    when_stale::WhenStale,
};
use crate::{
    inbox::{
        Inbox, InboxError,
        numbering::{Numbering, Recorded},
    },
    replay::Told,
};

/// What is heard of the stream, by a steady clock.
#[derive(Debug)]
pub(crate) struct Hearing {
    began: Instant,
    state: Mutex<State>,
    /// From when on this is stale, unless something is learned.
    deadline: Arc<Deadline>,
}

#[derive(Debug)]
struct State {
    health: Health,
    states: States,
    company: Company,
    asking: Asking,
}

impl Hearing {
    /// Begins to listen: nothing has been heard yet.
    pub(crate) fn new() -> Self {
        let began = Instant::now();
        let health = Health::default();
        let deadline = Deadline::new(began);
        deadline.set(health.stale_from());
        Self {
            began,
            state: Mutex::new(State {
                health,
                states: States::default(),
                company: Company::default(),
                asking: Asking::default(),
            }),
            deadline: deadline.into(),
        }
    }

    /// From when on this is stale.
    pub(crate) fn deadline(&self) -> &Arc<Deadline> {
        &self.deadline
    }

    /// Learns something.
    fn change<T>(&self, change: impl FnOnce(&mut State, Duration) -> T) -> T {
        let (mut state, now) = self.state();
        let result = change(&mut state, now);
        // Before the lock is let go, so that the last word is that of whoever learned last.
        let own = state.health.stale_from();
        self.deadline.set(state.company.stale_from(own));
        result
    }

    /// The state; a panic elsewhere leaves it whole, since nothing in it can break off.
    fn state(&self) -> (MutexGuard<'_, State>, Duration) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state, self.began.elapsed())
    }

    /// How fresh what we know is.
    pub(crate) fn freshness(&self) -> Freshness {
        let (state, now) = self.state();
        state.company.freshness(state.health.freshness(now), now)
    }

    /// How fresh the stream is by what was heard here, whether or not this instance is cut off from others.
    #[cfg(feature = "shared")]
    pub(crate) fn of_stream(&self) -> Freshness {
        let (state, now) = self.state();
        state.health.freshness(now)
    }

    /// A look that began at this moment saw all that other instances had written. From then on, it has to be followed by others in
    /// time.
    #[cfg(feature = "shared")]
    pub(crate) fn followed(&self, at: Instant) {
        let at = at.duration_since(self.began);
        self.change(|state, _| {
            let followed = &mut state.company.followed;
            *followed = (*followed).max(Some(at));
        });
    }

    /// Goes on with what is kept: of the SETs, and of what was heard by `now`, the wall's clock.
    pub(crate) fn resume(&self, recorded: Option<&Recorded>, kept: &Kept, wall: Timestamp) {
        self.change(|state, now| {
            let resumed = |recorded: &Recorded| {
                let accepted = kept.accepted_of(&recorded.epoch);
                Numbers::resumed(recorded, accepted, now)
            };
            let numbers = recorded.map(resumed).unwrap_or_default();
            state.health.resume(numbers);
            if let Some(ago) = kept.heard_ago(wall) {
                match now.checked_sub(ago) {
                    Some(at) => state.health.heard(at),
                    None => state.health.heard_before(ago.saturating_sub(now)),
                }
            }
        });
    }

    /// Looks for nothing any more that somebody accepted as lost.
    pub(crate) fn accept(&self, kept: &Kept) {
        self.change(|state, _| {
            let epoch = state.health.numbers().epoch().cloned();
            let through = epoch.map(|epoch| kept.accepted_of(&epoch));
            state.health.numbers().accept(through.unwrap_or_default());
        });
    }

    /// When something was heard last since the start, by `wall`, the wall's clock.
    pub(crate) fn heard_at(&self, wall: Timestamp) -> Option<Timestamp> {
        let (state, now) = self.state();
        let ago = now.saturating_sub(state.health.last_heard()?);
        Some(wall.before(ago))
    }

    /// The numbers to ask the Transmitter for now, with the epoch that they belong to.
    pub(crate) fn to_ask_for(&self) -> Option<(Epoch, Vec<RangeInclusive<u64>>)> {
        self.change(|state, now| {
            let lacking = state.health.numbers().lacking(state.asking.asked());
            state.asking.waits_for(lacking);
            let missing = state.health.missing(now);
            let wanted = state.asking.wanted(&missing, now);
            let epoch = state.health.numbers().epoch().cloned()?;
            (!wanted.is_empty()).then_some((epoch, wanted))
        })
    }

    /// The Transmitter was asked for these, and told this.
    pub(crate) fn asked_for(&self, numbers: &[RangeInclusive<u64>], told: &Told) {
        self.change(|state, now| {
            state.asking.answered(numbers, now);
            state.health.numbers().are_needless(&told.needless);
            state.health.numbers().are_lost(&told.lost);
        });
    }

    /// The Transmitter could not be asked, or refused.
    pub(crate) fn could_not_ask(&self) {
        self.change(|state, now| state.asking.failed(now));
    }

    /// How many numbers are missing, and how many of them the Transmitter cannot send any more.
    pub(crate) fn gaps(&self) -> (u64, u64) {
        let (state, now) = self.state();
        let missing = state.health.missing(now);
        let lengths = missing.iter().map(|range| range.end() - range.start() + 1);
        (lengths.sum(), state.health.lost())
    }

    /// What the leading instance says of the stream; `None` if this one leads.
    #[cfg(feature = "shared")]
    pub(crate) fn told(&self, freshness: Option<Freshness>) {
        self.change(|state, now| {
            state.company.told = freshness;
            if freshness == Some(Freshness::Fresh) {
                state.health.vouched(now);
            }
        });
    }

    /// A sign of life is asked for so often.
    pub(crate) fn expect_every(&self, heartbeat: Duration) {
        self.change(|state, _| state.health.expect_every(heartbeat));
    }

    /// A verification with this state is about to be asked for.
    pub(crate) fn asked_with(&self, verification: String) {
        let (mut state, now) = self.state();
        state.states.sent(verification, now);
    }

    /// Whether a verification is one that was asked for, or brings no state; anything else is no verification.
    pub(crate) fn is_expected(&self, event: &Event) -> bool {
        let Event::Verification(verification) = event else {
            return true;
        };
        let (state, now) = self.state();
        verification
            .state
            .as_ref()
            .is_none_or(|sent| state.states.sent_at(sent, now).is_some())
    }

    /// A poll was answered.
    pub(crate) fn heard(&self) {
        self.change(|state, now| state.health.heard(now));
    }

    /// So many SETs cannot be verified yet.
    pub(crate) fn quarantined_are(&self, count: usize) {
        self.change(|state, _| state.health.quarantined_are(count));
    }

    /// The Transmitter tells the stream's status.
    pub(crate) fn status_is(&self, status: StreamStatus) {
        self.change(|state, _| state.health.status_is(status));
    }

    /// Learns from a SET that is durable.
    pub(crate) fn learn(&self, claims: &SetClaims) {
        self.change(|state, now| state.learn(claims, now));
    }

    /// How many numbers nobody looks for although they may be missing.
    pub(crate) fn untold(&self) -> u64 {
        self.state().0.health.untold()
    }

    /// The numbers that are missing, for the log.
    pub(crate) fn missing(&self) -> String {
        let (state, now) = self.state();
        let ranges = state.health.missing(now);
        let shown = ranges.iter().take(RANGES_SHOWN);
        let shown: Vec<String> = shown
            .map(|range| format!("{}-{}", range.start(), range.end()))
            .collect();
        shown.join(" ")
    }
}

impl State {
    fn learn(&mut self, claims: &SetClaims, now: Duration) {
        if let Event::Verification(verification) = &claims.event {
            let sent = verification.state.as_ref();
            // As of when it was asked for: a verification that was held up says nothing of the time since.
            if let Some(sent_at) = sent.and_then(|sent| self.states.sent_at(sent, now)) {
                self.health.heard(sent_at);
            }
        }
        if let Event::StreamUpdated(updated) = &claims.event {
            self.health.status_is(updated.status);
        }
        match Sequence::among(&claims.extra) {
            Ok(Some(sequence)) => match self.health.numbered(&sequence, now) {
                Noticed::Nothing => {}
                Noticed::OtherEpoch => tracing::error!(
                    epoch = %sequence.epoch,
                    "the transmitter numbers its SETs anew: what it sent before may be lost"
                ),
            },
            Ok(None) => {}
            // The SET itself is none the worse for it.
            Err(error) => tracing::warn!(%error, "the number of a SET cannot be read"),
        }
    }
}

/// Remembers that no number of a transmitter's is looked for that is not here by now; `None` if it has numbered nothing.
pub(crate) async fn accept(
    inbox: &(impl Inbox + Numbering),
    issuer: &Issuer,
) -> Result<Option<AcceptedLoss>, InboxError> {
    let Some(recorded) = inbox.recorded(issuer).await? else {
        return Ok(None);
    };
    let accepted = AcceptedLoss {
        through: recorded.last(),
        epoch: recorded.epoch,
    };
    inbox.keep_settings(&accepted.write(issuer)?).await?;
    Ok(Some(accepted))
}

/// Most ranges of numbers in one line of the log.
const RANGES_SHOWN: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// The claims of a verification that accounts for the numbers below `seq`.
    fn verification(seq: u64) -> SetClaims {
        let claims = format!(
            r#"{{"iss":"https://idp.example.com","jti":"{seq}","iat":1,"aud":"a","sub_id":{{"format":"opaque","id":"1"}},
            "events":{{"https://schemas.openid.net/secevent/ssf/event-type/verification":{{}}}},
            "set_sequence":{{"epoch":"e","seq":{seq},"through":{}}}}}"#,
            seq - 1
        );
        let issuer = Issuer::parse("https://idp.example.com").unwrap();
        let dialect = &ssf_types::dialect::Dialect::SSF_1_0;
        SetClaims::read_verified(&issuer, &claims, dialect).unwrap()
    }

    fn epoch() -> Epoch {
        Epoch::parse("e").unwrap()
    }

    /// Of a stream of which 2 and 3 are missing, for a minute.
    async fn gaping() -> Hearing {
        let hearing = Hearing::new();
        hearing.learn(&verification(1));
        hearing.learn(&verification(4));
        assert_eq!(hearing.to_ask_for(), None);
        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!(hearing.freshness(), Freshness::Late(Why::Gap));
        assert_eq!(hearing.gaps(), (2, 0));
        hearing
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_missing_for_a_minute_is_asked_for_once_and_again_later() {
        let hearing = gaping().await;
        assert_eq!(hearing.to_ask_for(), Some((epoch(), vec![2..=3])));
        hearing.could_not_ask();
        assert_eq!(hearing.to_ask_for(), None);
        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!(hearing.to_ask_for(), Some((epoch(), vec![2..=3])));
        hearing.asked_for(&[2..=3], &Told::default());
        assert_eq!(hearing.to_ask_for(), None);
        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!(hearing.to_ask_for(), Some((epoch(), vec![2..=3])));
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_transmitter_has_lost_is_stale_until_somebody_accepts_that() {
        let hearing = gaping().await;
        let told = Told {
            lost: vec![2..=2],
            needless: vec![3..=3],
        };
        hearing.asked_for(&[2..=3], &told);
        assert_eq!(hearing.freshness(), Freshness::Stale(Why::Lost));
        assert_eq!(hearing.gaps(), (1, 1));
        assert!(hearing.deadline().has_passed());
        let kept = Kept {
            heard_at: None,
            accepted: Some(AcceptedLoss {
                epoch: epoch(),
                through: 4,
            }),
        };
        hearing.accept(&kept);
        assert_eq!(hearing.gaps(), (0, 0));
        assert_eq!(hearing.freshness(), Freshness::Late(Why::Silent));
    }

    #[tokio::test(start_paused = true)]
    async fn a_start_goes_on_with_what_was_heard_and_what_is_missing() {
        let account = |seq| Sequence::among(&verification(seq).extra).unwrap();
        let recorded = Recorded {
            epoch: epoch(),
            former: None,
            first_account: account(1),
            latest_account: account(4),
            have: vec![1..=1, 4..=4],
        };
        let wall = Timestamp::from_secs(10_000);
        let kept = Kept {
            heard_at: Some(wall.before(Duration::from_mins(2))),
            accepted: None,
        };
        let hearing = Hearing::new();
        hearing.resume(Some(&recorded), &kept, wall);
        assert_eq!(hearing.freshness(), Freshness::Fresh);
        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!(hearing.freshness(), Freshness::Late(Why::Gap));
        assert_eq!(hearing.to_ask_for(), Some((epoch(), vec![2..=3])));
        assert_eq!(hearing.heard_at(wall), None, "nothing since the start");
    }
}

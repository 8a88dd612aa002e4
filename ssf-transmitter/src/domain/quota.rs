//! How much a source may hand in, and what is kept free for events that take something away from somebody.

use std::time::Duration;

use ssf_types::{event::Event, time::Timestamp};

use super::{
    backlog::Backlog,
    event::NewEvent,
    pace::{Pace, TooFast, is_paid, leaving_kept},
};

/// Of what is allowed, one part in so many is kept for events that revoke.
const RESERVED_ONE_IN: u64 = 5;

/// How soon a source that has too much waiting may try again: by then, it was counted anew.
const BACKLOG_RETRY: Duration = Duration::from_secs(30);

/// Most events a second that a source may be allowed.
pub const EVENTS_PER_SECOND_MAX: u64 = 1_000_000;

/// Most that may be allowed to wait, in events and deliveries: a disk ends first.
pub const BACKLOG_MAX: u64 = 1_000_000_000;

/// What a source may hand in, for a source that has nothing else.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Quota {
    /// How many events.
    pub pace: Pace,
    /// How many of its events and their deliveries may wait.
    pub backlog_max: u64,
}

/// What a source has of its own; what is absent is as for all others.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct OwnQuota {
    /// How many events a second; from 1 to [`EVENTS_PER_SECOND_MAX`].
    pub events_per_second: Option<u64>,
    /// How many of its events and their deliveries may wait; from 1 to [`BACKLOG_MAX`].
    pub backlog_max: Option<u64>,
}

/// What a source has of its own is outside of the limits.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum QuotaError {
    /// The pace.
    #[error("events_per_second is a whole number from 1 to {EVENTS_PER_SECOND_MAX}")]
    EventsPerSecond,
    /// The backlog.
    #[error("backlog_max is a whole number from 1 to {BACKLOG_MAX}")]
    Backlog,
}

impl OwnQuota {
    /// Checks what a source shall have of its own.
    ///
    /// # Errors
    /// Names what is outside of its limits.
    pub fn new(
        events_per_second: Option<u64>,
        backlog_max: Option<u64>,
    ) -> Result<Self, QuotaError> {
        let is_outside =
            |value: Option<u64>, most| value.is_some_and(|value| !(1..=most).contains(&value));
        if is_outside(events_per_second, EVENTS_PER_SECOND_MAX) {
            return Err(QuotaError::EventsPerSecond);
        }
        if is_outside(backlog_max, BACKLOG_MAX) {
            return Err(QuotaError::Backlog);
        }
        Ok(Self {
            events_per_second,
            backlog_max,
        })
    }

    /// What holds, where `standard` is for all others.
    pub fn or(self, standard: Quota) -> Quota {
        Quota {
            pace: self
                .events_per_second
                .map_or(standard.pace, Pace::per_second),
            backlog_max: self.backlog_max.unwrap_or(standard.backlog_max),
        }
    }
}

/// Whether events may have what is kept free.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Urgency {
    /// All of them revoke.
    Revoking,
    /// Some do not.
    Ordinary,
}

impl Urgency {
    /// That of events which are handed in together, and accepted or refused together.
    pub fn of(events: &[NewEvent]) -> Self {
        if events.iter().all(|event| revokes(&event.event)) {
            Self::Revoking
        } else {
            Self::Ordinary
        }
    }
}

/// Whether events of this type take something away from somebody who must not have it any longer.
///
/// The type decides, so that the same event is as urgent whatever it says: a source knows beforehand.
pub fn revokes(event: &Event) -> bool {
    match event {
        Event::SessionRevoked(_)
        | Event::CredentialChange(_)
        | Event::DeviceComplianceChange(_)
        | Event::AccountCredentialChangeRequired(_)
        | Event::AccountPurged(_)
        | Event::AccountDisabled(_)
        | Event::IdentifierRecycled(_)
        | Event::CredentialCompromise(_)
        | Event::SessionsRevoked(_)
        | Event::TokenRevoked(_)
        | Event::TokensRevoked(_)
        | Event::ClientDisabled(_)
        | Event::ClientCredentialChanged(_) => true,
        Event::Verification(_)
        | Event::StreamUpdated(_)
        | Event::TokenClaimsChange(_)
        | Event::AssuranceLevelChange(_)
        | Event::SessionEstablished(_)
        | Event::SessionPresented(_)
        | Event::RiskLevelChange(_)
        | Event::AccountEnabled(_)
        | Event::IdentifierChanged(_)
        | Event::OptIn(_)
        | Event::OptOutInitiated(_)
        | Event::OptOutCancelled(_)
        | Event::OptOutEffective(_)
        | Event::RecoveryActivated(_)
        | Event::RecoveryInformationChanged(_)
        | Event::TokenIssued(_)
        | Event::ClientEnabled(_)
        // Nobody can tell what it means.
        | Event::Other(_)
        | _ => false,
    }
}

/// A source hands in more than it may.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OverQuota {
    /// Its events come too fast.
    #[error(
        "this source hands in more than {per_second} events a second: send the same again after Retry-After, and what revokes by itself, which has a share of its own"
    )]
    TooFast {
        /// How many it may hand in.
        per_second: u64,
        /// How long to wait.
        retry_after: Duration,
    },
    /// Too many of them wait.
    #[error(
        "more than {backlog_max} events and deliveries of this source wait: send the same again after Retry-After, and what revokes by itself, which has a share of its own"
    )]
    TooMuch {
        /// How many may wait.
        backlog_max: u64,
        /// How long to wait.
        retry_after: Duration,
    },
}

impl OverQuota {
    /// How long to wait.
    pub fn retry_after(self) -> Duration {
        match self {
            Self::TooFast { retry_after, .. } | Self::TooMuch { retry_after, .. } => retry_after,
        }
    }

    /// One word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooFast { .. } => "pace",
            Self::TooMuch { .. } => "backlog",
        }
    }
}

/// What is known of what a source has handed in.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Usage {
    /// See [`Pace::allow`]: by all events.
    used_until: u64,
    /// The same for events that revoke, for which other events use no more than leaves their share alone.
    revoking_until: u64,
    /// What waited when it was counted last.
    backlog: Backlog,
    /// Events that were accepted before the count that is under way began, and are not in the last one.
    before_count: u64,
    /// Those that were accepted since.
    since_count: u64,
}

impl Quota {
    /// Allows `events` at `now`: all of them, or none. Returns what is used then.
    ///
    /// # Errors
    /// Tells which limit would be passed, and how long to wait.
    pub fn allow(
        self,
        usage: Usage,
        (events, urgency): (u64, Urgency),
        now: Timestamp,
    ) -> Result<Usage, OverQuota> {
        let reserved = self.backlog_max / RESERVED_ONE_IN;
        let free = match urgency {
            Urgency::Revoking => self.backlog_max,
            Urgency::Ordinary => self.backlog_max - reserved,
        };
        if usage.waiting(self.backlog_max) >= free {
            return Err(OverQuota::TooMuch {
                backlog_max: self.backlog_max,
                retry_after: BACKLOG_RETRY,
            });
        }
        let paid = match urgency {
            Urgency::Revoking => self.pay_revoking(usage, events, now),
            Urgency::Ordinary => self.pay_ordinary(usage, events, now),
        };
        let paid = paid.map_err(|TooFast { retry_after }| OverQuota::TooFast {
            per_second: self.pace.pieces(),
            retry_after,
        })?;
        Ok(Usage {
            since_count: paid.since_count.saturating_add(events),
            ..paid
        })
    }

    fn pay_revoking(self, usage: Usage, events: u64, now: Timestamp) -> Result<Usage, TooFast> {
        Ok(Usage {
            revoking_until: self.pace.allow(usage.revoking_until, events, now)?,
            used_until: self.pace.charge(usage.used_until, events, now),
            ..usage
        })
    }

    /// However large a batch was, what revokes finds its share.
    fn pay_ordinary(self, usage: Usage, events: u64, now: Timestamp) -> Result<Usage, TooFast> {
        let pace = self.pace;
        let used_until = pace.allow_keeping(RESERVED_ONE_IN, usage.used_until, events, now)?;
        let shared = leaving_kept(RESERVED_ONE_IN, used_until, now);
        Ok(Usage {
            used_until,
            revoking_until: usage.revoking_until.max(shared),
            ..usage
        })
    }
}

impl Usage {
    /// At most so much waits that counts where `most` may wait.
    fn waiting(&self, most: u64) -> u64 {
        self.backlog.counted(most).saturating_add(self.uncounted())
    }

    fn uncounted(&self) -> u64 {
        self.before_count.saturating_add(self.since_count)
    }

    /// What waits is about to be counted.
    #[must_use]
    pub fn counting(self) -> Self {
        Self {
            before_count: self.uncounted(),
            since_count: 0,
            ..self
        }
    }

    /// This waited when it was counted.
    #[must_use]
    pub fn counted(self, backlog: Backlog) -> Self {
        Self {
            backlog,
            before_count: 0,
            ..self
        }
    }

    /// Whether nothing is lost if it is forgotten.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.backlog.is_empty() && self.uncounted() == 0 && is_paid(self.used_until, now)
    }
}

#[cfg(test)]
mod tests {
    use ssf_types::{
        event::{
            KNOWN_EVENT_TYPES,
            caep::{SessionPresented, SessionRevoked},
        },
        subject::SimpleSubject,
        uri::EventTypeUri,
    };

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn quota() -> Quota {
        Quota {
            pace: Pace::per_second(10),
            backlog_max: 1000,
        }
    }

    fn ordinary(usage: Usage, events: u64, now: Timestamp) -> Result<Usage, OverQuota> {
        quota().allow(usage, (events, Urgency::Ordinary), now)
    }

    fn revoking(usage: Usage, events: u64, now: Timestamp) -> Result<Usage, OverQuota> {
        quota().allow(usage, (events, Urgency::Revoking), now)
    }

    fn waiting(events: u64) -> Backlog {
        Backlog::new(events, [])
    }

    /// How many are allowed one by one, and what is used then.
    fn burst(
        allow: fn(Usage, u64, Timestamp) -> Result<Usage, OverQuota>,
        mut usage: Usage,
    ) -> (u64, Usage) {
        let mut allowed = 0;
        while let Ok(next) = allow(usage.clone(), 1, NOW) {
            usage = next;
            allowed += 1;
        }
        (allowed, usage)
    }

    #[test]
    fn ordinary_events_leave_a_fifth_of_the_burst_to_those_that_revoke() {
        let (allowed, usage) = burst(ordinary, Usage::default());
        assert_eq!(allowed, 80);
        let (allowed, usage) = burst(revoking, usage);
        assert_eq!(allowed, 20);
        // While what revokes is paid for, nothing else passes.
        let second = NOW.after(Duration::from_secs(1));
        assert!(revoking(usage.clone(), 1, second).is_ok());
        assert_eq!(
            ordinary(usage, 1, second),
            Err(OverQuota::TooFast {
                per_second: 10,
                retry_after: Duration::from_millis(1100)
            })
        );
    }

    #[test]
    fn who_waits_as_long_as_it_is_told_is_let_in() {
        for allow in [ordinary, revoking] {
            let (_, usage) = burst(allow, Usage::default());
            let refused = allow(usage.clone(), 1, NOW).unwrap_err();
            assert!(allow(usage, 1, NOW.after(refused.retry_after())).is_ok());
        }
    }

    #[test]
    fn a_batch_is_allowed_whole_and_paid_for_afterwards() {
        for allow in [ordinary, revoking] {
            let usage = allow(Usage::default(), 1000, NOW).unwrap();
            let usage = usage.counting().counted(Backlog::default());
            assert!(allow(usage.clone(), 1, NOW.after(Duration::from_secs(90))).is_err());
            assert!(allow(usage, 1, NOW.after(Duration::from_secs(93))).is_ok());
        }
    }

    #[test]
    fn a_batch_leaves_their_share_to_those_that_revoke() {
        let usage = ordinary(Usage::default(), 1000, NOW).unwrap();
        let usage = usage.counting().counted(Backlog::default());
        let (allowed, usage) = burst(revoking, usage);
        assert_eq!(allowed, 20);
        let usage = revoking(usage, 10, NOW.after(Duration::from_secs(1))).unwrap();
        // What revokes is paid for by all.
        let later = NOW.after(Duration::from_secs(93));
        assert!(ordinary(usage.clone(), 1, later).is_err());
        let later = NOW.after(Duration::from_secs(96));
        assert!(ordinary(usage, 1, later).is_ok());
    }

    #[test]
    fn a_fifth_of_the_backlog_is_left_to_what_revokes() {
        let full = Usage::default().counted(waiting(800));
        let too_much = Err(OverQuota::TooMuch {
            backlog_max: 1000,
            retry_after: Duration::from_secs(30),
        });
        assert_eq!(ordinary(full.clone(), 1, NOW), too_much);
        assert!(ordinary(full.clone().counted(waiting(799)), 1, NOW).is_ok());
        assert!(revoking(full.clone(), 1, NOW).is_ok());
        assert_eq!(revoking(full.counted(waiting(1000)), 1, NOW), too_much);
    }

    #[test]
    fn one_receiver_alone_does_not_fill_the_backlog() {
        let one = Usage::default().counted(Backlog::new(0, [1_000_000]));
        assert!(ordinary(one, 1, NOW).is_ok());
        let eight = Usage::default().counted(Backlog::new(0, [1_000_000; 8]));
        assert!(ordinary(eight.clone(), 1, NOW).is_err());
        assert!(revoking(eight, 1, NOW).is_ok());
    }

    #[test]
    fn what_was_accepted_since_the_count_began_waits_too() {
        let usage = ordinary(Usage::default(), 5, NOW).unwrap().counting();
        let usage = ordinary(usage, 7, NOW).unwrap();
        assert_eq!(usage.waiting(1000), 12);
        let usage = usage.counted(waiting(3));
        assert_eq!(usage.waiting(1000), 10);
        assert_eq!(usage.clone().counting().waiting(1000), 10);
        assert_eq!(
            usage.counting().counted(Backlog::default()).waiting(1000),
            0
        );
    }

    #[test]
    fn what_says_nothing_any_more_is_forgotten() {
        assert!(Usage::default().is_over(NOW));
        let usage = ordinary(Usage::default(), 1, NOW).unwrap();
        let later = NOW.after(Duration::from_secs(1));
        assert!(!usage.is_over(later));
        let counted = usage.counting().counted(Backlog::default());
        assert!(!counted.is_over(NOW));
        assert!(counted.is_over(later));
    }

    #[test]
    fn a_source_may_have_a_quota_of_its_own() {
        let own = OwnQuota::new(Some(7), None).unwrap();
        assert_eq!(own.or(quota()).pace.pieces(), 7);
        assert_eq!(own.or(quota()).backlog_max, 1000);
        assert_eq!(OwnQuota::default().or(quota()), quota());
        assert_eq!(
            OwnQuota::new(Some(0), None),
            Err(QuotaError::EventsPerSecond)
        );
        assert_eq!(
            OwnQuota::new(Some(1_000_001), None),
            Err(QuotaError::EventsPerSecond)
        );
        assert_eq!(OwnQuota::new(None, Some(0)), Err(QuotaError::Backlog));
        assert_eq!(
            OwnQuota::new(None, Some(1_000_000_001)),
            Err(QuotaError::Backlog)
        );
    }

    #[test]
    fn events_are_urgent_together_if_each_of_them_revokes() {
        let subject = || SimpleSubject::Opaque { id: "1".into() };
        let revoked = NewEvent::new(subject(), SessionRevoked::default());
        let presented = NewEvent::new(subject(), SessionPresented::default());
        let alone = std::slice::from_ref(&revoked);
        assert_eq!(Urgency::of(alone), Urgency::Revoking);
        assert_eq!(Urgency::of(&[revoked, presented]), Urgency::Ordinary);
    }

    #[test]
    fn a_type_that_nobody_knows_does_not_revoke() {
        let uri = EventTypeUri::parse("urn:example:session-revoked").unwrap();
        assert!(!KNOWN_EVENT_TYPES.contains(&uri.as_str()));
        assert!(!revokes(&Event::read(&uri, "{}").unwrap()));
    }
}

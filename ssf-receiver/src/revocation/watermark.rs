//! Up to when what was revoked may have been forgotten.
//!
//! A watermark stands for every revocation that was received up to it, of one transmitter and kind. Whoever forgets raises it
//! first, and changes the table then; whoever decides looks at the table first, and at the watermark then. So what is not in
//! the table that is looked at is under the watermark that is seen.
//!
//! An era is the time between two of such tables. What was forgotten before it had been received before it.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::{Kind, SCOPES_MAX, ScopeId};

/// How far a transmitter's clock may be ahead: a session that was revoked by name may seem to have begun so much later.
const CLOCK_SKEW_SECONDS: u32 = 60;

const _: () = assert!(CLOCK_SKEW_SECONDS as u64 == ssf_types::set::LEEWAY.as_secs());

/// Up to when revocations of one transmitter may have been forgotten: seconds since 1970, or 0 if none was.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Watermarks {
    /// Those that end sessions: whatever began no later has to be renewed.
    pub ended: u32,
    /// Those that ask for a fresh sign-in: who has none since has to sign in.
    pub unproven: u32,
}

impl Watermarks {
    /// Whether a session that began then may have been ended.
    pub(crate) fn may_have_ended(self, began: u32) -> bool {
        self.ended > 0 && began <= self.ended.saturating_add(CLOCK_SKEW_SECONDS)
    }

    /// Whether a session with that sign-in may have been asked for a fresh one.
    pub(crate) fn may_be_unproven(self, authenticated: Option<u32>) -> bool {
        self.unproven > 0 && authenticated.is_none_or(|at| at <= self.unproven)
    }

    /// Whether these stand for what was received at `until`, at the latest. For states none does.
    pub(crate) fn cover(self, kind: Kind, until: u32) -> bool {
        let watermark = match kind {
            Kind::Ended => self.ended,
            Kind::Unproven => self.unproven,
            Kind::Disabled | Kind::NotCompliant | Kind::Risk | Kind::Assurance => 0,
        };
        watermark > 0 && until <= watermark
    }

    /// The later of each.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            ended: self.ended.max(other.ended),
            unproven: self.unproven.max(other.unproven),
        }
    }

    /// The same, or the time of receipt if that is later: for one more that is forgotten.
    pub(super) fn with(self, kind: Kind, until: u32) -> Self {
        let until = until.max(1);
        match kind {
            Kind::Ended => Self {
                ended: self.ended.max(until),
                ..self
            },
            Kind::Unproven => Self {
                unproven: self.unproven.max(until),
                ..self
            },
            Kind::Disabled | Kind::NotCompliant | Kind::Risk | Kind::Assurance => self,
        }
    }
}

/// The watermarks of all transmitters.
#[derive(Debug)]
pub(super) struct AllWatermarks(Box<[OfScope]>);

#[derive(Debug, Default)]
struct OfScope {
    ended: AtomicU32,
    unproven: AtomicU32,
    era: AtomicU64,
}

impl Default for AllWatermarks {
    fn default() -> Self {
        Self((0..SCOPES_MAX).map(|_| OfScope::default()).collect())
    }
}

impl AllWatermarks {
    pub(super) fn of(&self, scope: ScopeId) -> Watermarks {
        let of_scope = &self.0[usize::from(scope.number())];
        Watermarks {
            ended: of_scope.ended.load(Ordering::Acquire),
            unproven: of_scope.unproven.load(Ordering::Acquire),
        }
    }

    /// Raises those of a scope; they never fall.
    pub(super) fn raise(&self, scope: ScopeId, to: Watermarks) {
        let of_scope = &self.0[usize::from(scope.number())];
        of_scope.ended.fetch_max(to.ended, Ordering::Release);
        of_scope.unproven.fetch_max(to.unproven, Ordering::Release);
    }

    /// The number of the present era.
    #[cfg(feature = "client")]
    pub(super) fn era(&self, scope: ScopeId) -> u64 {
        self.0[usize::from(scope.number())]
            .era
            .load(Ordering::Acquire)
    }

    /// Begins another era, before the table whose making has forgotten something.
    pub(super) fn begin_era(&self, scope: ScopeId) {
        let era = &self.0[usize::from(scope.number())].era;
        era.fetch_add(1, Ordering::Release);
    }
}

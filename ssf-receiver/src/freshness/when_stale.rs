//! What follows from being stale.

use std::time::Duration;

use ssf_types::time::Timestamp;

/// How long a session goes on under [`WhenStale::Soft`] once it began, or was renewed.
pub(crate) const CONFIRMED_FOR: Duration = Duration::from_mins(15);

/// How far ahead of ours the clock of an identity provider may be.
const LEEWAY: Duration = Duration::from_mins(1);

/// What becomes of sessions against which nothing is known, while what is known of their Transmitter is
/// [stale](crate::Freshness::Stale).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum WhenStale {
    /// They go on. Each such decision is counted.
    #[default]
    Open,
    /// They go on for 15 min after they began or were [renewed](crate::Receiver::decide_or_renew), and have to be renewed then:
    /// [`Reason::Renew`](crate::guard::Reason::Renew).
    Soft,
    /// They are refused until something is heard: [`Reason::Unconfirmed`](crate::guard::Reason::Unconfirmed), 503 and no
    /// sign-out.
    Closed,
}

impl WhenStale {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Open, Self::Soft, Self::Closed];

    /// Its name in configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Soft => "soft",
            Self::Closed => "closed",
        }
    }
}

/// Whether a session began so lately that its sign-in counts for what a renewal does.
///
/// One from the future proves nothing, since nobody knows how old it is.
pub(crate) fn began_lately(began: Timestamp, now: Timestamp) -> bool {
    let until = began.after(CONFIRMED_FOR);
    now < until && began <= now.after(LEEWAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_counts_for_a_quarter_of_an_hour_and_not_before_it_was() {
        let began = |now| began_lately(Timestamp::from_secs(10_000), Timestamp::from_secs(now));
        assert!(!began(9_939));
        assert!(began(9_940));
        assert!(began(10_899));
        assert!(!began(10_900));
    }
}

//! What an instance knows of the others with which it shares a database.

use std::time::Duration;

use super::{Freshness, Why};

/// How long an instance may not have seen what others wrote: it looks each second.
const FOLLOWED_MAX: Duration = Duration::from_secs(3);

/// Others, if there may be any.
#[derive(Debug, Default)]
pub(super) struct Company {
    /// When the last look began that saw all that they had written; `None` if nobody else writes.
    pub(super) followed: Option<Duration>,
    /// What the leading instance says of the stream; `None` if this one leads, or nothing was said.
    pub(super) told: Option<Freshness>,
}

impl Company {
    /// What is known, where `own` is what this instance has heard by itself.
    pub(super) fn freshness(&self, own: Freshness, now: Duration) -> Freshness {
        let is_cut_off = |followed: Duration| followed.saturating_add(FOLLOWED_MAX) <= now;
        if self.followed.is_some_and(is_cut_off) {
            return Freshness::Stale(Why::CutOff);
        }
        self.told.unwrap_or(own)
    }

    /// From when on it is stale, where by what this instance has heard itself it is from `own` on; `None` for never.
    pub(super) fn stale_from(&self, own: Option<Duration>) -> Option<Duration> {
        let told = match self.told {
            Some(Freshness::Stale(_)) => Some(Duration::ZERO),
            Some(Freshness::Fresh | Freshness::Late(_)) => None,
            None => own,
        };
        let cut_off = self.followed.map(|at| at.saturating_add(FOLLOWED_MAX));
        told.into_iter().chain(cut_off).min()
    }
}

impl Freshness {
    /// As one instance tells it to others.
    #[cfg(feature = "shared")]
    pub(crate) fn to_text(self) -> String {
        match self {
            Self::Fresh => "fresh".to_owned(),
            Self::Late(why) => format!("late {}", why.as_str()),
            Self::Stale(why) => format!("stale {}", why.as_str()),
        }
    }

    /// What another one told; `None` if that is not known here.
    #[cfg(feature = "shared")]
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let why = |name: &str| Why::ALL.into_iter().find(|why| why.as_str() == name);
        match text.split_once(' ') {
            None => (text == "fresh").then_some(Self::Fresh),
            Some(("late", name)) => why(name).map(Self::Late),
            Some(("stale", name)) => why(name).map(Self::Stale),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn who_has_not_seen_for_three_seconds_what_others_write_is_cut_off_whatever_was_told() {
        let company = Company {
            followed: Some(secs(10)),
            told: Some(Freshness::Fresh),
        };
        let own = Freshness::Late(Why::Silent);
        assert_eq!(company.freshness(own, secs(12)), Freshness::Fresh);
        let cut_off = Freshness::Stale(Why::CutOff);
        assert_eq!(company.freshness(own, secs(13)), cut_off);
    }

    #[test]
    fn who_is_alone_goes_by_what_it_has_heard() {
        let own = Freshness::Late(Why::Gap);
        assert_eq!(Company::default().freshness(own, secs(1_000_000)), own);
    }

    #[cfg(feature = "shared")]
    #[test]
    fn what_is_told_is_understood() {
        let all = Why::ALL.map(|why| [Freshness::Late(why), Freshness::Stale(why)]);
        for told in all.into_iter().flatten().chain([Freshness::Fresh]) {
            assert_eq!(Freshness::from_text(&told.to_text()), Some(told));
        }
        assert_eq!(Freshness::from_text("stale"), None);
    }
}

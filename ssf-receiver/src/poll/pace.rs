//! When to poll again: a pure function of what the last polls came to.
//!
//! `moreAvailable` (RFC 8936 §2.3) needs no rule of its own. After an answer of which a SET was settled the next poll goes
//! out at once in any case, because it brings the acknowledgement; and where nothing was, asking at once would ask for the
//! same SETs in circles, whatever the Transmitter says.

use std::time::Duration;

use ssf_types::poll::PollRequest;

/// Wait after the first poll that failed, and after an answer that came at once with nothing; it doubles with each further
/// failure.
pub(crate) const WAIT_MIN: Duration = Duration::from_secs(1);

/// Longest wait after a poll that failed: what happens meanwhile takes effect so much later.
const FAILURE_WAIT_MAX: Duration = Duration::from_mins(1);

/// Longest wait after SETs of which none could be settled. Those behind them wait as well, so it is short; a Transmitter
/// that pushes is told to wait as long ([`RETRY_AFTER`](crate::keys::RETRY_AFTER)).
const UNSETTLED_WAIT_MAX: Duration = Duration::from_secs(5);

/// What became of the SETs of an answer.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Page {
    /// How many were taken, or refused for good.
    pub(crate) settled: usize,
    /// How many stay with the Transmitter.
    pub(crate) unsettled: usize,
}

/// How often in a row polls came to nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    failed: u32,
    unsettled: u32,
}

impl Pace {
    /// How long to wait after an answer that took so long; `jitter` is in `0.0..1.0`.
    ///
    /// Not at all, unless the answer brought nothing that was settled: then a second if it came at once although it might
    /// have waited for a SET, and up to five if it brought SETs that stay where they are.
    pub(crate) fn after_answer(
        &mut self,
        request: &PollRequest,
        page: Page,
        took: Duration,
        jitter: f64,
    ) -> Duration {
        self.failed = 0;
        if page.settled > 0 {
            self.unsettled = 0;
            return Duration::ZERO;
        }
        if page.unsettled > 0 {
            self.unsettled = self.unsettled.saturating_add(1);
            return backoff(self.unsettled, UNSETTLED_WAIT_MAX, jitter);
        }
        self.unsettled = 0;
        if request.waits() && took < WAIT_MIN {
            return WAIT_MIN;
        }
        Duration::ZERO
    }

    /// How long to wait after a poll that failed: 1 s, doubling up to 1 min, less up to a half by `jitter` in `0.0..1.0`;
    /// as long as the Transmitter asks for, where that is longer, but a minute at most.
    pub(crate) fn after_failure(&mut self, retry_after: Option<Duration>, jitter: f64) -> Duration {
        self.failed = self.failed.saturating_add(1);
        let asked = retry_after.unwrap_or_default().min(FAILURE_WAIT_MAX);
        backoff(self.failed, FAILURE_WAIT_MAX, jitter).max(asked)
    }
}

/// The wait after so many times in a row, at least one.
fn backoff(times: u32, max: Duration, jitter: f64) -> Duration {
    // Two to the tenth is beyond any limit here.
    let doublings = times.saturating_sub(1).min(10);
    let wait = (WAIT_MIN * 2_u32.pow(doublings)).min(max);
    wait.mul_f64(1.0 - jitter / 2.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HALF_A_MINUTE: Duration = Duration::from_secs(30);
    const NOTHING: Page = Page {
        settled: 0,
        unsettled: 0,
    };
    const UNSETTLED: Page = Page {
        settled: 0,
        unsettled: 7,
    };

    fn waiting() -> PollRequest {
        PollRequest::default()
    }

    fn at_once() -> PollRequest {
        PollRequest::parse(br#"{"returnImmediately":true}"#).unwrap()
    }

    fn seconds(waits: impl IntoIterator<Item = Duration>) -> Vec<f64> {
        waits.into_iter().map(|wait| wait.as_secs_f64()).collect()
    }

    #[test]
    fn failures_wait_a_second_and_then_twice_as_long_up_to_a_minute() {
        let mut pace = Pace::default();
        let waits = (0..8).map(|_| pace.after_failure(None, 0.0));
        assert_eq!(seconds(waits), [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]);
        pace.after_answer(&waiting(), NOTHING, HALF_A_MINUTE, 0.0);
        assert_eq!(seconds([pace.after_failure(None, 0.0)]), [1.0]);
    }

    #[test]
    fn chance_takes_up_to_half_of_a_wait() {
        let mut pace = Pace::default();
        assert_eq!(seconds([pace.after_failure(None, 0.5)]), [0.75]);
    }

    #[test]
    fn a_transmitter_that_wants_to_be_left_alone_is_for_a_minute_at_most() {
        let mut pace = Pace::default();
        let asked = [Some(20), Some(3600), Some(1)].map(|s| s.map(Duration::from_secs));
        let waits = asked.map(|retry_after| pace.after_failure(retry_after, 0.0));
        assert_eq!(seconds(waits), [20.0, 60.0, 4.0]);
    }

    #[test]
    fn an_answer_with_a_set_that_was_settled_is_followed_at_once() {
        let mut pace = Pace::default();
        let one_settled = Page {
            settled: 1,
            unsettled: 99,
        };
        let wait = pace.after_answer(&waiting(), one_settled, Duration::ZERO, 0.0);
        assert_eq!(wait, Duration::ZERO);
    }

    #[test]
    fn an_answer_with_nothing_is_followed_at_once_only_if_it_was_waited_for_or_was_to_come_at_once()
    {
        let mut pace = Pace::default();
        let mut wait = |request, took| pace.after_answer(&request, NOTHING, took, 0.9);
        assert_eq!(wait(waiting(), HALF_A_MINUTE), Duration::ZERO);
        assert_eq!(wait(at_once(), Duration::ZERO), Duration::ZERO);
        assert_eq!(
            wait(waiting(), Duration::from_millis(5)),
            Duration::from_secs(1)
        );
    }

    #[test]
    fn answers_of_which_nothing_can_be_settled_wait_up_to_five_seconds() {
        let mut pace = Pace::default();
        let mut after = |page| pace.after_answer(&waiting(), page, HALF_A_MINUTE, 0.0);
        let waits = [(); 5].map(|()| after(UNSETTLED));
        assert_eq!(seconds(waits), [1.0, 2.0, 4.0, 5.0, 5.0]);
        after(NOTHING);
        assert_eq!(seconds([after(UNSETTLED)]), [1.0]);
    }

    proptest! {
        #[test]
        fn whatever_comes_two_polls_that_settle_nothing_are_half_a_second_apart(
            steps in prop::collection::vec((any::<bool>(), 0..3_usize, 0.0..1.0_f64), 1..60),
        ) {
            let mut pace = Pace::default();
            for (fails, unsettled, jitter) in steps {
                let page = Page { settled: 0, unsettled };
                let wait = if fails {
                    pace.after_failure(None, jitter)
                } else {
                    pace.after_answer(&waiting(), page, Duration::ZERO, jitter)
                };
                prop_assert!(wait >= Duration::from_millis(500) && wait <= Duration::from_mins(1));
            }
        }
    }
}

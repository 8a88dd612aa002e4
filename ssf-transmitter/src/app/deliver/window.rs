//! How many attempts may be under way on a stream, and when it rests.

use std::time::Duration;

use ssf_types::{push::PushOutcome, time::Timestamp};

use super::{DeliverySettings, Ended};
use crate::{domain::retry::RetryPolicy, ports::Resume};

/// How wide the window is, and how the Receiver has answered lately.
pub(super) struct Window {
    pub(super) width: usize,
    width_max: usize,
    failures_max: u32,
    failures_left: u32,
    rests_before: u32,
    retry_after: Option<Duration>,
}

impl Window {
    /// The window for a stream that has rested so often in a row.
    pub(super) fn new(rests_before: u32, settings: &DeliverySettings) -> Self {
        let failures_max = settings.failures_max.max(1);
        // A stream that has rested gets one question; its answer decides.
        let failures_left = if rests_before == 0 { failures_max } else { 1 };
        Self {
            width: 1,
            width_max: settings.window_max.max(1),
            failures_max,
            failures_left,
            rests_before,
            retry_after: None,
        }
    }

    /// Whether no further attempt may begin for now.
    pub(super) fn rests(&self) -> bool {
        self.failures_left == 0
    }

    /// Opens or closes with the end of an attempt.
    pub(super) fn learn(&mut self, ended: &Ended) {
        match ended {
            Ended::Answered(_, state) if state.is_settled() => {
                self.width = (self.width * 2).min(self.width_max);
                self.failures_left = self.failures_max;
                self.rests_before = 0;
            }
            Ended::Answered(PushOutcome::Busy { retry_after, .. }, _) => {
                self.width = 1;
                self.failures_left = 0;
                self.retry_after = (*retry_after).max(self.retry_after);
            }
            Ended::Answered(..) => {
                self.width = 1;
                self.failures_left = self.failures_left.saturating_sub(1);
            }
            Ended::NotSigned => self.failures_left = 0,
        }
    }

    /// When work on the stream may go on.
    pub(super) fn resume(&self, now: Timestamp, retry: &RetryPolicy, jitter: f64) -> Resume {
        if !self.rests() {
            return Resume {
                failures: self.rests_before,
                not_before: now,
            };
        }
        let failures = self.rests_before.saturating_add(1);
        Resume {
            failures,
            not_before: now.after(retry.delay(failures, self.retry_after, jitter)),
        }
    }
}

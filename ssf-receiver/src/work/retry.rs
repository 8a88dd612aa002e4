//! When a handler that failed is called again.

use std::time::Duration;

/// So often a handler is called with a SET before it is a dead letter: over three hours and a half.
pub const ATTEMPTS_MAX: u32 = 10;

const DELAY_MIN: Duration = Duration::from_secs(1);
const DELAY_MAX: Duration = Duration::from_hours(1);

/// How long to wait after the handler has failed so often, the last time included; `None` if it is not called any more.
///
/// Four times as long each time. No jitter: the handler is asked by nobody else.
pub(super) fn delay(failed: u32) -> Option<Duration> {
    if failed >= ATTEMPTS_MAX {
        return None;
    }
    let doublings = 2 * failed.saturating_sub(1).min(15);
    Some(DELAY_MIN.saturating_mul(1 << doublings).min(DELAY_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_calls_take_some_hours() {
        let delays: Vec<u64> = (1..)
            .map_while(delay)
            .map(|delay| delay.as_secs())
            .collect();
        assert_eq!(delays, [1, 4, 16, 64, 256, 1024, 3600, 3600, 3600]);
        assert_eq!(delay(u32::MAX), None);
    }
}

//! When a stream is stopped because its Receiver shows no sign of life (SSF 1.0 §8.1.1).

use std::time::Duration;

use ssf_types::time::Timestamp;

/// Longest time for which activity goes unnoted after some was noted: each note is a write.
const UNNOTED_MAX: Duration = Duration::from_mins(1);

/// How long activity need not be noted again: a tenth of the timeout, or a minute, whichever is less.
///
/// What is stored may be behind by twice as much, since one node does not see at once what another has noted;
/// [`is_idle`] adds that.
pub fn unnoted(timeout: Duration) -> Duration {
    (timeout / 10).min(UNNOTED_MAX)
}

/// Whether the Receiver of a stream has done nothing for longer than `timeout`, given when activity was last noted.
///
/// Activity is a management request that names the stream, and a poll; that a push is acknowledged is none. Where nothing
/// is known, the time begins now.
pub fn is_idle(active_at: Option<Timestamp>, timeout: Duration, now: Timestamp) -> bool {
    active_at.is_some_and(|at| at <= noted_until(timeout, now))
}

/// The latest note of activity with which a stream is idle.
pub fn noted_until(timeout: Duration, now: Timestamp) -> Timestamp {
    let longest = timeout + 2 * unnoted(timeout);
    let millis = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
    Timestamp::from_millis(now.as_millis().saturating_sub(millis))
}

/// The reason that the Receiver is told.
pub fn reason(timeout: Duration) -> String {
    let seconds = timeout.as_secs();
    format!("the receiver has shown no activity for {seconds} s; enable the stream to go on")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn a_stream_is_never_stopped_before_its_time() {
        let noted = Timestamp::from_secs(1_000_000);
        let idle =
            |seconds: u64| is_idle(Some(noted), HOUR, Timestamp::from_secs(1_000_000 + seconds));
        // Activity up to two minutes later may have gone unnoted.
        assert!(!idle(3600));
        assert!(!idle(3719));
        assert!(idle(3720));
    }

    #[test]
    fn where_nothing_is_known_nothing_is_stopped() {
        assert!(!is_idle(
            None,
            HOUR,
            Timestamp::from_secs(u64::from(u32::MAX))
        ));
    }

    #[test]
    fn notes_are_rare_and_fine_enough() {
        assert_eq!(unnoted(HOUR), Duration::from_mins(1));
        assert_eq!(unnoted(Duration::from_secs(20)), Duration::from_secs(2));
    }

    #[test]
    fn a_clock_near_zero_is_no_trouble() {
        assert!(!is_idle(
            Some(Timestamp::from_secs(5)),
            HOUR,
            Timestamp::from_secs(6)
        ));
    }

    #[test]
    fn the_reason_says_what_to_do() {
        assert_eq!(
            reason(HOUR),
            "the receiver has shown no activity for 3600 s; enable the stream to go on"
        );
    }
}

//! `Retry-After`: seconds, or a date (RFC 9110 §10.2.3).

use std::time::{Duration, SystemTime};

use crate::time::Timestamp;

/// Longest wait that a peer can ask for: an hour. Who asks for more is asked again after it, so that no answer can
/// silence a stream.
pub const RETRY_AFTER_MAX: Duration = Duration::from_hours(1);

/// How long a `Retry-After` asks to wait at `now`, at most [`RETRY_AFTER_MAX`]; `None` for a value that is neither seconds
/// nor a date.
///
/// Dates are read in the three forms of RFC 9110 §5.6.7; one that has passed means no wait.
pub fn read(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim_ascii();
    let wait = match seconds(value) {
        Some(wait) => wait,
        None => moment(value)?.since(now),
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

/// `delay-seconds`: digits alone. A number that is too large for us is a long wait all the same.
fn seconds(value: &str) -> Option<Duration> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| Duration::from_secs(value.parse().unwrap_or(u64::MAX)))
}

fn moment(value: &str) -> Option<Timestamp> {
    let date = httpdate::parse_http_date(value).ok()?;
    let since_epoch = date.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(Timestamp::from_secs(since_epoch.as_secs()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sun, 06 Nov 1994 08:48:37 GMT.
    const NOW: Timestamp = Timestamp::from_secs(784_111_717);

    fn wait(value: &str) -> Option<u64> {
        read(value, NOW).map(|wait| wait.as_secs())
    }

    #[test]
    fn digits_are_seconds() {
        assert_eq!(wait("120"), Some(120));
        assert_eq!(wait(" 0 "), Some(0));
    }

    #[test]
    fn all_three_forms_of_a_date_are_read() {
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT"), Some(60));
        assert_eq!(wait("Sunday, 06-Nov-94 08:49:37 GMT"), Some(60));
        assert_eq!(wait("Sun Nov  6 08:49:37 1994"), Some(60));
    }

    #[test]
    fn a_date_that_has_passed_means_no_wait() {
        assert_eq!(wait("Sun, 06 Nov 1994 08:48:36 GMT"), Some(0));
    }

    #[test]
    fn no_wait_is_longer_than_an_hour() {
        assert_eq!(wait("3600"), Some(3600));
        assert_eq!(wait("3601"), Some(3600));
        assert_eq!(wait("99999999999999999999999999"), Some(3600));
        assert_eq!(wait("Fri, 31 Dec 1999 23:59:59 GMT"), Some(3600));
    }

    #[test]
    fn anything_else_is_no_wait_that_could_be_known() {
        for value in [
            "",
            "soon",
            "-1",
            "+5",
            "1.5",
            "1e3",
            "Sun, 06 Nov 1994 08:49:37 CET",
        ] {
            assert_eq!(wait(value), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_value_takes_more_than_an_hour(value in "\\PC{0,40}", now: u64) {
            let wait = read(&value, Timestamp::from_secs(now));
            prop_assert!(wait.is_none_or(|wait| wait <= RETRY_AFTER_MAX));
        }
    }
}

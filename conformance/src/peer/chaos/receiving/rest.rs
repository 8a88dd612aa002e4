//! How long a transmitter wants to be left alone (RFC 9110 §10.2.3).

use std::time::{Duration, SystemTime};

use crate::exchange::Answer;

/// The pause where it does not say.
pub(super) const PAUSE: Duration = Duration::from_millis(200);

/// The pause that an answer at this moment asks for, in seconds or until a date.
pub(super) fn pause_after(answer: &Answer, now: SystemTime) -> Duration {
    let told = answer.header("retry-after").next().map(str::trim);
    let told = told.and_then(|told| match told.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => httpdate::parse_http_date(told)
            .ok()?
            .duration_since(now)
            .ok(),
    });
    told.map_or(PAUSE, |told| told.max(PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(told: Option<&str>) -> Duration {
        let now = httpdate::parse_http_date("Fri, 07 Nov 2025 12:00:00 GMT").unwrap();
        let header = told.map(|told| ("retry-after".to_owned(), told.to_owned()));
        let answer = Answer {
            status: 429,
            headers: header.into_iter().collect(),
            ..Answer::default()
        };
        pause_after(&answer, now)
    }

    #[test]
    fn seconds_and_dates_are_waited_for_however_long() {
        assert_eq!(pause(Some("2")), Duration::from_secs(2));
        assert_eq!(pause(Some("3600")), Duration::from_hours(1));
        let date = "Fri, 07 Nov 2025 12:01:30 GMT";
        assert_eq!(pause(Some(date)), Duration::from_secs(90));
    }

    #[test]
    fn what_says_nothing_is_asked_again_after_a_moment() {
        let past = "Fri, 07 Nov 2025 11:00:00 GMT";
        for told in [None, Some("soon"), Some("0"), Some("-1"), Some(past)] {
            assert_eq!(pause(told), PAUSE, "{told:?}");
        }
    }
}

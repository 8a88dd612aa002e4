//! How long things are kept.

use std::time::Duration;

use super::layers::Reader;
use crate::domain::retention::Retention;

/// How long a delivery stays pending by default, in days.
const RETENTION_DEFAULT: u64 = 30;

/// How long what has ended is to be seen by default, in days.
const HISTORY_DEFAULT: u64 = 90;

/// Longest of both, in days: ten years.
const DAYS_MAX: u64 = 3650;

/// Reads both.
pub(super) fn read(reader: &mut Reader) -> Option<Retention> {
    let pending = reader.number("retention_days", RETENTION_DEFAULT, 1..=DAYS_MAX);
    let history = reader.number("history_days", HISTORY_DEFAULT, 1..=DAYS_MAX);
    let days = |days: u64| Duration::from_hours(24 * days);
    Some(Retention::new(days(pending?), days(history?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const DAY: Duration = Duration::from_hours(24);

    fn retention(file: &str) -> Result<Retention, String> {
        Config::of_file(file).map(|config| config.retention)
    }

    #[test]
    fn what_waits_is_kept_for_a_month_and_what_has_ended_for_three() {
        assert_eq!(retention(""), Ok(Retention::new(30 * DAY, 90 * DAY)));
        let text = "retention_days = 1\nhistory_days = 3650";
        assert_eq!(retention(text), Ok(Retention::new(DAY, 3650 * DAY)));
    }

    #[test]
    fn nothing_is_kept_for_no_time_or_for_ever() {
        for file in [
            "retention_days = 0",
            "history_days = 0",
            "history_days = 3651",
        ] {
            let refused = retention(file).unwrap_err();
            assert_eq!(refused, "must be a whole number from 1 to 3650", "{file}");
        }
    }
}

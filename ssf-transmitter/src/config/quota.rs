//! What sources may hand in that have no quota of their own.

use super::layers::Reader;
use crate::domain::{
    pace::Pace,
    quota::{BACKLOG_MAX, EVENTS_PER_SECOND_MAX, Quota},
};

/// How many events a second by default: more than one machine makes durable.
const EVENTS_PER_SECOND_DEFAULT: u64 = 10_000;

/// How much may wait by default: a few gigabytes of disk.
const BACKLOG_DEFAULT: u64 = 10_000_000;

/// Reads both.
pub(super) fn read(reader: &mut Reader) -> Option<Quota> {
    let key = "source_events_per_second";
    let pace = reader.number(key, EVENTS_PER_SECOND_DEFAULT, 1..=EVENTS_PER_SECOND_MAX);
    let backlog = reader.number("source_backlog_max", BACKLOG_DEFAULT, 1..=BACKLOG_MAX);
    Some(Quota {
        pace: Pace::per_second(pace?),
        backlog_max: backlog?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn quota(file: &str) -> Result<Quota, String> {
        Config::of_file(file).map(|config| config.source_quota)
    }

    #[test]
    fn a_source_may_hand_in_much_unless_it_is_told_otherwise() {
        let standard = quota("").unwrap();
        assert_eq!(
            (standard.pace.pieces(), standard.backlog_max),
            (10_000, 10_000_000)
        );
        let told = quota("source_events_per_second = 5\nsource_backlog_max = 7").unwrap();
        assert_eq!((told.pace.pieces(), told.backlog_max), (5, 7));
    }

    #[test]
    fn a_quota_is_neither_nothing_nor_without_end() {
        for (file, refused) in [
            (
                "source_events_per_second = 0",
                "must be a whole number from 1 to 1000000",
            ),
            (
                "source_events_per_second = 1000001",
                "must be a whole number from 1 to 1000000",
            ),
            (
                "source_backlog_max = 0",
                "must be a whole number from 1 to 1000000000",
            ),
            (
                "source_backlog_max = 1000000001",
                "must be a whole number from 1 to 1000000000",
            ),
        ] {
            assert_eq!(quota(file), Err(refused.to_owned()), "{file}");
        }
    }
}

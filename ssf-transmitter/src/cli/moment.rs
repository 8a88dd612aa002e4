//! A moment as people read and write it.

use std::{str::FromStr, time::Duration};

use ssf_types::time::{Rfc3339, Timestamp};

const DAY_SECONDS: u64 = 86_400;

/// A moment as it is written: RFC 3339 in UTC and whole seconds, or so long ago, as in `90m`: a number of `s`, `m`, `h` or
/// `d`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum When {
    At(Timestamp),
    Ago(Duration),
}

/// The text is no moment.
#[derive(Debug, thiserror::Error)]
#[error("a moment is written as 2027-01-15T08:00:00Z, or as 90s, 90m, 12h or 3d for so long ago")]
pub(super) struct NoMoment;

impl When {
    /// The moment that is meant at `now`.
    pub(super) fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(moment) => moment,
            Self::Ago(duration) => now.before(duration),
        }
    }
}

impl FromStr for When {
    type Err = NoMoment;

    fn from_str(text: &str) -> Result<Self, NoMoment> {
        for (unit, seconds) in [("s", 1), ("m", 60), ("h", 3600), ("d", DAY_SECONDS)] {
            if let Some(number) = text.strip_suffix(unit) {
                let number: u64 = number.parse().map_err(|_| NoMoment)?;
                let seconds = number.checked_mul(seconds).ok_or(NoMoment)?;
                return Ok(Self::Ago(Duration::from_secs(seconds)));
            }
        }
        at(text).map(Self::At).ok_or(NoMoment)
    }
}

/// Seconds since 1970, with their fraction.
pub(super) fn epoch(moment: Timestamp) -> String {
    let millis = moment.as_millis();
    format!("{}.{:03}", millis / 1000, millis % 1000)
}

/// Reads what [`Rfc3339`] writes.
fn at(text: &str) -> Option<Timestamp> {
    let (days, time) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = numbers(days, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    // Counted from March, so that the day that is sometimes missing is the last one of a year.
    let (year_from_march, month_from_march) = if month > 2 {
        (year, month - 3)
    } else {
        (year.checked_sub(1)?, month + 9)
    };
    let leap_days = year_from_march / 4 - year_from_march / 100 + year_from_march / 400;
    let days = year_from_march * 365 + leap_days + (153 * month_from_march + 2) / 5 + day;
    let seconds = days.checked_sub(719_469)? * DAY_SECONDS + hour * 3600 + minute * 60 + second;
    let moment = Timestamp::from_secs(seconds);
    // A day or an hour that there is not is written otherwise.
    (Rfc3339(moment).to_string() == text).then_some(moment)
}

fn numbers(text: &str, between: char) -> Option<[u64; 3]> {
    let numbers: Vec<u64> = text
        .split(between)
        .map(|part| part.parse().ok().filter(|_| part.len() <= 4))
        .collect::<Option<_>>()?;
    let numbers: [u64; 3] = numbers.try_into().ok()?;
    let [_, month_or_minute, _] = numbers;
    (month_or_minute < 100).then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_as_it_is_written_and_nothing_else_is() {
        for seconds in [0, 951_782_400, 951_868_800, 1_800_000_000, 4_107_542_400] {
            let moment = Timestamp::from_secs(seconds);
            let read = Rfc3339(moment).to_string().parse::<When>();
            assert_eq!(read.unwrap(), When::At(moment));
        }
        for text in [
            "",
            "now",
            "h",
            "-1h",
            "2027-01-15",
            "2027-02-29T00:00:00Z",
            "2027-13-01T00:00:00Z",
            "2027-00-01T00:00:00Z",
            "2027-01-15T24:00:00Z",
            "2027-01-15T08:00:00+01:00",
            "1969-12-31T23:59:59Z",
            "99999999999999999999d",
        ] {
            assert!(text.parse::<When>().is_err(), "{text}");
        }
    }

    #[test]
    fn so_long_ago_is_counted_from_now() {
        let now = Timestamp::from_secs(100_000);
        for (text, expected) in [
            ("90s", 99_910),
            ("90m", 94_600),
            ("2h", 92_800),
            ("1d", 13_600),
        ] {
            let when: When = text.parse().unwrap();
            assert_eq!(when.before(now), Timestamp::from_secs(expected), "{text}");
        }
        assert_eq!(epoch(Timestamp::from_millis(1_005)), "1.005");
    }
}

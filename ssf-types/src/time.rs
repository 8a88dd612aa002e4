//! Moments: `NumericDate` on the wire, milliseconds in memory.

mod rfc3339;

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use self::rfc3339::Rfc3339;

/// The last moment that is accepted, in milliseconds: 2^42 seconds are the most of which an `f64`, which JSON readers
/// make of a fraction, keeps every millisecond.
///
/// As seconds it has 13 digits, so that a date which a peer wrote in milliseconds by mistake is still read (until the
/// year 2109), as a far future, and can be recognised.
const MILLIS_MAX: i64 = (1 << 42) * 1000 - 1;

/// A moment, counted from 1970-01-01T00:00:00Z.
///
/// On the wire it is a `NumericDate`: a JSON number of seconds, perhaps with a fraction (RFC 7519 §2). It is written
/// as a whole number where it is one. Negative numbers, numbers of 2^42 or more, and strings are refused.
///
/// ```
/// # use ssf_types::time::Timestamp;
/// let moment: Timestamp = serde_json::from_str("1615304991.643")?;
/// assert_eq!(moment.as_millis(), 1_615_304_991_643);
/// assert_eq!(serde_json::to_string(&moment.whole_seconds())?, "1615304991");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment `seconds` after the epoch, or the last one that is accepted.
    pub const fn from_secs(seconds: u64) -> Self {
        Self::from_millis(seconds.saturating_mul(1000))
    }

    /// The moment `millis` milliseconds after the epoch, or the last one that is accepted.
    pub const fn from_millis(millis: u64) -> Self {
        if millis > MILLIS_MAX.unsigned_abs() {
            Self(MILLIS_MAX)
        } else {
            Self(millis.cast_signed())
        }
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_secs(self) -> u64 {
        self.0.unsigned_abs() / 1000
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> u64 {
        self.0.unsigned_abs()
    }

    /// This moment without its fraction of a second: what an `iat` may say, never later than the truth.
    #[must_use]
    pub const fn whole_seconds(self) -> Self {
        Self(self.0 - self.0 % 1000)
    }

    /// The moment `duration` later.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self::from_millis(self.as_millis().saturating_add(millis))
    }

    /// The moment `duration` earlier, or the epoch.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self::from_millis(self.as_millis().saturating_sub(millis))
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.as_millis().saturating_sub(earlier.as_millis()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 % 1000 {
            0 => write!(f, "{}", self.0 / 1000),
            fraction => write!(f, "{}.{fraction:03}", self.0 / 1000),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 % 1000 == 0 {
            return serializer.serialize_i64(self.0 / 1000);
        }
        // Below 2^42 seconds, so that the nearest f64 gives the same millisecond again.
        #[expect(
            clippy::cast_precision_loss,
            reason = "no moment reaches 2^53 milliseconds"
        )]
        serializer.serialize_f64(self.0 as f64 / 1000.0)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Asked for anything, serde_json hands out no numbers if another crate turns on its `arbitrary_precision`.
        deserializer.deserialize_f64(NumericDate)
    }
}

struct NumericDate;

impl de::Visitor<'_> for NumericDate {
    type Value = Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of seconds since 1970")
    }

    fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Timestamp, E> {
        seconds
            .checked_mul(1000)
            .filter(|millis| *millis <= MILLIS_MAX.unsigned_abs())
            .map(Timestamp::from_millis)
            .ok_or_else(|| E::custom("out of range"))
    }

    fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Timestamp, E> {
        let millis = (seconds * 1000.0).round();
        #[expect(
            clippy::cast_precision_loss,
            reason = "no moment reaches 2^53 milliseconds"
        )]
        if seconds < 0.0 || !(0.0..=MILLIS_MAX as f64).contains(&millis) {
            return Err(E::custom("out of range"));
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "rounded, and within 0..=MILLIS_MAX"
        )]
        Ok(Timestamp(millis as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_seconds_are_written_as_a_whole_number() {
        let moment: Timestamp = serde_json::from_str("1615305159").unwrap();
        assert_eq!(serde_json::to_string(&moment).unwrap(), "1615305159");
    }

    #[test]
    fn a_fraction_survives_a_round_trip() {
        let moment: Timestamp = serde_json::from_str("1615304991.643").unwrap();
        assert_eq!(moment.as_millis(), 1_615_304_991_643);
        assert_eq!(serde_json::to_string(&moment).unwrap(), "1615304991.643");
    }

    #[test]
    fn a_string_is_not_a_numeric_date() {
        assert!(serde_json::from_str::<Timestamp>(r#""1615305159""#).is_err());
    }

    #[test]
    fn moments_before_1970_and_beyond_2_to_the_42_seconds_are_refused() {
        assert!(serde_json::from_str::<Timestamp>("-1").is_err());
        assert!(serde_json::from_str::<Timestamp>("-0.5").is_err());
        assert!(serde_json::from_str::<Timestamp>("-0.0001").is_err());
        assert!(serde_json::from_str::<Timestamp>("4398046511104").is_err());
        assert!(serde_json::from_str::<Timestamp>("1e300").is_err());
    }

    #[test]
    fn milliseconds_in_the_place_of_seconds_are_read_as_a_far_future() {
        let moment: Timestamp = serde_json::from_str("1615304991643").unwrap();
        assert_eq!(moment.as_secs(), 1_615_304_991_643);
    }

    proptest::proptest! {
        #[test]
        fn every_millisecond_survives_a_round_trip(millis in 0..=MILLIS_MAX.unsigned_abs()) {
            let written = serde_json::to_string(&Timestamp::from_millis(millis)).unwrap();
            let read: Timestamp = serde_json::from_str(&written).unwrap();
            proptest::prop_assert_eq!(read.as_millis(), millis);
        }
    }

    #[test]
    fn arithmetic_stops_at_the_ends() {
        assert_eq!(
            Timestamp::from_secs(5).before(Duration::from_secs(9)),
            Timestamp::from_secs(0)
        );
        assert_eq!(
            Timestamp::from_secs(u64::MAX).after(Duration::from_secs(1)),
            Timestamp(MILLIS_MAX)
        );
        assert_eq!(
            Timestamp::from_secs(5).since(Timestamp::from_secs(9)),
            Duration::ZERO
        );
    }
}

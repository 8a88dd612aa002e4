//! Numbers on the SETs of a stream, by which a Receiver notices what it lacks: an extension of SSF 1.0, which has none.

use std::ops::RangeInclusive;

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::SetClaims;
use crate::{
    id::Epoch,
    json::{Extra, JsonError, Members},
};

/// Greatest number: the greatest whole number that every JSON reader keeps exactly.
pub const SEQ_MAX: u64 = (1 << 53) - 1;

/// Most ranges of one account, which then has at most 4 KiB: a SET stays far below its limit.
pub const RANGES_MAX: usize = 100;

const NUMBER: &str = "a whole number from 1 to 9007199254740991";
const NUMBER_OR_NONE: &str = "a whole number from 0 to 9007199254740991";
pub(super) const RANGES: &str =
    "at most 100 pairs of a first and a last number, in ascending order and apart from each other";
const WITH_THROUGH: &str = "absent where through is";

/// The place of a SET among those of its stream.
///
/// On the wire it is the claim `set_sequence`, `{"epoch":"f67e39a0","seq":17}`, in the SETs of streams that were created with
/// the member `"set_sequence": true`, which may be asked for where the metadata has `"set_sequence_supported": true`. In
/// verifications it is also an [`Account`] of the numbers before.
///
/// ```
/// use ssf_types::{json::Members, set::Sequence};
///
/// let claims = r#"{"set_sequence":{"epoch":"f67e39a0","seq":17,"through":16,"undelivered":[[3,3],[7,9]]}}"#;
/// let sequence = Sequence::among(&Members::parse(claims)?.rest())?.ok_or("the stream has no numbers")?;
/// let account = sequence.account.ok_or("it is no verification")?;
/// assert!(account.is_owed(2));
/// assert!(!account.is_owed(8) && !account.is_owed(17));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Sequence {
    /// Names the run of numbers. Numbers of different epochs have nothing to do with each other: the stream was made
    /// anew, or the Transmitter went back to an earlier state, and knows nothing of what it has sent since.
    pub epoch: Epoch,
    /// The number of the SET: from 1 to [`SEQ_MAX`], one more than that of the SET before, the same in every attempt.
    pub seq: u64,
    /// What became of the numbers before; in verifications alone.
    pub account: Option<Account>,
}

/// What has become of the numbers of a stream up to one.
///
/// On the wire `"through":16,"undelivered":[[3,3],[7,9]],"told_after":2` beside `epoch` and `seq`. `undelivered` is absent if there are
/// none, and `told_after` if it is 0.
///
/// It may say less than an earlier one: a number that ended undelivered is pending again when the Transmitter sends that SET
/// once more, and is then above `through`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Account {
    through: u64,
    undelivered: Vec<RangeInclusive<u64>>,
    told_after: u64,
}

impl Sequence {
    /// The claim's name, and that of the member with which a stream is asked for whose SETs have it.
    pub const NAME: &'static str = "set_sequence";

    /// The member of the metadata that is `true` where streams may ask for numbers.
    pub const SUPPORTED: &'static str = "set_sequence_supported";

    /// Numbers a SET that gives no account.
    pub fn new(epoch: Epoch, seq: u64) -> Self {
        Self {
            epoch,
            seq,
            account: None,
        }
    }

    /// Reads the claim among those that no specification defines; `None` if it is not there.
    ///
    /// Members that are not defined here are ignored: a Receiver that does not know them loses nothing.
    ///
    /// # Errors
    /// Names the faulty member. The SET itself is none the worse for it.
    pub fn among(extra: &Extra) -> Result<Option<Self>, JsonError> {
        let Some(json) = extra.json(Self::NAME) else {
            return Ok(None);
        };
        let read = Self::read(json);
        read.map(Some).map_err(|error| error.within(Self::NAME))
    }

    fn read(json: &str) -> Result<Self, JsonError> {
        let mut members = Members::parse(json)?;
        let epoch = "a string of 1 to 255 bytes without control characters";
        let epoch = members.required("epoch", epoch)?;
        let seq = number(&mut members, "seq", NUMBER)?;
        let seq = seq.ok_or_else(|| JsonError::Missing { path: "seq".into() })?;
        if seq == 0 {
            return Err(JsonError::invalid("seq", NUMBER));
        }
        let account = Account::take(&mut members)?;
        if account.as_ref().is_some_and(|told| told.through >= seq) {
            return Err(JsonError::invalid("through", "less than seq"));
        }
        Ok(Self {
            epoch,
            seq,
            account,
        })
    }
}

impl SetClaims {
    /// Puts the SET in its place among those of its stream.
    ///
    /// # Panics
    /// Never: it is written as an object of numbers and text.
    #[expect(
        clippy::expect_used,
        reason = "an object whose names are text is always written"
    )]
    pub fn number(&mut self, sequence: &Sequence) {
        let put = self.extra.put(Sequence::NAME, sequence);
        put.expect("it is an object of numbers and text");
    }
}

impl Account {
    /// Accounts for the numbers from `told_after` (exclusive) to `through`: all of them arrived but those that are given, the
    /// greatest first.
    ///
    /// Where they have more than [`RANGES_MAX`] ranges, nothing is told of those that are left over, nor of any
    /// number below them.
    pub fn new(through: u64, told_after: u64, undelivered: impl IntoIterator<Item = u64>) -> Self {
        let mut account = Self {
            through,
            undelivered: Vec::new(),
            told_after,
        };
        let mut ranges: Vec<RangeInclusive<u64>> = Vec::new();
        let told = undelivered.into_iter();
        for number in told.filter(|number| (told_after + 1..=through).contains(number)) {
            let room = RANGES_MAX - ranges.len();
            match ranges.last_mut() {
                Some(range) if *range.start() == number + 1 => *range = number..=*range.end(),
                Some(_) if room == 0 => {
                    account.told_after = number;
                    break;
                }
                Some(_) | None => ranges.push(number..=number),
            }
        }
        ranges.reverse();
        account.undelivered = ranges;
        account
    }

    /// Nothing at or below this number is pending: each of them has arrived, unless it is [undelivered](Self::undelivered).
    pub fn through(&self) -> u64 {
        self.through
    }

    /// The numbers that the Transmitter has given up: the Receiver refused them, or they were dropped. Ascending, at most
    /// [`RANGES_MAX`] ranges, none of which touches another.
    pub fn undelivered(&self) -> &[RangeInclusive<u64>] {
        &self.undelivered
    }

    /// Nothing is told of this number and those below it: whether they arrived has to be found out otherwise. 0 if all
    /// are told.
    pub fn told_after(&self) -> u64 {
        self.told_after
    }

    /// Whether the Receiver has this number, by the Transmitter's account: one that it lacks all the same is lost.
    pub fn is_owed(&self, number: u64) -> bool {
        let told = number > self.told_after && number <= self.through;
        told && !self.undelivered.iter().any(|range| range.contains(&number))
    }

    /// Reads what an account was written as by itself.
    ///
    /// # Errors
    /// Names the faulty member.
    pub fn read(json: &str) -> Result<Self, JsonError> {
        let missing = || JsonError::Missing {
            path: "through".into(),
        };
        Self::take(&mut Members::parse(json)?)?.ok_or_else(missing)
    }

    fn take(members: &mut Members<'_>) -> Result<Option<Self>, JsonError> {
        let Some(through) = number(members, "through", NUMBER_OR_NONE)? else {
            return match ["undelivered", "told_after"].map(|name| (name, members.has(name))) {
                [(name, true), _] | [_, (name, true)] => {
                    Err(JsonError::invalid(name, WITH_THROUGH))
                }
                [(_, false), (_, false)] => Ok(None),
            };
        };
        let undelivered = ranges(members, "undelivered", (RANGES_MAX, RANGES))?.unwrap_or_default();
        let told_after = number(members, "told_after", NUMBER_OR_NONE)?.unwrap_or_default();
        let is_within =
            |range: &RangeInclusive<u64>| *range.start() > told_after && *range.end() <= through;
        if !undelivered.iter().all(is_within) {
            let expected = "numbers above told_after, up to through";
            return Err(JsonError::invalid("undelivered", expected));
        }
        Ok(Some(Self {
            through,
            undelivered,
            told_after,
        }))
    }

    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("through", &self.through)?;
        if !self.undelivered.is_empty() {
            map.serialize_entry("undelivered", &pairs(&self.undelivered))?;
        }
        if self.told_after > 0 {
            map.serialize_entry("told_after", &self.told_after)?;
        }
        Ok(())
    }
}

/// Takes out a list of pairs of a first and a last number, which are `expected`.
pub(super) fn ranges(
    members: &mut Members<'_>,
    name: &str,
    (most, expected): (usize, &'static str),
) -> Result<Option<Vec<RangeInclusive<u64>>>, JsonError> {
    let Some(pairs): Option<Vec<(u64, u64)>> = members.optional(name, expected)? else {
        return Ok(None);
    };
    let apart = |pair: &[(u64, u64)]| pair[1].0 > pair[0].1.saturating_add(1);
    let upwards = |(first, last): &(u64, u64)| first <= last;
    if pairs.len() > most || !pairs.windows(2).all(apart) || !pairs.iter().all(upwards) {
        return Err(JsonError::invalid(name, expected));
    }
    let ranges = pairs.into_iter().map(|(first, last)| first..=last);
    Ok(Some(ranges.collect()))
}

/// Ranges as they are written.
pub(super) fn pairs(ranges: &[RangeInclusive<u64>]) -> Vec<(u64, u64)> {
    let ends = |range: &RangeInclusive<u64>| (*range.start(), *range.end());
    ranges.iter().map(ends).collect()
}

fn number(
    members: &mut Members<'_>,
    name: &str,
    expected: &'static str,
) -> Result<Option<u64>, JsonError> {
    let found: Option<u64> = members.optional(name, expected)?;
    match found {
        Some(number) if number > SEQ_MAX => Err(JsonError::invalid(name, expected)),
        Some(_) | None => Ok(found),
    }
}

impl Serialize for Sequence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("epoch", &self.epoch)?;
        map.serialize_entry("seq", &self.seq)?;
        if let Some(account) = &self.account {
            account.write(&mut map)?;
        }
        map.end()
    }
}

impl Serialize for Account {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.write(&mut map)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn among(claim: &str) -> Result<Option<Sequence>, JsonError> {
        let claims = format!(r#"{{"set_sequence":{claim}}}"#);
        Sequence::among(&Members::parse(&claims).unwrap().rest())
    }

    fn refusal(claim: &str) -> String {
        among(claim).unwrap_err().to_string()
    }

    #[test]
    fn a_number_survives_a_round_trip() {
        for claim in [
            r#"{"epoch":"f67e39a0","seq":1}"#,
            r#"{"epoch":"f67e39a0","seq":17,"through":0}"#,
            r#"{"epoch":"e","seq":9007199254740991,"through":16,"undelivered":[[3,3],[7,9]],"told_after":2}"#,
        ] {
            let sequence = among(claim).unwrap().unwrap();
            assert_eq!(serde_json::to_string(&sequence).unwrap(), claim);
        }
    }

    #[test]
    fn a_set_without_the_claim_has_no_number() {
        assert_eq!(Sequence::among(&Extra::default()), Ok(None));
    }

    #[test]
    fn what_is_not_known_yet_does_not_spoil_the_number() {
        let sequence = among(r#"{"epoch":"e","seq":1,"x":{}}"#).unwrap().unwrap();
        assert_eq!(sequence, Sequence::new(Epoch::parse("e").unwrap(), 1));
    }

    #[test]
    fn a_wrong_claim_is_told_what_to_fix() {
        for (claim, told) in [
            ("7", "set_sequence must be an object"),
            (r#"{"seq":1}"#, "set_sequence.epoch is missing"),
            (
                r#"{"epoch":"","seq":1}"#,
                "set_sequence.epoch must be a string of 1 to 255 bytes without control characters",
            ),
            (r#"{"epoch":"e"}"#, "set_sequence.seq is missing"),
            (
                r#"{"epoch":"e","seq":0}"#,
                "set_sequence.seq must be a whole number from 1 to 9007199254740991",
            ),
            (
                r#"{"epoch":"e","seq":9007199254740992}"#,
                "set_sequence.seq must be a whole number from 1 to 9007199254740991",
            ),
            (
                r#"{"epoch":"e","seq":1.5}"#,
                "set_sequence.seq must be a whole number from 1 to 9007199254740991",
            ),
            (
                r#"{"epoch":"e","seq":2,"through":2}"#,
                "set_sequence.through must be less than seq",
            ),
            (
                r#"{"epoch":"e","seq":2,"through":-1}"#,
                "set_sequence.through must be a whole number from 0 to 9007199254740991",
            ),
            (
                r#"{"epoch":"e","seq":2,"told_after":1}"#,
                "set_sequence.told_after must be absent where through is",
            ),
            (
                r#"{"epoch":"e","seq":2,"undelivered":[]}"#,
                "set_sequence.undelivered must be absent where through is",
            ),
            (
                r#"{"epoch":"e","seq":9,"through":8,"undelivered":[[2,1]]}"#,
                "set_sequence.undelivered must be at most 100 pairs of a first and a last number, in ascending order and apart from each other",
            ),
            (
                r#"{"epoch":"e","seq":9,"through":8,"undelivered":[[1,2],[3,3]]}"#,
                "set_sequence.undelivered must be at most 100 pairs of a first and a last number, in ascending order and apart from each other",
            ),
            (
                r#"{"epoch":"e","seq":9,"through":8,"undelivered":[3]}"#,
                "set_sequence.undelivered must be at most 100 pairs of a first and a last number, in ascending order and apart from each other",
            ),
            (
                r#"{"epoch":"e","seq":9,"through":7,"undelivered":[[8,8]]}"#,
                "set_sequence.undelivered must be numbers above told_after, up to through",
            ),
            (
                r#"{"epoch":"e","seq":9,"through":7,"undelivered":[[2,3]],"told_after":2}"#,
                "set_sequence.undelivered must be numbers above told_after, up to through",
            ),
        ] {
            assert_eq!(refusal(claim), told, "{claim}");
        }
    }

    #[test]
    fn the_number_of_ranges_is_bounded() {
        let ranges =
            |count: u64| -> Vec<(u64, u64)> { (1..=count).map(|n| (2 * n, 2 * n)).collect() };
        let claim = |count| {
            let ranges = serde_json::to_string(&ranges(count)).unwrap();
            format!(r#"{{"epoch":"e","seq":999,"through":998,"undelivered":{ranges}}}"#)
        };
        assert!(among(&claim(100)).is_ok());
        assert!(among(&claim(101)).is_err());
    }

    #[test]
    fn numbers_that_follow_each_other_are_one_range() {
        let account = Account::new(16, 2, [9, 8, 7, 3]);
        assert_eq!(account.undelivered(), [3..=3, 7..=9]);
        assert_eq!((account.through(), account.told_after()), (16, 2));
    }

    #[test]
    fn of_what_is_not_asked_for_nothing_is_told() {
        let account = Account::new(16, 2, [18, 17, 16, 2, 1]);
        assert_eq!(account.undelivered(), [16..=16]);
    }

    #[test]
    fn where_there_are_too_many_ranges_the_lowest_are_left_out_and_that_is_told() {
        let every_second = (1..=500_u64).rev().map(|n| 2 * n);
        let account = Account::new(2000, 0, every_second);
        assert_eq!(account.undelivered().len(), 100);
        assert_eq!(account.undelivered()[0], 802..=802);
        assert_eq!(account.told_after(), 800);
        let json = serde_json::to_string(&account).unwrap();
        assert!(json.len() < 4096);
        assert_eq!(Account::read(&json), Ok(account));
    }

    #[test]
    fn what_is_owed_is_told_and_neither_pending_nor_given_up() {
        let account = Account::new(10, 3, [8, 7, 5]);
        let owed: Vec<u64> = (0..20).filter(|number| account.is_owed(*number)).collect();
        assert_eq!(owed, [4, 6, 9, 10]);
    }

    #[test]
    fn the_claim_stands_among_the_others_of_a_set() {
        use crate::{
            audience::Audience, event::caep::SessionRevoked, id::Jti, subject::SimpleSubject,
            time::Timestamp, uri::Issuer,
        };
        let mut claims = SetClaims::new(
            Issuer::parse("https://tr.example.com").unwrap(),
            Jti::parse("1").unwrap(),
            Timestamp::from_secs(1),
            Audience::new(["a"]).unwrap(),
            SimpleSubject::Opaque { id: "1".into() }.into(),
            SessionRevoked::default().into(),
        );
        let sequence = Sequence::new(Epoch::parse("e").unwrap(), 7);
        claims.number(&sequence);
        let json = serde_json::to_string(&claims).unwrap();
        assert!(
            json.ends_with(r#","set_sequence":{"epoch":"e","seq":7}}"#),
            "{json}"
        );
        assert_eq!(Sequence::among(&claims.extra), Ok(Some(sequence)));
    }
}

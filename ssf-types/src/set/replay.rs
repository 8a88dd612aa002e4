//! Asking for SETs again by their numbers: an extension of SSF 1.0, which has none.

use std::ops::RangeInclusive;

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{
    RANGES_MAX, SEQ_MAX, Sequence,
    sequence::{RANGES, pairs, ranges},
};
use crate::{
    id::{Epoch, StreamId},
    json::{self, JsonError, Members},
};

/// Most numbers of one request.
pub const NUMBERS_MAX: u64 = 1000;

const STREAM_ID: &str = "a string of 1 to 255 bytes without control characters";
const EPOCH: &str = STREAM_ID;
/// Each number of a request may be a range by itself in the answer.
const ANSWERED: (usize, &str) = (
    1000,
    "at most 1000 pairs of a first and a last number, in ascending order and apart from each other",
);
const SOME: &str = "1 to 1000 numbers, from 1 to 9007199254740991";

impl Sequence {
    /// The member of the metadata that says where a Receiver may ask for SETs again.
    pub const REPLAY_ENDPOINT: &'static str = "set_sequence_replay_endpoint";
}

/// Asks for the SETs with these numbers again.
///
/// On the wire `{"stream_id":"f67e39a0","epoch":"f67e39a0","numbers":[[3,3],[7,9]]}`: pairs of a first and a last number, ascending
/// and apart from each other, at most [`RANGES_MAX`](super::RANGES_MAX) of them with at most [`NUMBERS_MAX`] numbers.
///
/// ```
/// use ssf_types::set::ReplayRequest;
///
/// let request = ReplayRequest::parse(br#"{"stream_id":"f67e39a0","epoch":"e","numbers":[[3,3],[7,9]]}"#)?;
/// assert_eq!(request.numbers(), [3..=3, 7..=9]);
/// # Ok::<(), ssf_types::json::JsonError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReplayRequest {
    stream_id: StreamId,
    epoch: Epoch,
    numbers: Vec<RangeInclusive<u64>>,
}

/// What became of a [`ReplayRequest`]: each number that was asked for is in one of the lists.
///
/// On the wire `{"again":[[3,3]],"pending":[[7,7]],"left_out":[{"reason":"not_kept","numbers":[[8,9]]}]}`; lists that are empty are
/// absent.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Replayed {
    /// They are pending again, under the same `jti`.
    pub again: Vec<RangeInclusive<u64>>,
    /// They are on their way anyway.
    pub pending: Vec<RangeInclusive<u64>>,
    /// They are not sent.
    pub left_out: Vec<NotSent>,
}

/// Numbers that are not sent again for one reason.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct NotSent {
    /// Why not.
    pub reason: WhyNot,
    /// Which.
    pub numbers: Vec<RangeInclusive<u64>>,
}

/// Why a SET is not sent again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum WhyNot {
    /// `not_kept`: it is not kept any more, or there never was one.
    NotKept,
    /// `dropped`: it ended undelivered, because somebody who may do so wanted that.
    Dropped,
    /// `type_not_delivered`: the stream does not get events of its type any more.
    TypeNotDelivered,
    /// `of_the_framework`: it told of the stream itself, as of a moment that is over.
    OfTheFramework,
    /// Something else; asked again later, it may be sent.
    Other(String),
}

impl WhyNot {
    /// The reason as it is written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::NotKept => "not_kept",
            Self::Dropped => "dropped",
            Self::TypeNotDelivered => "type_not_delivered",
            Self::OfTheFramework => "of_the_framework",
            Self::Other(reason) => reason,
        }
    }

    /// The reason that is written so.
    pub fn read(reason: impl Into<String>) -> Self {
        let reason = reason.into();
        let known = [
            Self::NotKept,
            Self::Dropped,
            Self::TypeNotDelivered,
            Self::OfTheFramework,
        ];
        let known = known.into_iter().find(|known| known.as_str() == reason);
        known.unwrap_or(Self::Other(reason))
    }
}

impl NotSent {
    /// These, for that reason.
    pub fn new(reason: WhyNot, numbers: Vec<RangeInclusive<u64>>) -> Self {
        Self { reason, numbers }
    }
}

impl ReplayRequest {
    /// Asks for numbers of a stream.
    ///
    /// # Errors
    /// There are none, or too many, or they are not ascending and apart.
    pub fn new(
        stream_id: StreamId,
        epoch: Epoch,
        numbers: Vec<RangeInclusive<u64>>,
    ) -> Result<Self, JsonError> {
        let request = Self {
            stream_id,
            epoch,
            numbers,
        };
        // One rule for both directions.
        let body = serde_json::to_vec(&request).map_err(|_| JsonError::NotAnObject)?;
        Self::parse(&body)
    }

    /// Reads the body of a request. Members that are not defined here are ignored.
    ///
    /// # Errors
    /// Says where the body is no JSON, or which member is absent or wrong.
    pub fn parse(body: &[u8]) -> Result<Self, JsonError> {
        let mut members = Members::parse(json::check(body)?)?;
        let stream_id = members.required("stream_id", STREAM_ID)?;
        let epoch = members.required("epoch", EPOCH)?;
        let numbers = ranges(&mut members, "numbers", (RANGES_MAX, RANGES))?;
        let numbers = numbers.ok_or_else(|| JsonError::Missing {
            path: "numbers".into(),
        })?;
        let is_number = |range: &RangeInclusive<u64>| *range.start() > 0 && *range.end() <= SEQ_MAX;
        if !numbers.iter().all(is_number) || !(1..=NUMBERS_MAX).contains(&count(&numbers)) {
            return Err(JsonError::invalid("numbers", SOME));
        }
        Ok(Self {
            stream_id,
            epoch,
            numbers,
        })
    }

    /// The stream.
    pub fn stream_id(&self) -> &StreamId {
        &self.stream_id
    }

    /// Which run of numbers they are of.
    pub fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// The numbers, ascending.
    pub fn numbers(&self) -> &[RangeInclusive<u64>] {
        &self.numbers
    }
}

/// How many numbers there are.
fn count(ranges: &[RangeInclusive<u64>]) -> u64 {
    let lengths = ranges.iter().map(|range| range.end() - range.start() + 1);
    lengths.fold(0, u64::saturating_add)
}

impl Replayed {
    /// Reads an answer. Members that are not defined here are ignored.
    ///
    /// # Errors
    /// Says where the body is no JSON, or which member is wrong.
    pub fn parse(body: &[u8]) -> Result<Self, JsonError> {
        let mut members = Members::parse(json::check(body)?)?;
        let again = ranges(&mut members, "again", ANSWERED)?.unwrap_or_default();
        let pending = ranges(&mut members, "pending", ANSWERED)?.unwrap_or_default();
        let expected = "a list of objects with reason and numbers";
        let list: Vec<Members<'_>> = match members.take("left_out") {
            None => Vec::new(),
            Some(raw) => serde_json::from_str(raw.get())
                .map_err(|_| JsonError::invalid("left_out", expected))?,
        };
        let left_out = list.into_iter().map(|mut one| {
            let reason: String = one.required("reason", "a string")?;
            let numbers = ranges(&mut one, "numbers", ANSWERED)?.unwrap_or_default();
            Ok(NotSent::new(WhyNot::read(reason), numbers))
        });
        let left_out: Result<_, JsonError> = left_out.collect();
        Ok(Self {
            again,
            pending,
            left_out: left_out.map_err(|error| error.within("left_out"))?,
        })
    }
}

impl Serialize for ReplayRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("stream_id", &self.stream_id)?;
        map.serialize_entry("epoch", &self.epoch)?;
        map.serialize_entry("numbers", &pairs(&self.numbers))?;
        map.end()
    }
}

impl Serialize for Replayed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, numbers) in [("again", &self.again), ("pending", &self.pending)] {
            if !numbers.is_empty() {
                map.serialize_entry(name, &pairs(numbers))?;
            }
        }
        if !self.left_out.is_empty() {
            map.serialize_entry("left_out", &self.left_out)?;
        }
        map.end()
    }
}

impl Serialize for NotSent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("reason", self.reason.as_str())?;
        map.serialize_entry("numbers", &pairs(&self.numbers))?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(numbers: &str) -> String {
        let body = format!(r#"{{"stream_id":"s","epoch":"e","numbers":{numbers}}}"#);
        let error = ReplayRequest::parse(body.as_bytes()).unwrap_err();
        error.to_string()
    }

    #[test]
    fn a_request_survives_a_round_trip() {
        let json = r#"{"stream_id":"f67e39a0","epoch":"e","numbers":[[1,1],[7,1005]]}"#;
        let request = ReplayRequest::parse(json.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&request).unwrap(), json);
    }

    #[test]
    fn a_request_asks_for_some_numbers_and_not_for_too_many() {
        let some = "numbers must be 1 to 1000 numbers, from 1 to 9007199254740991";
        for numbers in [
            "[]",
            "[[0,1]]",
            "[[1,1001]]",
            "[[1,500],[502,1002]]",
            "[[9007199254740992,9007199254740992]]",
            "[[0,18446744073709551615]]",
        ] {
            assert_eq!(refusal(numbers), some, "{numbers}");
        }
        let pairs = "numbers must be at most 100 pairs of a first and a last number, in ascending order and apart from each other";
        for numbers in ["7", "[7]", "[[2,1]]", "[[1,2],[3,3]]", "[[5,5],[1,1]]"] {
            assert_eq!(refusal(numbers), pairs, "{numbers}");
        }
        let error = ReplayRequest::parse(br#"{"stream_id":"s","epoch":"e"}"#).unwrap_err();
        assert_eq!(error.to_string(), "numbers is missing");
    }

    #[test]
    fn an_answer_survives_a_round_trip() {
        for json in [
            "{}",
            r#"{"again":[[3,3]],"pending":[[7,7]],"left_out":[{"reason":"not_kept","numbers":[[8,9]]},{"reason":"busy","numbers":[[11,11]]}]}"#,
        ] {
            let answer = Replayed::parse(json.as_bytes()).unwrap();
            assert_eq!(serde_json::to_string(&answer).unwrap(), json);
        }
    }

    #[test]
    fn reasons_are_known_by_their_names() {
        for name in [
            "not_kept",
            "dropped",
            "type_not_delivered",
            "of_the_framework",
            "busy",
        ] {
            let read = WhyNot::read(name.to_owned());
            assert_eq!(read.as_str(), name);
            assert_eq!(matches!(read, WhyNot::Other(_)), name == "busy");
        }
    }

    #[test]
    fn a_wrong_answer_is_told_what_is_wrong() {
        for (json, told) in [
            ("[]", "not a JSON object"),
            (r#"{"again":7}"#, "again must be at most 1000 pairs"),
            (
                r#"{"left_out":[7]}"#,
                "left_out must be a list of objects with reason and numbers",
            ),
            (
                r#"{"left_out":[{"numbers":[]}]}"#,
                "left_out.reason is missing",
            ),
        ] {
            let error = Replayed::parse(json.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}

//! The answer to a poll.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use crate::{
    id::Jti,
    json::{self, JsonError, Members},
    set::CompactSet,
};

/// Most SETs in one answer: whoever wants more polls again, which `moreAvailable` says.
pub const SETS_MAX: usize = 1000;

/// Longest answer that is accepted, in bytes. An ordinary SET has 1 KiB; a Receiver that reckons with the longest ones
/// asks for fewer at a time.
pub const RESPONSE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The SETs that a poll yields (RFC 8936 §2.3).
///
/// On the wire `{"sets":{"<jti>":"<token>"},"moreAvailable":true}`. `sets` is there even if it is empty. Its members have
/// no order, so that a Receiver which needs one takes it from the SETs. Printing it for debugging shows no token.
///
/// A token is kept as it stands: [`UnverifiedSet::parse`](crate::set::UnverifiedSet::parse) judges each on its own, so that
/// one bad SET is told in `setErrs` and does not spoil the others. The Receiver has to see that the `jti` in the SET is
/// the one that it came under.
///
/// ```
/// # use ssf_types::{id::Jti, poll::PollResponse};
/// let response = PollResponse::parse(br#"{"sets":{"4d3559ec67504aab":"eyJh.eyJq.c2ln"}}"#)?;
/// assert_eq!(response.sets[&Jti::parse("4d3559ec67504aab")?], "eyJh.eyJq.c2ln");
/// assert!(!response.more_available);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PollResponse {
    /// The tokens in compact form, each under the `jti` in it. At most [`SETS_MAX`].
    pub sets: BTreeMap<Jti, String>,
    /// Whether more SETs are waiting; absent means no.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub more_available: bool,
}

impl PollResponse {
    /// Hands out SETs; `more_available` says whether more are waiting.
    pub fn new(sets: impl IntoIterator<Item = (Jti, CompactSet)>, more_available: bool) -> Self {
        let sets = sets.into_iter();
        Self {
            sets: sets.map(|(jti, set)| (jti, set.into_string())).collect(),
            more_available,
        }
    }

    /// Reads the answer to a poll. Members that RFC 8936 does not define are ignored.
    ///
    /// # Errors
    /// Says where the body is no JSON, or which member is absent, has a wrong type or too many items.
    pub fn parse(body: &[u8]) -> Result<Self, JsonError> {
        match Self::parse_named(body)? {
            (response, 0) => Ok(response),
            _ => Err(JsonError::invalid("sets", SETS_EXPECTED)),
        }
    }

    /// Reads the answer to a poll, but for the SETs whose names are no identifiers: it leaves those out, and tells how many
    /// there are.
    ///
    /// A Receiver can settle none of them, and should take the others all the same.
    ///
    /// # Errors
    /// As [`PollResponse::parse`], but for such names.
    pub fn parse_named(body: &[u8]) -> Result<(Self, usize), JsonError> {
        if body.len() > RESPONSE_BYTES_MAX {
            return Err(JsonError::invalid("the body", "at most 16 MiB long"));
        }
        let mut members = Members::parse(json::check(body)?)?;
        let found: BTreeMap<String, String> = members.required("sets", SETS_EXPECTED)?;
        let count = found.len();
        if count > SETS_MAX {
            return Err(JsonError::invalid("sets", SETS_EXPECTED));
        }
        let named = |(name, token)| Jti::parse(name).ok().map(|jti| (jti, token));
        let response = Self {
            sets: found.into_iter().filter_map(named).collect(),
            more_available: members
                .optional("moreAvailable", "true or false")?
                .unwrap_or_default(),
        };
        let unnamed = count - response.sets.len();
        Ok((response, unnamed))
    }
}

const SETS_EXPECTED: &str = "an object of at most 1000 tokens under identifiers of 1 to 255 bytes";

impl fmt::Debug for PollResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let jtis: Vec<&str> = self.sets.keys().map(Jti::as_str).collect();
        f.debug_struct("PollResponse")
            .field("sets", &jtis)
            .field("more_available", &self.more_available)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn jti(text: &str) -> Jti {
        Jti::parse(text).unwrap()
    }

    fn parse(json: &str) -> PollResponse {
        PollResponse::parse(json.as_bytes()).unwrap()
    }

    fn refusal(json: &str) -> String {
        PollResponse::parse(json.as_bytes())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn two_sets_survive_a_round_trip() {
        let json = r#"{"sets":{"3d0c3cf797584bd1":"eyJhbGciOiJub25lIn0.e30.","4d3559ec67504aab":"eyJhbGciOiJub25lIn0.e30."},"moreAvailable":true}"#;
        let response = parse(json);
        assert_eq!(
            response.sets[&jti("4d3559ec67504aab")],
            "eyJhbGciOiJub25lIn0.e30."
        );
        assert!(response.more_available);
        assert_eq!(serde_json::to_string(&response).unwrap(), json);
    }

    #[test]
    fn an_empty_answer_still_has_its_sets() {
        let response = parse(r#"{"sets":{}}"#);
        assert_eq!(response, PollResponse::default());
        assert_eq!(serde_json::to_string(&response).unwrap(), r#"{"sets":{}}"#);
    }

    #[test]
    fn the_order_of_the_members_means_nothing() {
        assert_eq!(
            parse(r#"{"moreAvailable":false,"sets":{"a":"x.y.z","b":"u.v.w"}}"#),
            parse(r#"{"sets":{"b":"u.v.w","a":"x.y.z"}}"#)
        );
    }

    #[test]
    fn a_transmitter_hands_out_each_set_under_its_jti() {
        let sign = |_: &[u8]| Ok::<_, std::convert::Infallible>(b"sig".to_vec());
        let set = CompactSet::compose("e30", b"{}", sign).unwrap();
        let response = PollResponse::new([(jti("1"), set)], false);
        assert_eq!(
            serde_json::to_string(&response).unwrap(),
            r#"{"sets":{"1":"e30.e30.c2ln"}}"#
        );
    }

    #[test]
    fn sets_that_are_no_object_of_strings_are_refused() {
        let expected =
            "sets must be an object of at most 1000 tokens under identifiers of 1 to 255 bytes";
        for json in [
            r#"{"sets":[]}"#,
            r#"{"sets":null}"#,
            r#"{"sets":{"1":7}}"#,
            r#"{"sets":{"":"x.y.z"}}"#,
        ] {
            assert_eq!(refusal(json), expected, "{json}");
        }
        assert_eq!(refusal("{}"), "sets is missing");
        assert_eq!(
            refusal(r#"{"sets":{},"moreAvailable":"yes"}"#),
            "moreAvailable must be true or false"
        );
    }

    #[test]
    fn sets_whose_names_are_no_identifiers_are_left_out_and_counted() {
        let long = "x".repeat(256);
        let json = format!(
            r#"{{"sets":{{"{long}":"x.y.z","":"x.y.z","a\nb":"x.y.z","1":"u.v.w"}},"moreAvailable":true}}"#
        );
        let (response, unnamed) = PollResponse::parse_named(json.as_bytes()).unwrap();
        assert_eq!(
            response,
            parse(r#"{"sets":{"1":"u.v.w"},"moreAvailable":true}"#)
        );
        assert_eq!(unnamed, 3);
        assert!(refusal(&json).starts_with("sets must be an object"));
        let none = PollResponse::parse_named(br#"{"sets":{}}"#);
        assert_eq!(none, Ok((PollResponse::default(), 0)));
    }

    #[test]
    fn the_number_of_sets_is_bounded() {
        let json = |count: usize| {
            let entries: Vec<String> = (0..count).map(|n| format!(r#""{n}":"x.y.z""#)).collect();
            format!(r#"{{"sets":{{{}}}}}"#, entries.join(","))
        };
        assert_eq!(parse(&json(1000)).sets.len(), 1000);
        assert_eq!(
            refusal(&json(1001)),
            "sets must be an object of at most 1000 tokens under identifiers of 1 to 255 bytes"
        );
    }

    #[test]
    fn one_jti_for_two_sets_is_refused() {
        assert!(matches!(
            PollResponse::parse(br#"{"sets":{"1":"x.y.z","1":"u.v.w"}}"#),
            Err(JsonError::Duplicate { .. })
        ));
    }

    #[test]
    fn a_body_beyond_the_limit_is_refused_unread() {
        let body = vec![b' '; RESPONSE_BYTES_MAX + 1];
        assert_eq!(
            PollResponse::parse(&body).unwrap_err().to_string(),
            "the body must be at most 16 MiB long"
        );
    }

    #[test]
    fn printing_it_for_debugging_shows_no_token() {
        let response = parse(r#"{"sets":{"1":"s3cret.y.z"}}"#);
        assert_eq!(
            format!("{response:?}"),
            r#"PollResponse { sets: ["1"], more_available: false }"#
        );
    }

    proptest! {
        #[test]
        fn a_response_survives_a_round_trip(
            sets in prop::collection::btree_map("[!-~]{1,40}", "[A-Za-z0-9_.-]{0,80}", 0..6),
            more_available: bool,
        ) {
            let sets = sets.into_iter().map(|(id, set)| (jti(&id), set)).collect();
            let response = PollResponse { sets, more_available };
            let json = serde_json::to_vec(&response).unwrap();
            prop_assert_eq!(PollResponse::parse(&json), Ok(response));
        }
    }
}

//! The body of a poll.

use std::collections::BTreeMap;

use serde::Serialize;

use super::SETS_MAX;
use crate::{
    id::Jti,
    json::{self, JsonError, Members},
    push::{CONTENT_LANGUAGE, PushError},
};

/// Longest body of a poll that is accepted, in bytes: room for [`SETTLED_MAX`] errors of ordinary length.
pub const REQUEST_BYTES_MAX: usize = 1024 * 1024;

/// Most SETs that one poll may settle in `ack` and in `setErrs` each; an answer has at most [`SETS_MAX`].
pub const SETTLED_MAX: usize = 4 * SETS_MAX;

/// Asks for SETs and settles earlier ones: the body of a POST to the poll endpoint (RFC 8936 §2.2).
///
/// All members are optional on the wire, and `{}` is a long poll without a limit. Members that RFC 8936 does not define are
/// ignored. The default is that `{}`.
///
/// ```
/// # use ssf_types::{id::Jti, poll::PollRequest};
/// let request = PollRequest::parse(br#"{"ack":["4d3559ec67504aab"],"maxEvents":10}"#)?;
/// assert_eq!(request.ack, [Jti::parse("4d3559ec67504aab")?]);
/// assert!(request.waits());
/// assert_eq!(request.limit(100), 10);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PollRequest {
    /// Most SETs that the answer may hold; absent means that the Receiver sets no limit, and 0 that it wants none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_events: Option<u64>,
    /// Whether the answer shall come at once, even without a SET in it; absent means no.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub return_immediately: bool,
    /// SETs that the Receiver has; it wants none of them again. At most [`SETTLED_MAX`].
    ///
    /// A `jti` that is unknown, or that stands twice, means nothing (RFC 8936 §2.2).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ack: Vec<Jti>,
    /// SETs that cannot be read or trusted, and why (RFC 8936 §2.6). At most [`SETTLED_MAX`].
    ///
    /// It is no place for a local action that failed (RFC 8936 §2).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub set_errs: BTreeMap<Jti, PushError>,
}

impl PollRequest {
    /// Settles SETs and wants none, at once (RFC 8936 §2.4.2).
    pub fn acknowledge(ack: Vec<Jti>) -> Self {
        Self {
            max_events: Some(0),
            return_immediately: true,
            ack,
            set_errs: BTreeMap::new(),
        }
    }

    /// Reads the body of a poll.
    ///
    /// # Errors
    /// Says where the body is no JSON, or which member has a wrong type or too many items. `null` is a wrong type. The
    /// answer to it is 400 (RFC 8936 §2.5.1).
    pub fn parse(body: &[u8]) -> Result<Self, JsonError> {
        if body.len() > REQUEST_BYTES_MAX {
            return Err(JsonError::invalid("the body", "at most 1 MiB long"));
        }
        let mut members = Members::parse(json::check(body)?)?;
        Ok(Self {
            max_events: members.optional("maxEvents", "a whole number of 0 or more")?,
            return_immediately: members
                .optional("returnImmediately", "true or false")?
                .unwrap_or_default(),
            ack: acknowledged(&mut members)?,
            set_errs: errors(&mut members)?,
        })
    }

    /// Whether the Transmitter may hold the answer back until there is a SET (RFC 8936 §2.2).
    ///
    /// Not for a Receiver that wants no SETs: RFC 8936 would let it wait for something that it refuses.
    pub fn waits(&self) -> bool {
        !self.return_immediately && self.max_events != Some(0)
    }

    /// Most SETs that the answer may hold, where the Transmitter itself gives at most `own`.
    pub fn limit(&self, own: usize) -> usize {
        let asked = self.max_events.unwrap_or(u64::MAX);
        usize::try_from(asked).unwrap_or(usize::MAX).min(own)
    }

    /// What became of each SET that the poll names: an error, or nothing for one that the Receiver has.
    ///
    /// A SET that stands in both `ack` and `setErrs` counts as refused, so that somebody looks at it: neither way does it
    /// come again.
    pub fn settled(&self) -> BTreeMap<&Jti, Option<&PushError>> {
        let acknowledged = self.ack.iter().map(|jti| (jti, None));
        let refused = self.set_errs.iter().map(|(jti, error)| (jti, Some(error)));
        // The later of two entries stays.
        acknowledged.chain(refused).collect()
    }

    /// The `Content-Language` that the request needs because of its descriptions (RFC 8936 §2.6).
    pub fn content_language(&self) -> Option<&'static str> {
        (!self.set_errs.is_empty()).then_some(CONTENT_LANGUAGE)
    }
}

fn acknowledged(members: &mut Members<'_>) -> Result<Vec<Jti>, JsonError> {
    let expected = "an array of at most 4000 identifiers of 1 to 255 bytes";
    let ack: Vec<Jti> = members.optional("ack", expected)?.unwrap_or_default();
    if ack.len() > SETTLED_MAX {
        return Err(JsonError::invalid("ack", expected));
    }
    Ok(ack)
}

fn errors(members: &mut Members<'_>) -> Result<BTreeMap<Jti, PushError>, JsonError> {
    let mut errors = BTreeMap::new();
    let Some(raw) = members.take("setErrs") else {
        return Ok(errors);
    };
    let named = |error: JsonError| error.within("setErrs");
    for (name, raw) in Members::parse(raw.get()).map_err(named)? {
        let jti = Jti::parse(name).ok();
        let Some(jti) = jti.filter(|_| errors.len() < SETTLED_MAX) else {
            let expected = "an object of at most 4000 members under identifiers of 1 to 255 bytes";
            return Err(JsonError::invalid("setErrs", expected));
        };
        let error =
            PushError::read(raw.get()).map_err(|error| named(error.within(jti.as_str())))?;
        errors.insert(jti, error);
    }
    Ok(errors)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrCode;

    fn jti(text: &str) -> Jti {
        Jti::parse(text).unwrap()
    }

    fn parse(json: &str) -> PollRequest {
        PollRequest::parse(json.as_bytes()).unwrap()
    }

    fn refusal(json: &str) -> String {
        PollRequest::parse(json.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn the_first_poll_of_rfc_8936_asks_for_an_answer_at_once() {
        let request = parse(r#"{"returnImmediately":true}"#);
        assert!(!request.waits());
        assert_eq!(request.max_events, None);
        assert_eq!(
            serde_json::to_string(&request).unwrap(),
            r#"{"returnImmediately":true}"#
        );
    }

    #[test]
    fn an_empty_object_is_a_long_poll_without_a_limit() {
        let request = parse("{}");
        assert_eq!(request, PollRequest::default());
        assert!(request.waits());
        assert_eq!(request.limit(100), 100);
        assert_eq!(serde_json::to_string(&request).unwrap(), "{}");
    }

    #[test]
    fn an_acknowledgement_alone_wants_no_sets_and_an_answer_at_once() {
        let json = r#"{"maxEvents":0,"returnImmediately":true,"ack":["4d3559ec67504aaba65d40b0363faad8","3d0c3cf797584bd193bd0fb1bd4e7d30"]}"#;
        let expected = PollRequest::acknowledge(vec![
            jti("4d3559ec67504aaba65d40b0363faad8"),
            jti("3d0c3cf797584bd193bd0fb1bd4e7d30"),
        ]);
        assert_eq!(parse(json), expected);
        assert_eq!(serde_json::to_string(&expected).unwrap(), json);
        assert_eq!(expected.limit(100), 0);
    }

    #[test]
    fn a_poll_may_acknowledge_and_wait_for_more() {
        let json = r#"{"ack":["4d3559ec67504aab","3d0c3cf797584bd1"],"returnImmediately":false}"#;
        let request = parse(json);
        assert_eq!(
            request.ack,
            [jti("4d3559ec67504aab"), jti("3d0c3cf797584bd1")]
        );
        assert!(request.waits());
    }

    #[test]
    fn a_poll_may_tell_errors() {
        let json = r#"{"returnImmediately":true,"ack":["3d0c3cf797584bd1"],"setErrs":{"4d3559ec67504aab":{"err":"authentication_failed","description":"The SET could not be authenticated"}}}"#;
        let request = parse(json);
        let error = PushError::new(
            ErrCode::AuthenticationFailed,
            "The SET could not be authenticated",
        );
        assert_eq!(
            request.set_errs,
            BTreeMap::from([(jti("4d3559ec67504aab"), error)])
        );
        assert_eq!(request.content_language(), Some("en"));
        assert_eq!(serde_json::to_string(&request).unwrap(), json);
    }

    #[test]
    fn a_set_that_is_acknowledged_and_refused_counts_as_refused() {
        let request = parse(r#"{"ack":["1","2","1"],"setErrs":{"2":{"err":"invalid_key"}}}"#);
        let error = PushError::new(ErrCode::InvalidKey, "");
        assert_eq!(
            request.settled(),
            BTreeMap::from([(&jti("1"), None), (&jti("2"), Some(&error))])
        );
    }

    #[test]
    fn without_errors_no_language_is_named() {
        assert_eq!(parse("{}").content_language(), None);
    }

    #[test]
    fn who_wants_no_sets_does_not_wait_for_one() {
        assert!(!parse(r#"{"maxEvents":0}"#).waits());
        assert!(parse(r#"{"maxEvents":1}"#).waits());
    }

    #[test]
    fn the_smaller_limit_counts() {
        assert_eq!(parse(r#"{"maxEvents":5}"#).limit(100), 5);
        assert_eq!(
            parse(r#"{"maxEvents":18446744073709551615}"#).limit(100),
            100
        );
    }

    #[test]
    fn wrong_types_are_named() {
        for (json, expected) in [
            (
                r#"{"maxEvents":"5"}"#,
                "maxEvents must be a whole number of 0 or more",
            ),
            (
                r#"{"maxEvents":-1}"#,
                "maxEvents must be a whole number of 0 or more",
            ),
            (
                r#"{"maxEvents":1.5}"#,
                "maxEvents must be a whole number of 0 or more",
            ),
            (
                r#"{"returnImmediately":"true"}"#,
                "returnImmediately must be true or false",
            ),
            (
                r#"{"returnImmediately":null}"#,
                "returnImmediately must be true or false",
            ),
            (
                r#"{"ack":"x"}"#,
                "ack must be an array of at most 4000 identifiers of 1 to 255 bytes",
            ),
            (
                r#"{"ack":[""]}"#,
                "ack must be an array of at most 4000 identifiers of 1 to 255 bytes",
            ),
            (r#"{"setErrs":[]}"#, "setErrs must be an object"),
            (r#"{"setErrs":{"1":{}}}"#, "setErrs.1.err is missing"),
            (r#"{"setErrs":{"1":"x"}}"#, "setErrs.1 must be an object"),
            ("[]", "not a JSON object"),
            ("", "not JSON (line 1, column 0)"),
        ] {
            assert_eq!(refusal(json), expected, "{json}");
        }
    }

    #[test]
    fn the_numbers_of_settled_sets_are_bounded() {
        let acks = |count: usize| format!(r#"{{"ack":[{}]}}"#, vec![r#""1""#; count].join(","));
        assert_eq!(parse(&acks(4000)).ack.len(), 4000);
        assert_eq!(
            refusal(&acks(4001)),
            "ack must be an array of at most 4000 identifiers of 1 to 255 bytes"
        );
        let errors = |count: usize| {
            let entries: Vec<String> = (0..count)
                .map(|n| format!(r#""{n}":{{"err":"invalid_key"}}"#))
                .collect();
            format!(r#"{{"setErrs":{{{}}}}}"#, entries.join(","))
        };
        assert_eq!(parse(&errors(4000)).set_errs.len(), 4000);
        assert_eq!(
            refusal(&errors(4001)),
            "setErrs must be an object of at most 4000 members under identifiers of 1 to 255 bytes"
        );
    }

    #[test]
    fn an_endless_jti_does_not_get_into_the_error() {
        let json = format!(r#"{{"setErrs":{{"{}":{{}}}}}}"#, "x".repeat(256));
        assert_eq!(
            refusal(&json),
            "setErrs must be an object of at most 4000 members under identifiers of 1 to 255 bytes"
        );
    }

    #[test]
    fn a_body_beyond_a_mebibyte_is_refused_unread() {
        let body = vec![b' '; REQUEST_BYTES_MAX + 1];
        assert_eq!(
            PollRequest::parse(&body).unwrap_err().to_string(),
            "the body must be at most 1 MiB long"
        );
    }

    #[test]
    fn a_member_that_stands_twice_is_refused() {
        assert!(matches!(
            PollRequest::parse(br#"{"maxEvents":0,"maxEvents":9}"#),
            Err(JsonError::Duplicate { .. })
        ));
    }

    #[test]
    fn unknown_members_are_ignored() {
        assert_eq!(parse(r#"{"x_foo":[1]}"#), PollRequest::default());
    }

    prop_compose! {
        fn any_jti()(text in "[!-~]{1,40}") -> Jti {
            jti(&text)
        }
    }

    prop_compose! {
        fn any_error()(err in "[a-z_]{1,21}", description in "\\PC{0,60}") -> PushError {
            PushError::new(err.into(), description)
        }
    }

    proptest! {
        #[test]
        fn a_request_survives_a_round_trip(
            max_events: Option<u64>,
            return_immediately: bool,
            ack in prop::collection::vec(any_jti(), 0..5),
            set_errs in prop::collection::btree_map(any_jti(), any_error(), 0..5),
        ) {
            let request = PollRequest { max_events, return_immediately, ack, set_errs };
            let json = serde_json::to_vec(&request).unwrap();
            prop_assert_eq!(PollRequest::parse(&json), Ok(request));
        }
    }
}

//! Answering polls (RFC 8936): how much is handed out, for how long, and what the Receiver's word makes of its SETs.

use std::{collections::BTreeMap, time::Duration};

use ssf_types::{
    id::Jti,
    poll::{PollRequest, SETS_MAX, SETTLED_MAX},
    time::Timestamp,
};

use super::delivery::DeliveryState;

/// Most SETs of an answer to a Receiver that sets no limit: about 100 KiB, which take 25 ms of one core to sign.
pub const SETS_DEFAULT: usize = 100;

/// Most SETs that are with the Receiver of one stream, neither settled nor offered again: as many as one poll can settle.
pub const SETS_OUT_MAX: usize = SETTLED_MAX;

/// How long a Receiver may take over the SETs of an answer before they are offered again.
pub const OUT_FOR: Duration = Duration::from_mins(1);

/// Most bytes of claims in one answer: as tokens, with their signatures and the subjects that some profiles repeat, they
/// stay below the 16 MiB that Receivers take.
pub const CLAIMS_BYTES_MAX: usize = 5 * 1024 * 1024;

/// Most SETs that the answer to `request` holds.
pub fn sets_wanted(request: &PollRequest) -> usize {
    match request.max_events {
        Some(_) => request.limit(SETS_MAX),
        None => SETS_DEFAULT,
    }
}

/// What the Receiver's word makes of the SETs that it names: those in `setErrs` are quarantined, as those that a push
/// endpoint refuses.
///
/// Every code counts, `authentication_failed` included: here it is about the SET, not about the request (RFC 8936 §2.6).
pub fn settlements(request: &PollRequest, now: Timestamp) -> BTreeMap<Jti, DeliveryState> {
    let settled = request.settled().into_iter();
    let state = |(jti, error): (&Jti, Option<_>)| match error {
        None => (jti.clone(), DeliveryState::Acknowledged { at: now }),
        Some(error) => (jti.clone(), DeliveryState::refused(error, now)),
    };
    settled.map(state).collect()
}

/// How many of SETs of these sizes fit into one answer, in bytes of claims; the first always does.
pub fn fitting(sizes: impl IntoIterator<Item = usize>, sets_max: usize) -> usize {
    let mut bytes: usize = 0;
    let fits = |(at, size): &(usize, usize)| {
        bytes = bytes.saturating_add(*size);
        *at == 0 || bytes <= CLAIMS_BYTES_MAX
    };
    let sizes = sizes.into_iter().take(sets_max).enumerate();
    sizes.take_while(fits).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(json: &str) -> PollRequest {
        PollRequest::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn an_answer_holds_what_was_asked_for_within_our_own_limits() {
        for (json, expected) in [
            ("{}", 100),
            (r#"{"maxEvents":0}"#, 0),
            (r#"{"maxEvents":7}"#, 7),
            (r#"{"maxEvents":1000}"#, 1000),
            (r#"{"maxEvents":18446744073709551615}"#, 1000),
        ] {
            assert_eq!(sets_wanted(&request(json)), expected, "{json}");
        }
    }

    #[test]
    fn what_is_acknowledged_is_settled_and_what_is_refused_is_kept_with_the_reason() {
        let now = Timestamp::from_secs(7);
        let request = request(
            r#"{"ack":["1","2"],"setErrs":{"2":{"err":"authentication_failed","description":"not yours"}}}"#,
        );
        let states = settlements(&request, now);
        let quarantined = DeliveryState::Quarantined {
            at: now,
            code: ssf_types::error::ErrCode::AuthenticationFailed,
            description: "not yours".into(),
        };
        let jti = |text: &str| Jti::parse(text).unwrap();
        let expected = [
            (jti("1"), DeliveryState::Acknowledged { at: now }),
            (jti("2"), quarantined),
        ];
        assert_eq!(states, BTreeMap::from(expected));
    }

    #[test]
    fn an_answer_ends_before_it_is_too_long_and_holds_one_set_at_least() {
        let half = CLAIMS_BYTES_MAX / 2;
        assert_eq!(fitting([half, half, 1], 10), 2);
        assert_eq!(fitting([CLAIMS_BYTES_MAX + 1, 1], 10), 1);
        assert_eq!(fitting([usize::MAX, usize::MAX], 10), 1);
        assert_eq!(fitting([1, 1, 1], 2), 2);
        assert_eq!(fitting([1], 0), 0);
        assert_eq!(fitting([], 10), 0);
    }
}

//! What the next poll says of the SETs that came before (RFC 8936 §2.2).
//!
//! 1. A SET is in `ack` after it has become durable and is in effect, and in `setErrs` if it is refused for good.
//! 2. A SET that can be neither taken nor refused now is in neither: it stays with the Transmitter, and comes again.
//! 3. What a poll said is said again until a poll that said it was answered; the Transmitter may have heard it nevertheless,
//!    for whom a repetition means nothing.

use std::collections::BTreeMap;

use ssf_types::{
    id::Jti,
    poll::{PollRequest, RESPONSE_BYTES_MAX, SETTLED_MAX},
    push::PushError,
    set::SET_BYTES_MAX,
};

/// Most SETs that are asked for at a time: even if all of them have the greatest length, the answer stays below what is
/// read of one, with a quarter to spare for the names and the rest of the JSON.
pub(crate) const SETS_WANTED: usize = RESPONSE_BYTES_MAX * 3 / 4 / SET_BYTES_MAX;

/// What becomes of a SET that came by poll.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// It is durable and in effect.
    Taken,
    /// It is refused for good.
    Refused(PushError),
    /// Nobody can tell yet.
    NotNow,
}

/// What is to be said with the next poll.
#[derive(Clone, Debug, Default)]
pub(crate) struct Round {
    /// SETs that are settled here, by the name that they came under: with an error if they are refused.
    owed: BTreeMap<Jti, Option<PushError>>,
    /// Whether the last poll was answered.
    ///
    /// If not, the next one wants its answer at once, which tells whether the Transmitter is there again; one that may
    /// wait would leave that open for as long as it waits.
    is_heard: bool,
}

impl Round {
    /// Asks for SETs, and settles those that came before.
    ///
    /// At most [`SETTLED_MAX`] of each kind are settled at a time; the others are left for the poll after it.
    pub(crate) fn request(&self) -> PollRequest {
        let mut request = self.settling();
        request.max_events = Some(SETS_WANTED as u64);
        request.return_immediately = !self.is_heard;
        request
    }

    /// Settles SETs and asks for none: the last word of a receiver that stops (RFC 8936 §2.4.2). `None` if there is
    /// nothing to be said.
    pub(crate) fn last_request(&self) -> Option<PollRequest> {
        let mut request = self.settling();
        request.max_events = Some(0);
        request.return_immediately = true;
        (!self.owed.is_empty()).then_some(request)
    }

    fn settling(&self) -> PollRequest {
        let mut request = PollRequest::default();
        for (name, error) in &self.owed {
            match error {
                None if request.ack.len() < SETTLED_MAX => request.ack.push(name.clone()),
                Some(error) if request.set_errs.len() < SETTLED_MAX => {
                    request.set_errs.insert(name.clone(), error.clone());
                }
                None | Some(_) => {}
            }
        }
        request
    }

    /// The Transmitter answered this poll: it knows what the poll said.
    pub(crate) fn answered(&mut self, request: &PollRequest) {
        for name in request.ack.iter().chain(request.set_errs.keys()) {
            self.owed.remove(name);
        }
        self.is_heard = true;
    }

    /// The Transmitter did not answer.
    pub(crate) fn failed(&mut self) {
        self.is_heard = false;
    }

    /// A SET of the last answer got its verdict.
    pub(crate) fn settle(&mut self, name: Jti, verdict: Verdict) {
        match verdict {
            Verdict::Taken => drop(self.owed.insert(name, None)),
            Verdict::Refused(error) => drop(self.owed.insert(name, Some(error))),
            Verdict::NotNow => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use ssf_types::error::ErrCode;

    use super::*;

    fn jti(text: impl Into<String>) -> Jti {
        Jti::parse(text).unwrap()
    }

    fn refused() -> Verdict {
        Verdict::Refused(PushError::new(ErrCode::InvalidKey, "unknown"))
    }

    fn json(request: &PollRequest) -> String {
        serde_json::to_string(request).unwrap()
    }

    #[test]
    fn the_first_poll_wants_an_answer_at_once_and_the_next_one_waits() {
        let mut round = Round::default();
        let request = round.request();
        assert_eq!(
            json(&request),
            r#"{"maxEvents":192,"returnImmediately":true}"#
        );
        round.answered(&request);
        assert_eq!(json(&round.request()), r#"{"maxEvents":192}"#);
    }

    #[test]
    fn a_set_is_named_in_ack_or_in_set_errs_or_in_neither() {
        let mut round = Round::default();
        round.answered(&round.request());
        round.settle(jti("1"), Verdict::Taken);
        round.settle(jti("2"), refused());
        round.settle(jti("3"), Verdict::NotNow);
        let request = round.request();
        assert_eq!(
            json(&request),
            r#"{"maxEvents":192,"ack":["1"],"setErrs":{"2":{"err":"invalid_key","description":"unknown"}}}"#
        );
        assert_eq!(request.content_language(), Some("en"));
        round.answered(&request);
        assert_eq!(json(&round.request()), r#"{"maxEvents":192}"#);
    }

    #[test]
    fn what_was_not_answered_is_said_again_and_wants_an_answer_at_once() {
        let mut round = Round::default();
        round.answered(&round.request());
        round.settle(jti("1"), Verdict::Taken);
        assert!(round.request().waits());
        round.failed();
        let again = round.request();
        assert_eq!(again.ack, [jti("1")]);
        assert!(!again.waits());
    }

    #[test]
    fn the_last_poll_settles_and_wants_nothing() {
        let mut round = Round::default();
        assert_eq!(round.last_request(), None);
        round.settle(jti("1"), Verdict::Taken);
        assert_eq!(
            json(&round.last_request().unwrap()),
            r#"{"maxEvents":0,"returnImmediately":true,"ack":["1"]}"#
        );
    }

    #[test]
    fn at_most_four_thousand_of_each_kind_are_settled_at_a_time() {
        let mut round = Round::default();
        for number in 0..4001 {
            round.settle(jti(format!("taken-{number:04}")), Verdict::Taken);
            round.settle(jti(format!("refused-{number:04}")), refused());
        }
        let request = round.request();
        assert_eq!((request.ack.len(), request.set_errs.len()), (4000, 4000));
        round.answered(&request);
        let rest = round.request();
        assert_eq!(rest.ack, [jti("taken-4000")]);
        assert_eq!(rest.set_errs.len(), 1);
    }

    #[test]
    fn a_set_that_was_taken_and_is_refused_when_it_comes_again_counts_as_refused() {
        let mut round = Round::default();
        round.settle(jti("1"), Verdict::Taken);
        round.settle(jti("1"), refused());
        let request = round.request();
        assert!(request.ack.is_empty());
        assert_eq!(request.set_errs.len(), 1);
    }

    #[test]
    fn a_set_that_was_taken_and_cannot_be_verified_when_it_comes_again_stays_taken() {
        let mut round = Round::default();
        round.settle(jti("1"), Verdict::Taken);
        round.settle(jti("1"), Verdict::NotNow);
        assert_eq!(round.request().ack, [jti("1")]);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Settle(u8, u8),
        Answered,
        Failed,
    }

    fn any_step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (any::<u8>(), 0..3_u8).prop_map(|(name, verdict)| Step::Settle(name, verdict)),
            1 => Just(Step::Answered),
            1 => Just(Step::Failed),
        ]
    }

    proptest! {
        #[test]
        fn whatever_comes_each_set_that_was_taken_is_told_until_it_was_heard_and_no_other_is_acknowledged(
            steps in prop::collection::vec(any_step(), 0..60),
        ) {
            let mut round = Round::default();
            let mut taken = BTreeSet::new();
            for step in steps {
                match step {
                    Step::Settle(name, verdict) => {
                        let name = jti(name.to_string());
                        let verdict = match verdict {
                            0 => Verdict::Taken,
                            1 => refused(),
                            _ => Verdict::NotNow,
                        };
                        match verdict {
                            Verdict::Taken => drop(taken.insert(name.clone())),
                            Verdict::Refused(_) => drop(taken.remove(&name)),
                            Verdict::NotNow => {}
                        }
                        round.settle(name, verdict);
                    }
                    Step::Answered => {
                        round.answered(&round.request());
                        taken.clear();
                    }
                    Step::Failed => round.failed(),
                }
                let said: BTreeSet<Jti> = round.request().ack.into_iter().collect();
                prop_assert_eq!(&said, &taken);
            }
        }
    }
}

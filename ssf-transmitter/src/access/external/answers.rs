//! What an authorization server said of tokens a moment ago.

use std::{collections::HashMap, time::Duration};

use ssf_types::time::Timestamp;
use tokio::time::Instant;

use super::ForeignClient;
use crate::domain::{id::Fingerprint, introspection::NotVouchedError};

/// How long it is remembered that a token counts: one that the server takes back lets nobody in for longer than this.
const VOUCHED: Duration = Duration::from_mins(1);

/// How long it is remembered that a token does not count: a server that learns late of what it has issued is asked again
/// soon.
const REFUSED: Duration = Duration::from_secs(10);

/// How long it is remembered that a token counted once: whoever shows it again is asked about before strangers are.
const KNOWN: Duration = Duration::from_hours(1);

/// Most answers that are remembered, some megabytes; about further tokens the server is asked with each request.
const ANSWERS_MAX: usize = 10_000;

/// Most answers beyond which no refusal is remembered: tokens that somebody makes up leave room for those that count.
const REFUSALS_MAX: usize = ANSWERS_MAX / 2;

/// Whom a token stands for, or why for nobody.
pub(super) type Said = Result<ForeignClient, NotVouchedError>;

/// What is known of a token before anybody is asked about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Standing {
    /// It counted a while ago.
    Known,
    /// Nothing: it may be made up.
    Strange,
}

/// An answer, and what limits how long it is remembered.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// What was said.
    pub(super) said: Said,
    /// When the question began: what the server learned later may not be in its answer.
    pub(super) asked: Instant,
    /// When the token itself ends, if that is known.
    pub(super) exp: Option<Timestamp>,
}

impl Answer {
    /// Whether it still holds at `now`, which is `at` by the clock that nobody sets.
    fn holds(&self, at: Instant, now: Timestamp) -> bool {
        let age = at.saturating_duration_since(self.asked);
        match self.said {
            Ok(_) => age < VOUCHED && self.exp.is_none_or(|exp| now < exp),
            Err(_) => age < REFUSED,
        }
    }

    /// Whether it tells something still, be it that the token counted once.
    fn tells(&self, at: Instant, now: Timestamp) -> bool {
        let age = at.saturating_duration_since(self.asked);
        self.holds(at, now) || (self.said.is_ok() && age < KNOWN)
    }
}

/// Answers, by fingerprints of the tokens, so that no token is kept.
#[derive(Debug, Default)]
pub(super) struct Answers(HashMap<Fingerprint, Answer>);

impl Answers {
    /// What was said of a token, if that still holds.
    pub(super) fn said(&self, token: Fingerprint, at: Instant, now: Timestamp) -> Option<Said> {
        let answer = self.0.get(&token)?;
        answer.holds(at, now).then(|| answer.said.clone())
    }

    /// What is known of a token.
    pub(super) fn standing(&self, token: Fingerprint, at: Instant) -> Standing {
        let known = self.0.get(&token);
        let known = known.filter(|answer| answer.said.is_ok());
        match known.map(|answer| at.saturating_duration_since(answer.asked)) {
            Some(age) if age < KNOWN => Standing::Known,
            Some(_) | None => Standing::Strange,
        }
    }

    /// Remembers an answer, if there is room.
    pub(super) fn remember(
        &mut self,
        token: Fingerprint,
        answer: Answer,
        at: Instant,
        now: Timestamp,
    ) {
        let room = match answer.said {
            Ok(_) => ANSWERS_MAX,
            Err(_) => REFUSALS_MAX,
        };
        if self.0.len() >= room {
            self.0.retain(|_, answer| answer.tells(at, now));
        }
        // Made-up tokens must not have those forgotten that counted.
        if self.0.len() >= room && answer.said.is_ok() {
            self.0.retain(|_, answer| answer.holds(at, now));
        }
        if self.0.len() < room || self.0.contains_key(&token) {
            self.0.insert(token, answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::scope::Scopes;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const REFUSAL: Said = Err(NotVouchedError::Inactive);

    fn client() -> ForeignClient {
        ForeignClient {
            client_id: "rp".to_owned(),
            scopes: Scopes::all(),
        }
    }

    fn token(number: usize) -> Fingerprint {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&number.to_be_bytes());
        Fingerprint::new(digest)
    }

    fn answer(said: Said, asked: Instant) -> Answer {
        Answer {
            said,
            asked,
            exp: None,
        }
    }

    #[test]
    fn an_answer_holds_for_a_minute_and_a_refusal_for_ten_seconds() {
        let begin = Instant::now();
        let mut answers = Answers::default();
        answers.remember(token(1), answer(Ok(client()), begin), begin, NOW);
        answers.remember(token(2), answer(REFUSAL, begin), begin, NOW);
        let after = |seconds| begin + Duration::from_secs(seconds);
        assert_eq!(answers.said(token(1), after(59), NOW), Some(Ok(client())));
        assert_eq!(answers.said(token(1), after(60), NOW), None);
        assert_eq!(answers.said(token(2), after(9), NOW), Some(REFUSAL));
        assert_eq!(answers.said(token(2), after(10), NOW), None);
        assert_eq!(answers.said(token(3), begin, NOW), None);
    }

    #[test]
    fn a_token_that_counted_is_known_for_an_hour_unless_it_was_refused_since() {
        let begin = Instant::now();
        let mut answers = Answers::default();
        answers.remember(token(1), answer(Ok(client()), begin), begin, NOW);
        answers.remember(token(2), answer(REFUSAL, begin), begin, NOW);
        let at = |seconds| begin + Duration::from_secs(seconds);
        assert_eq!(answers.standing(token(1), at(3599)), Standing::Known);
        assert_eq!(answers.standing(token(1), at(3600)), Standing::Strange);
        assert_eq!(answers.standing(token(2), begin), Standing::Strange);
        assert_eq!(answers.standing(token(3), begin), Standing::Strange);
        answers.remember(token(1), answer(REFUSAL, at(60)), at(60), NOW);
        assert_eq!(answers.standing(token(1), at(60)), Standing::Strange);
    }

    #[test]
    fn no_answer_outlives_its_token() {
        let begin = Instant::now();
        let mut answers = Answers::default();
        let ending = Answer {
            exp: Some(NOW.after(Duration::from_secs(5))),
            ..answer(Ok(client()), begin)
        };
        answers.remember(token(1), ending, begin, NOW);
        let after = |seconds| NOW.after(Duration::from_secs(seconds));
        assert_eq!(answers.said(token(1), begin, after(4)), Some(Ok(client())));
        assert_eq!(answers.said(token(1), begin, after(5)), None);
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_answer_live_longer() {
        let begin = Instant::now();
        let mut answers = Answers::default();
        answers.remember(token(1), answer(Ok(client()), begin), begin, NOW);
        let earlier = NOW.before(Duration::from_hours(1));
        assert_eq!(answers.said(token(1), begin + VOUCHED, earlier), None);
    }

    #[test]
    fn refusals_leave_room_for_tokens_that_count_and_both_have_a_limit() {
        let begin = Instant::now();
        let mut answers = Answers::default();
        for number in 0..=REFUSALS_MAX {
            answers.remember(token(number), answer(REFUSAL, begin), begin, NOW);
        }
        assert_eq!(answers.said(token(REFUSALS_MAX), begin, NOW), None);
        for number in REFUSALS_MAX..=ANSWERS_MAX {
            answers.remember(token(number), answer(Ok(client()), begin), begin, NOW);
        }
        let last = token(ANSWERS_MAX - 1);
        assert_eq!(answers.said(last, begin, NOW), Some(Ok(client())));
        assert_eq!(answers.said(token(ANSWERS_MAX), begin, NOW), None);
        let later = begin + REFUSED;
        answers.remember(token(ANSWERS_MAX), answer(Ok(client()), later), later, NOW);
        let found = answers.said(token(ANSWERS_MAX), later, NOW);
        assert_eq!(found, Some(Ok(client())), "what is over makes room");
    }
}

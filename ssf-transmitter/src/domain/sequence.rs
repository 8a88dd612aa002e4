//! Numbers on the SETs of a stream whose Receiver has asked for them: an extension of SSF 1.0, which has none.
//!
//! What they look like on the wire is [`ssf_types::set::Sequence`]'s to say. They show only where they were asked for, so
//! that everybody else sees SSF 1.0 alone.

use serde_json::json;
use ssf_types::{
    event::Event,
    id::{Epoch, StreamId},
    json::{Extra, Members},
    set::{Account, Sequence},
    uri::EndpointUrl,
};

use super::profile::Profile;

/// Most numbers that are looked at for one account: they are read while the queue of the stream is locked, in a few
/// milliseconds.
pub const NUMBERS_MAX: usize = 10_000;

/// Most bytes of the claim where it gives no account.
pub const CLAIM_BYTES_MAX: usize = 320;

/// A stream cannot have its SETs numbered as it is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SequenceError {
    /// The member is something else.
    #[error("set_sequence must be true or false")]
    NotBool,
    /// The Receiver speaks an older draft or a dialect, and its SETs have what that knows.
    #[error("set_sequence is for receivers with the profile ssf-1.0: leave it out")]
    NotOffered,
    /// What was chosen on creation stays.
    #[error(
        "set_sequence must stay as it was when the stream was created: create another stream to choose anew"
    )]
    Fixed,
}

/// Whether a request asks for numbers; `None` if it says nothing about it.
fn asked(extra: &Extra) -> Result<Option<bool>, SequenceError> {
    let read = |json| serde_json::from_str(json).map_err(|_| SequenceError::NotBool);
    extra.json(Sequence::NAME).map(read).transpose()
}

/// The epoch of a stream that is being created, if its Receiver asks for numbers.
///
/// A new stream is a new run of numbers, and its id was never given before.
///
/// # Errors
/// The member is neither true nor false, or the profile has no numbers.
pub fn first_epoch(
    extra: &Extra,
    profile: Profile,
    stream: &StreamId,
) -> Result<Option<Epoch>, SequenceError> {
    match (asked(extra)?, profile.is_extended()) {
        (Some(true), true) => Ok(Some(epoch_of(stream))),
        (Some(true), false) => Err(SequenceError::NotOffered),
        (Some(false) | None, _) => Ok(None),
    }
}

#[expect(
    clippy::expect_used,
    reason = "the rules of an epoch are those of the id of a stream"
)]
fn epoch_of(stream: &StreamId) -> Epoch {
    Epoch::parse(stream.as_str()).expect("it is an identifier")
}

/// Checks that a change leaves the numbers as they are.
///
/// # Errors
/// The member is neither true nor false, or not what was chosen on creation.
pub fn stays(extra: &Extra, epoch: Option<&Epoch>) -> Result<(), SequenceError> {
    match asked(extra)? {
        Some(asked) if asked != epoch.is_some() => Err(SequenceError::Fixed),
        Some(_) | None => Ok(()),
    }
}

/// What the configuration of a stream says that has numbers.
pub fn told() -> Extra {
    members(&json!({ (Sequence::NAME): true }))
}

/// What the metadata says, where SETs may be asked for again there.
pub fn told_of_offer(replay_endpoint: &EndpointUrl) -> Extra {
    members(&json!({
        (Sequence::SUPPORTED): true,
        (Sequence::REPLAY_ENDPOINT): replay_endpoint.as_str(),
    }))
}

#[expect(
    clippy::expect_used,
    reason = "the text of an object is read as what it was written from"
)]
fn members(object: &serde_json::Value) -> Extra {
    let text = object.to_string();
    Members::parse(&text).expect("it is an object").rest()
}

/// Accounts for the numbers up to `through`; `newest_first` are those that were given up, at most one more than
/// [`NUMBERS_MAX`].
pub fn account(through: u64, told_after: u64, mut newest_first: Vec<u64>) -> Account {
    let left_over = newest_first.get(NUMBERS_MAX).copied();
    newest_first.truncate(NUMBERS_MAX);
    let told_after = left_over.map_or(told_after, |number| number.max(told_after));
    Account::new(through, told_after, newest_first)
}

/// Has a verification give an account of numbers of `epoch`: it is kept with the event, so that each attempt says the same.
///
/// # Panics
/// Never: an account is numbers.
#[expect(clippy::expect_used, reason = "text and numbers are always written")]
pub fn keep(event: &mut Event, epoch: &Epoch, account: Account) {
    if let Event::Verification(verification) = event {
        let mut kept = Sequence::new(epoch.clone(), account.through() + 1);
        kept.account = Some(account);
        let put = verification.extra.put(Sequence::NAME, &kept);
        put.expect("it is an object of text and numbers");
    }
}

/// Takes the account out of a verification, if it gives one of numbers of `epoch`: since it was kept, another may have begun, of
/// which it says nothing.
pub fn take(event: &mut Event, epoch: &Epoch) -> Option<Account> {
    let Event::Verification(verification) = event else {
        return None;
    };
    let kept = Sequence::among(&verification.extra).ok().flatten();
    verification.extra.take(Sequence::NAME);
    kept.filter(|kept| kept.epoch == *epoch)?.account
}

/// Takes the account out of a verification of which nobody is to know it.
pub fn clear(event: &mut Event) {
    if let Event::Verification(verification) = event {
        verification.extra.take(Sequence::NAME);
    }
}

#[cfg(test)]
mod tests {
    use ssf_types::event::{caep::SessionRevoked, ssf::Verification};

    use super::*;

    fn extra(json: &str) -> Extra {
        Members::parse(json).unwrap().rest()
    }

    fn stream() -> StreamId {
        StreamId::parse("f67e39a0").unwrap()
    }

    fn first(json: &str, profile: Profile) -> Result<Option<String>, SequenceError> {
        let epoch = first_epoch(&extra(json), profile, &stream())?;
        Ok(epoch.map(|epoch| epoch.as_str().to_owned()))
    }

    #[test]
    fn only_who_asks_gets_numbers() {
        let strict = |json: &str| first(json, Profile::Strict);
        assert_eq!(strict("{}"), Ok(None));
        assert_eq!(strict(r#"{"set_sequence":false}"#), Ok(None));
        let epoch = Ok(Some("f67e39a0".to_owned()));
        assert_eq!(strict(r#"{"set_sequence":true}"#), epoch);
        for value in ["null", "1", r#""true""#, "{}", "[]"] {
            let json = format!(r#"{{"set_sequence":{value}}}"#);
            assert_eq!(strict(&json), Err(SequenceError::NotBool), "{value}");
        }
    }

    #[test]
    fn a_dialect_has_no_numbers() {
        for profile in Profile::ALL {
            let asked = first(r#"{"set_sequence":true}"#, profile);
            let is_strict = profile == Profile::Strict;
            assert_eq!(asked == Err(SequenceError::NotOffered), !is_strict);
            assert_eq!(first("{}", profile), Ok(None));
        }
    }

    #[test]
    fn what_was_chosen_on_creation_stays() {
        let epoch = Epoch::parse("f67e39a0").unwrap();
        let ask = |json, epoch| stays(&extra(json), epoch);
        for (json, with, without) in [
            ("{}", Ok(()), Ok(())),
            (
                r#"{"set_sequence":true}"#,
                Ok(()),
                Err(SequenceError::Fixed),
            ),
            (
                r#"{"set_sequence":false}"#,
                Err(SequenceError::Fixed),
                Ok(()),
            ),
            (
                r#"{"set_sequence":null}"#,
                Err(SequenceError::NotBool),
                Err(SequenceError::NotBool),
            ),
        ] {
            assert_eq!(ask(json, Some(&epoch)), with, "{json}");
            assert_eq!(ask(json, None), without, "{json}");
        }
    }

    #[test]
    fn of_more_numbers_than_are_looked_at_the_lowest_are_left_out() {
        let last = NUMBERS_MAX as u64 + 1;
        let whole = account(last, 0, (2..=last).rev().collect());
        assert_eq!(
            (whole.undelivered(), whole.told_after()),
            (&[2..=last][..], 0)
        );
        let cut = account(last, 0, (1..=last).rev().collect());
        assert_eq!((cut.undelivered(), cut.told_after()), (&[2..=last][..], 1));
    }

    #[test]
    fn an_account_is_kept_with_a_verification_alone() {
        let told = Account::new(7, 0, [3]);
        let epoch = Epoch::parse("f67e39a0").unwrap();
        let mut event = Event::from(Verification::default());
        keep(&mut event, &epoch, told.clone());
        assert_eq!(take(&mut event, &epoch), Some(told.clone()));
        assert_eq!(event, Event::from(Verification::default()));
        let mut event = Event::from(SessionRevoked::default());
        keep(&mut event, &epoch, told);
        assert_eq!(take(&mut event, &epoch), None);
    }

    #[test]
    fn an_account_says_nothing_of_an_epoch_that_began_since() {
        let mut event = Event::from(Verification::default());
        let former = Epoch::parse("former").unwrap();
        keep(&mut event, &former, Account::new(7, 0, [3]));
        assert_eq!(take(&mut event, &Epoch::parse("new").unwrap()), None);
        assert_eq!(event, Event::from(Verification::default()));
    }

    #[test]
    fn a_claim_without_an_account_is_short() {
        let epoch = Epoch::parse("x".repeat(255)).unwrap();
        let claim = Sequence::new(epoch, ssf_types::set::SEQ_MAX);
        let text = format!(
            r#","set_sequence":{}"#,
            serde_json::to_string(&claim).unwrap()
        );
        assert!(text.len() <= CLAIM_BYTES_MAX, "{}", text.len());
    }
}

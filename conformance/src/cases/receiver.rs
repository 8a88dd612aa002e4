//! Cases of a Receiver that has its stream at the tester: what it asks for, how it polls, and what it makes of events about
//! the stream. Those of SETs it shares with push endpoints.

mod activity;
mod certificate;
mod effect;
mod keys;
mod late;
mod manage;
mod poll;
mod request;
mod scopes;
mod secret;
mod setup;
mod subject;
mod verification;

use crate::case::Case;

const RECEIVER: Case = Case {
    tags: &["receiver"],
    ..Case::PUSH
};

/// Those that come before the cases of SETs: who was sent keys of strangers may have to wait before it fetches keys again.
pub fn before() -> impl Iterator<Item = &'static Case> {
    keys::CASES.iter().chain(effect::CASES)
}

/// Those that come after them: whatever is judged by what the Receiver has asked for has more to go by at the end.
pub fn after() -> impl Iterator<Item = &'static Case> {
    // Before the Receiver's polls are disturbed: it may have to wait then.
    activity::CASES
        .iter()
        .chain(late::CASES)
        .chain(verification::CASES)
        .chain(poll::cases())
        .chain(manage::CASES)
        .chain(secret::CASES)
        .chain(scopes::CASES)
        .chain(request::CASES)
        .chain(subject::CASES)
        .chain(setup::CASES)
        .chain(certificate::CASES)
}

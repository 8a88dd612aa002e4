//! What no specification demands and attackers look for, by what others got wrong. Cases about what is demanded as well stand with
//! their sections, and are in this profile besides.

mod address;
mod answer;
mod input;

use crate::{
    case::{Case, Profile, Stop},
    checks::Level,
    context::{Answered, Context, Operation, Stream},
};

const BASE: Case = Case {
    level: Level::Should,
    profiles: &[Profile::Hardening],
    tags: &["hardening"],
    ..Case::MANAGEMENT
};

/// The cases of this profile alone.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    address::CASES
        .iter()
        .chain(input::CASES)
        .chain(answer::CASES)
}

/// Expects that what was asked for is refused.
fn expect_refused(cx: &Context, answered: &Answered) {
    let found = answered.status();
    let what = format!("{}: the status", answered.asked());
    cx.expect((400..500).contains(&found), what, "one of the 4xx", found);
}

/// Expects that a stream can still be made: the Transmitter goes on.
async fn expect_goes_on(cx: &Context) -> Result<Option<Stream>, Stop> {
    let call = cx.call(Operation::Create).json(&cx.stream_request());
    let answered = call.send().await?;
    answered.given_room()?;
    cx.expect_success(&answered);
    Ok(Stream::given(&answered).ok())
}

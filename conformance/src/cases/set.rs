//! SETs as a Transmitter signs them (SSF 1.0 §4, RFC 8417), judged by a verification and, with the adapter, by an event.

pub mod claims;
pub mod header;

use crate::{
    case::{Case, Stop},
    context::{Context, Gathering, Sample},
};

/// What is gathered once, by whichever case comes first, takes a stream for so long.
const BASE: Case = Case {
    tags: &["set"],
    waits: |limits| limits.event() * 2,
    ..Case::MANAGEMENT
};

/// The cases of SETs, whatever they tell.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    header::CASES.iter().chain(claims::CASES)
}

/// Judges the verification, and the event if there is an adapter for it.
async fn each(cx: &Context, judge: fn(&Context, &Sample)) -> Result<(), Stop> {
    judge(cx, &*cx.sample(Gathering::Verification).await?);
    if cx.target().adapters.emit.is_some() {
        judge(cx, &*cx.sample(Gathering::Event).await?);
    }
    Ok(())
}

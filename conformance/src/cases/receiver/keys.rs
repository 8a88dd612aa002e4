//! Keys that change while the Receiver runs.

use serde_json::json;

use super::RECEIVER;
use crate::{
    case::{Case, Judge, Profile, Stop},
    checks::Level::MustImplied,
    push::{Probe, Signed},
};

/// The cases.
pub(super) const CASES: &[Case] = &[Case {
    id: "SET-030.new-key",
    section: "SSF 1.0 §4.1.4",
    level: MustImplied,
    profiles: Profile::AND_LEGACY,
    title: "a key that the issuer publishes later counts",
    why: "issuers change keys; a receiver that read them once refuses every event from then on",
    judge: Judge::Push(|p| Box::pin(new_key(p))),
    ..RECEIVER
}];

async fn new_key(probe: &Probe) -> Result<(), Stop> {
    probe.given_accepted().await?;
    probe.host()?.publish_next_key();
    let set = probe.sound().header("kid", json!(probe.next_kid()?));
    let request = probe.request(&set.signed(Signed::Next))?;
    // It may be put off until the receiver has fetched keys again.
    let answered = probe.decided(request).await?;
    probe.expect_accepted(&answered);
    Ok(())
}

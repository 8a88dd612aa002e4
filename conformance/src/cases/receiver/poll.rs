//! How the Receiver polls (RFC 8936); not run where its stream is pushed.

mod acknowledgement;
mod disturbance;
mod request;

use super::RECEIVER;
use crate::{
    case::{Case, Stop},
    peer::{
        Operation,
        host::{Delivery, Host, Seen},
    },
    push::Probe,
};

const POLL: Case = Case {
    tags: &["receiver", "poll"],
    ..RECEIVER
};

/// The cases.
pub(super) fn cases() -> impl Iterator<Item = &'static Case> {
    request::CASES
        .iter()
        .chain(acknowledgement::CASES)
        .chain(disturbance::CASES)
}

pub(super) fn polled(probe: &Probe) -> Result<&Host, Stop> {
    let host = probe.host()?;
    match host.delivery() {
        Some(Delivery::Poll) => Ok(host),
        Some(Delivery::Push) => Err(Stop::not_offered("its stream is pushed")),
        None => Err(Stop::blocked("there is no stream that is enabled")),
    }
}

pub(super) fn is_poll(seen: &Seen) -> bool {
    seen.operation == Some(Operation::Poll)
}

//! Delivery by push (RFC 8935, SSF 1.0 §6.1.1): what a Transmitter sends to an endpoint of the tester's, and what it makes of the
//! answers.

pub mod answer;
pub mod configuration;
pub mod failure;
pub mod receivers;
pub mod request;
pub mod status;
pub mod tls;

use crate::case::{Case, Need};

/// What these cases have unless they say otherwise: one event is waited for.
const BASE: Case = Case {
    section: "RFC 8935 §2.1",
    tags: &["push"],
    needs: &[Need::Token, Need::Push],
    waits: |limits| limits.event(),
    ..Case::MANAGEMENT
};

/// With events that happen to somebody.
const EVENTS: Case = Case {
    needs: &[Need::Token, Need::Push, Need::Emit],
    waits: |limits| limits.event() * 3 + limits.silence(),
    ..BASE
};

/// All cases of delivery by push.
pub(super) fn cases() -> impl Iterator<Item = &'static Case> {
    configuration::CASES
        .iter()
        .chain(request::CASES)
        .chain(answer::CASES)
        .chain(failure::CASES)
        .chain(status::CASES)
        .chain(tls::CASES)
        .chain(receivers::CASES)
}

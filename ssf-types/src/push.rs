//! Push delivery (RFC 8935): what an answer means, and the answer to a SET that is refused.
//!
//! The Transmitter POSTs one SET as `application/secevent+jwt` with `Accept: application/json`. The Receiver answers 202
//! without a body, or 400 with a [`PushError`] in `application/json` and a `Content-Language`. [`classify`] is the one
//! table that says what any end of such an exchange means; what to do about it is the Transmitter's policy.

mod error;
mod outcome;
mod retry_after;

pub use self::{
    error::{CODE_BYTES_MAX, CONTENT_LANGUAGE, DESCRIPTION_BYTES_MAX, PushError},
    outcome::{Acknowledge, Answer, Exchange, Failure, NoAnswer, PushOutcome, classify},
    retry_after::{RETRY_AFTER_MAX, read as retry_after},
};

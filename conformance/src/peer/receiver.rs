//! A reference Receiver: takes pushes, verifies them with the keys that the issuer publishes, and does nothing with them.
//!
//! As the reference transmitter it is plain: what it does is what a case may rely on. It reads tokens by itself, so that no
//! fault of `ssf-types` can hide on both sides.

mod fault;
mod pushed;
mod server;
mod verdict;

pub use self::{
    fault::{Breaks, ReceiverFault},
    pushed::Pushed,
    server::{Receiver, Trust},
    verdict::Verdict,
};

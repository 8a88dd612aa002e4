//! A reference Receiver: takes pushes and does nothing with them ([`Receiver`]), or makes its stream, polls or is pushed to, and ends
//! sessions ([`WithStream`]); it verifies SETs with the keys that the issuer publishes.
//!
//! As the reference transmitter it is plain: what it does is what a case may rely on. It reads tokens by itself, so that no
//! fault of `ssf-types` can hide on both sides.

mod asking;
mod fault;
mod lenient;
mod manners;
mod owner;
mod polling;
mod pushed;
mod server;
mod sessions;
mod subject;
mod taking;
mod tokens;
mod verdict;
mod with_stream;

pub(crate) use self::asking::LEFT;
pub use self::{
    fault::{Breaks, ReceiverFault},
    lenient::Overlooks,
    manners::{Manners, Patience},
    pushed::Pushed,
    server::{Receiver, Trust},
    sessions::Misjudges,
    tokens::Scopes,
    verdict::Verdict,
    with_stream::{Access, Orders, WithStream},
};

//! What the transmitter knows and decides: no clock, no chance, no input or output.
//!
//! Functions here take the moment, the jitter and new identifiers as arguments, and return what is to be done.

pub mod announcement;
pub mod audit;
pub mod delivery;
pub mod dropped;
pub mod event;
pub mod fan_out;
pub mod framework;
pub mod id;
pub mod issuer;
pub mod key;
pub mod method;
pub mod mint;
pub mod order;
pub mod poll;
pub mod push_address;
pub mod receiver;
pub mod retry;
pub mod stream;
pub mod subjects;
pub mod verification;

//! The faults, one file for each file of cases.

pub mod discovery;
pub mod poll;
pub mod push;
pub mod set;
mod spoils;
pub mod status;
pub mod stream;
pub mod verification;

use super::{Fault, receiver::ReceiverFault};

/// All faults of a transmitter, in the order of the catalogue.
pub fn transmitter() -> impl Iterator<Item = &'static Fault> {
    discovery::FAULTS
        .iter()
        .chain(stream::faults())
        .chain(status::FAULTS)
        .chain(verification::FAULTS)
        .chain(poll::FAULTS)
        .chain(set::faults())
}

/// All faults of a Receiver, in the order of the catalogue.
pub fn receiver() -> impl Iterator<Item = &'static ReceiverFault> {
    push::faults()
}

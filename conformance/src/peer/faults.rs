//! The faults, one file for each file of cases.

pub mod discovery;
mod spoils;
pub mod status;
pub mod stream;

use super::Fault;

/// All faults of a transmitter, in the order of the catalogue.
pub fn transmitter() -> impl Iterator<Item = &'static Fault> {
    discovery::FAULTS
        .iter()
        .chain(stream::faults())
        .chain(status::FAULTS)
}

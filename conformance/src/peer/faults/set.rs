//! Faults of SETs, whatever they tell.

pub mod claims;
pub mod header;

use crate::peer::Fault;

/// The faults, in the order of the catalogue.
pub fn faults() -> impl Iterator<Item = &'static Fault> {
    header::FAULTS.iter().chain(claims::FAULTS)
}

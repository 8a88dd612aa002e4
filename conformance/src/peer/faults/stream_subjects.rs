//! Faults of the subjects of a stream.

mod coverage;
mod manage;

use crate::peer::Fault;

/// The faults of the subjects of a stream.
pub fn faults() -> impl Iterator<Item = &'static Fault> {
    manage::FAULTS.iter().chain(coverage::FAULTS)
}

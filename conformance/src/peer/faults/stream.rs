//! Faults of managing streams.

mod configuration;
mod create;
mod delete;
mod read;
mod replace;
mod several;
mod update;

use crate::peer::Fault;

/// The faults of managing streams.
pub fn faults() -> impl Iterator<Item = &'static Fault> {
    configuration::FAULTS
        .iter()
        .chain(create::FAULTS)
        .chain(read::FAULTS)
        .chain(update::FAULTS)
        .chain(replace::FAULTS)
        .chain(delete::FAULTS)
        .chain(several::FAULTS)
}

//! Managing streams (SSF 1.0 §8.1.1).

pub mod configuration;
pub mod create;
pub mod delete;
pub mod read;
pub mod replace;
mod several;
pub mod update;

use crate::case::Case;

/// The cases of managing streams.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    configuration::CASES
        .iter()
        .chain(create::CASES)
        .chain(read::CASES)
        .chain(update::CASES)
        .chain(replace::CASES)
        .chain(delete::CASES)
        .chain(several::CASES)
}

//! Faults of pushes.

pub mod answer;
pub mod configuration;
pub mod failure;
pub mod receivers;
pub mod request;
pub mod status;
pub mod tls;

use crate::{exchange::Request, peer::Fault};

/// All faults of pushes.
pub(super) fn faults() -> impl Iterator<Item = &'static Fault> {
    configuration::FAULTS
        .iter()
        .chain(request::FAULTS)
        .chain(answer::FAULTS)
        .chain(failure::FAULTS)
        .chain(status::FAULTS)
        .chain(tls::FAULTS)
        .chain(receivers::FAULTS)
}

/// Gives a header of a push another value; without one, takes it away.
fn set_header(request: &mut Request, name: &str, value: Option<&str>) {
    request.headers.retain(|(found, _)| found != name);
    if let Some(value) = value {
        let header = (name.to_owned(), value.to_owned());
        request.headers.push(header);
    }
}

//! The faults, one file for each file of cases.

pub mod announcement;
pub mod bearer;
pub mod delivery;
pub mod discovery;
pub mod event;
pub mod hardening;
pub mod inactivity;
pub mod interval;
pub mod order;
pub mod poll;
pub mod push;
pub mod receiver;
pub mod resource;
pub mod set;
mod spoils;
pub mod status;
pub mod stream;
pub mod stream_subjects;
pub mod subject;
pub mod tls;
pub mod upkeep;
pub mod verification;

use super::{Fault, receiver::ReceiverFault};
use crate::push::Dialect;

/// All faults of a transmitter, in the order of the catalogue.
pub fn transmitter() -> impl Iterator<Item = &'static Fault> {
    discovery::FAULTS
        .iter()
        .chain(stream::faults())
        .chain(status::FAULTS)
        .chain(verification::FAULTS)
        .chain(interval::FAULTS)
        .chain(inactivity::FAULTS)
        .chain(poll::FAULTS)
        .chain(set::faults())
        .chain(delivery::faults())
        .chain(announcement::FAULTS)
        .chain(event::faults())
        .chain(subject::FAULTS)
        .chain(bearer::FAULTS)
        .chain(resource::FAULTS)
        .chain(tls::FAULTS)
        .chain(hardening::FAULTS)
        .chain(upkeep::FAULTS)
        .chain(stream_subjects::faults())
        .chain(order::FAULTS)
}

/// All faults of a Receiver's push endpoint, in the order of the catalogue.
pub fn push_endpoint() -> impl Iterator<Item = &'static ReceiverFault> {
    push::faults()
}

/// All faults of a Receiver that has a stream which it polls, and which show in nothing else, in the order of the catalogue.
pub fn receiver() -> impl Iterator<Item = &'static ReceiverFault> {
    receiver::faults()
}

/// All faults of a Receiver that has a stream which show where that is pushed alone, in the order of the catalogue.
pub fn over_pushes() -> impl Iterator<Item = &'static ReceiverFault> {
    receiver::where_pushed()
}

/// All faults of a Receiver that has a stream and polls it: those, and those in what it thinks of SETs.
pub fn over_stream() -> impl Iterator<Item = &'static ReceiverFault> {
    push::faults()
        .filter(|fault| fault.is_in_sets())
        .chain(receiver())
}

/// All faults of a Receiver, wherever they show, in the order of the catalogue.
pub fn of_receivers() -> impl Iterator<Item = &'static ReceiverFault> {
    push_endpoint()
        .chain(receiver())
        .chain(over_pushes())
        .chain(in_dialect().map(|(_, fault)| fault))
}

/// All faults in how SETs of older drafts and of vendors are read, each with a dialect in which it shows.
pub fn in_dialect() -> impl Iterator<Item = (Dialect, &'static ReceiverFault)> {
    push::in_dialect()
}

//! Faults of a Receiver that has a stream, one file for each file of cases.

mod keys;
mod manage;
mod poll;
mod verification;

use crate::{
    exchange::Request,
    peer::{Operation, receiver::ReceiverFault, transmitter::Transmitter},
};

/// All of them, in the order of the catalogue.
pub fn faults() -> impl Iterator<Item = &'static ReceiverFault> {
    keys::FAULTS
        .iter()
        .chain(verification::FAULTS)
        .chain(poll::FAULTS)
        .chain(manage::FAULTS)
}

/// Whether a request asks for this.
fn is(request: &Request, operation: Operation) -> bool {
    Transmitter::operation(&request.method, request.url.path()) == Some(operation)
}

/// Gives a header another value.
fn set_header(request: &mut Request, name: &str, value: &str) {
    request.headers.retain(|(found, _)| found != name);
    request.headers.push((name.to_owned(), value.to_owned()));
}

/// Changes the body, if it is a JSON object.
fn change(
    request: &mut Request,
    change: impl FnOnce(&mut serde_json::Map<String, serde_json::Value>),
) {
    if let Ok(mut object) = serde_json::from_slice(&request.body) {
        change(&mut object);
        request.body = serde_json::Value::Object(object).to_string().into_bytes();
    }
}

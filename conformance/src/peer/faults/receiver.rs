//! Faults of a Receiver that has a stream, one file for each file of cases.

mod activity;
mod certificate;
mod effect;
mod keys;
mod late;
mod manage;
mod poll;
mod request;
mod scopes;
mod secret;
mod setup;
mod subject;
mod verification;

use crate::{
    exchange::Request,
    peer::{Operation, receiver::ReceiverFault, transmitter::Transmitter},
};

/// All of them, in the order of the catalogue.
pub fn faults() -> impl Iterator<Item = &'static ReceiverFault> {
    keys::FAULTS
        .iter()
        .chain(effect::FAULTS)
        .chain(activity::FAULTS)
        .chain(late::FAULTS)
        .chain(verification::FAULTS)
        .chain(poll::FAULTS)
        .chain(manage::FAULTS)
        .chain(request::FAULTS)
        .chain(scopes::FAULTS)
        .chain(subject::FAULTS)
        .chain(setup::FAULTS)
        .chain(certificate::FAULTS)
}

/// Those that show where the stream is pushed alone.
pub fn where_pushed() -> impl Iterator<Item = &'static ReceiverFault> {
    activity::WHERE_PUSHED.iter().chain(secret::WHERE_PUSHED)
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

/// Names the stream of a request in the query instead of the body.
fn in_the_query(request: &mut Request, operation: Operation) {
    if is(request, operation) {
        let mut id = None;
        change(request, |body| id = body.remove("stream_id"));
        let id = id.unwrap_or_default();
        let id = id.as_str().unwrap_or_default();
        request.url.query_pairs_mut().append_pair("stream_id", id);
    }
}

/// Gives a member of the body of such a request another value.
fn set(request: &mut Request, operation: Operation, name: &str, value: serde_json::Value) {
    if is(request, operation) {
        change(request, |body| drop(body.insert(name.to_owned(), value)));
    }
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

//! Faults of what events say.

pub mod caep;
pub mod common;
pub mod interop;
pub mod oauth;
pub mod opt_out;
pub mod risc;

use serde_json::Value;

use crate::{
    event_types::EventType,
    peer::{Fault, Members},
};

/// The faults, in the order of the catalogue.
pub fn faults() -> impl Iterator<Item = &'static Fault> {
    common::FAULTS
        .iter()
        .chain(caep::FAULTS)
        .chain(risc::FAULTS)
        .chain(oauth::FAULTS)
        .chain(opt_out::FAULTS)
        .chain(interop::FAULTS)
}

/// Changes what an event of one type says.
fn event(claims: &mut Members, of: &EventType, change: impl FnOnce(&mut Members)) {
    let events = claims.get_mut("events");
    if let Some(Value::Object(says)) = events.and_then(|events| events.get_mut(of.uri)) {
        change(says);
    }
}

/// Has an event of one type say something else.
fn says(claims: &mut Members, of: &EventType, name: &str, value: Value) {
    event(claims, of, |says| drop(says.insert(name.to_owned(), value)));
}

/// Has an event of one type say nothing of something.
fn omits(claims: &mut Members, of: &EventType, name: &str) {
    event(claims, of, |says| drop(says.remove(name)));
}

/// Has an event of one type have happened an hour before.
fn an_hour_before(claims: &mut Members, of: &EventType) {
    event(claims, of, |says| {
        if let Some(at) = says.get_mut("event_timestamp")
            && let Some(seconds) = at.as_u64()
        {
            *at = (seconds - 3600).into();
        }
    });
}

/// Whether a SET has an event of this type.
fn is_of(claims: &Members, of: &EventType) -> bool {
    let events = claims.get("events");
    events.is_some_and(|events| events.get(of.uri).is_some())
}

//! Faults of a Receiver, one file for each file of cases.

mod answer;
mod claims;
mod event;
mod header;
mod older;
mod request;
mod signature;
mod sound;
mod tls;

use serde_json::Value;

use crate::{
    peer::receiver::{Pushed, ReceiverFault, Verdict},
    push::Dialect,
};

/// All faults of a Receiver, in the order of the catalogue.
pub fn faults() -> impl Iterator<Item = &'static ReceiverFault> {
    sound::FAULTS
        .iter()
        .chain(answer::FAULTS)
        .chain(request::FAULTS)
        .chain(tls::FAULTS)
        .chain(signature::FAULTS)
        .chain(header::FAULTS)
        .chain(claims::FAULTS)
        .chain(event::FAULTS)
}

/// All faults in how a dialect is read, each with one in which it shows.
pub fn in_dialect() -> impl Iterator<Item = (Dialect, &'static ReceiverFault)> {
    older::FAULTS
        .iter()
        .map(|(dialect, fault)| (*dialect, fault))
}

/// Takes what would be refused, if it is like this.
fn takes(verdict: &mut Verdict, is_so: bool) {
    if is_so {
        *verdict = Verdict::Accepted;
    }
}

/// Refuses what would be taken, if it is like this.
fn refuses(verdict: &mut Verdict, is_so: bool) {
    if is_so && *verdict == Verdict::Accepted {
        *verdict = Verdict::Refused("invalid_request");
    }
}

/// Whether a claim has to be there and is not, while everything vouches for the rest.
fn lacks(pushed: &Pushed, name: &str) -> bool {
    pushed.is_verified && !pushed.claims.contains_key(name)
}

fn has(pushed: &Pushed, name: &str) -> bool {
    pushed.is_verified && pushed.claims.contains_key(name)
}

fn claim<'p>(pushed: &'p Pushed, name: &str) -> Option<&'p Value> {
    pushed.claims.get(name).filter(|_| pushed.is_verified)
}

//! The one way out: whatever this process asks of another over HTTP on somebody's behalf goes through here.
//!
//! 1. A connection goes only to an address that the rule of its client allows, whatever a name led to before. A host that
//!    is an address is judged before anything is done, a name for each connection, and what the socket says afterwards
//!    once more, before the first byte of a request.
//! 2. An answer never leads elsewhere: redirects are not followed, and nothing is decoded.
//! 3. No peer costs more than its deadlines, its share of places, and the bytes that its caller allows.
//! 4. Nothing comes from the environment: neither a proxy nor a credential.
//!
//! The only tree that names reqwest, beside the commands of the command line.

mod client;
mod collector;
mod deadlines;
mod fault;
mod names;
mod peer;
mod places;
mod reply;
#[cfg(test)]
mod tests;
mod trust;

pub use self::{
    client::{ClientError, Terms},
    deadlines::Deadlines,
    fault::Fault,
    places::{HOST_REQUESTS_DEFAULT, Place},
    trust::{TrustAnchors, TrustError},
};
pub(crate) use self::{
    client::{HttpClient, Request},
    collector::CollectorClient,
    fault::NoReply,
    reply::{BodyEnd, Reply},
};

//! Peers of our own, to judge the judges by: a reference transmitter without a fault, and faults that can be switched on.
//!
//! The reference is plain: one lock, no storage, no ambition. Whatever it does is what a case may rely on. A fault is one
//! function that spoils what the reference publishes, what it is asked, or what it answers; so a fault needs no place in
//! the reference, and stands in a file beside others of its section. A habit is done in the same way, and no case may
//! find it.

mod asked;
pub mod chaos;
mod coverage;
mod entrance;
pub mod fault;
pub mod faults;
pub mod habits;
pub mod host;
mod pusher;
mod queue;
pub mod receiver;
mod reply;
mod server;
mod signer;
mod site;
mod transmitter;

pub use self::{
    asked::{Asked, Caller, Operation},
    coverage::CoverageFault,
    entrance::Entrance,
    fault::{Breaks, Fault, Members, Rules},
    pusher::Attempt,
    queue::Keeps,
    reply::Reply,
    server::{Peer, PeerError},
    site::Site,
    transmitter::{Forgets, Idling, Namesakes, OptOut, Rotation},
};

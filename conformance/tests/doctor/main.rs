//! What `doctor` finds of a target, and what it says to fix.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, what cannot go on has failed"
)]

mod receiver;
mod transmitter;

use std::net::{SocketAddr, TcpListener};

/// An address of this machine at which nobody listens.
fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

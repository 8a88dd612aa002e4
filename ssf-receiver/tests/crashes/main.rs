//! Real crashes of a receiver: processes that kill themselves at named points, under load. What was acknowledged is in effect
//! afterwards, whoever was not named is let in, and handlers miss nothing.
//!
//! `SSF_CRASHES` says how many crashes there are at each point (5 unless it is set); `make kill-loops N=500` sets it.

#![cfg(feature = "failpoints")]
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of tests panics as they do"
)]

#[path = "../common/mod.rs"]
mod common;
mod handlers;
#[expect(dead_code, reason = "the tests of sessions use the rest")]
#[path = "../sessions/redis_server.rs"]
mod redis_server;
#[expect(dead_code, reason = "the tests of the program use the rest")]
#[path = "../program/rig.rs"]
mod rig;
mod sessions;

/// How many crashes there are at each point.
fn crashes() -> usize {
    std::env::var("SSF_CRASHES").map_or(5, |number| number.parse().unwrap())
}

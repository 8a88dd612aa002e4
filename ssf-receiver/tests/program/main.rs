//! Tests of the real program, through its command line and over HTTP.

#![cfg(feature = "daemon")]
#![expect(clippy::unwrap_used, reason = "a helper of tests panics as they do")]

mod auth;
mod authority;
mod cli;
#[path = "../common/mod.rs"]
mod common;
mod doctor;
mod global_revocation;
mod introspection;
mod kinds;
mod listen;
mod logout;
mod markers;
mod metrics;
mod nginx;
mod publication;
mod push_secret;
#[expect(
    clippy::expect_used,
    dead_code,
    reason = "the tests of sessions use the rest, and a server that is not there ends the run"
)]
#[path = "../sessions/redis_server.rs"]
mod redis_server;
#[expect(dead_code, reason = "the tests of crashes use the rest")]
mod rig;
mod scripted;
mod serve;
mod several;
mod stream;
mod stream_for_real;
mod webhooks;

use common::eventually;

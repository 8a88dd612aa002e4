//! Dialects, seen from outside: the exchanges that vendors and drafts document, each deviation by itself, and what holds
//! for all of them.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod deviations;
mod exchange;
mod properties;
mod vendors;

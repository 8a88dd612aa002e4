//! A transmitter of the OpenID Shared Signals Framework 1.0: it takes events from sources, and brings each of them, as a
//! signed SET, to every stream that asked for its type.
//!
//! [`domain`] decides, [`ports`] names what it needs from outside, and everything that does input or output is behind the
//! feature `server`.

#[cfg(feature = "server")]
pub mod access;
#[cfg(feature = "server")]
pub mod app;
#[cfg(feature = "server")]
pub mod cli;
#[cfg(feature = "server")]
pub mod config;
pub mod domain;
#[cfg(feature = "server")]
pub(crate) mod failpoint;
#[cfg(feature = "server")]
pub mod http;
#[cfg(feature = "server")]
pub mod installation;
#[cfg(feature = "server")]
pub mod keys;
#[cfg(feature = "server")]
pub mod outbound;
pub mod ports;
#[cfg(feature = "server")]
pub mod push;
#[cfg(feature = "server")]
pub mod relay;
#[cfg(feature = "server")]
pub mod sealing;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
pub mod store;
#[cfg(feature = "server")]
pub mod telemetry;
#[cfg(feature = "test-util")]
pub mod testing;
#[cfg(feature = "server")]
pub mod tls;
#[cfg(feature = "server")]
pub mod token;
#[cfg(feature = "server")]
mod txn;
#[cfg(feature = "server")]
pub mod worker;

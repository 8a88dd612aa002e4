//! Checks a Transmitter of the [OpenID Shared Signals Framework 1.0](https://openid.net/specs/openid-sharedsignals-framework-1_0-final.html)
//! from outside, whoever built it.
//!
//! The requests are made first and recorded ([`exchange`]); the checks ([`checks`]) are pure functions over that
//! record, and the verdicts make the [`report`]. Three rules hold throughout:
//!
//! 1. Raw status, headers and JSON are judged. Nothing is read with the parsers of our own Transmitter or Receiver,
//!    because a shared parser would hide its own faults; the well-known URL is built here anew for the same reason.
//! 2. Nothing is guessed: what could not be seen is *not run*, with the reason, and never *passed*.
//! 3. Each verdict names its requirement, its section and what was seen.
//!
//! With the feature `cli`, cases ([`cases`]) make requests of their own, are run beside one another ([`run`]) and make
//! [`results`]; the reference transmitter of [`peer`] shows that each case finds what it is there for ([`matrix`]).
//!
//! [`decode`] takes one token apart instead of judging a Transmitter, and is the exception to the first rule: it tells
//! what the checks of `ssf-types` say, which the vectors beside this crate hold to account.
//!
//! ```
//! use std::time::Duration;
//!
//! use ssf_conformance::{
//!     checks,
//!     exchange::{Answer, Exchange, Probes, Recording, Request},
//!     report::{Conclusion, Report},
//!     target::Target,
//! };
//!
//! let target = Target::parse("https://tr.example.com")?;
//! let answered = |url, status, body: &str| {
//!     let answer = Answer { status, headers: Vec::new(), body: body.into() };
//!     Exchange::new(Request::get(url), Ok(answer), Duration::ZERO)
//! };
//! let metadata = answered(target.metadata_url(), 200, r#"{"issuer":"https://tr.example.org"}"#);
//! let probes = Probes {
//!     appended: None,
//!     unknown_tenant: answered(target.unknown_tenant_url(), 404, ""),
//!     risc: answered(target.risc_url(), 404, ""),
//!     jwks: None,
//! };
//! let report = Report::new(Recording::new(target, metadata, probes), checks::metadata());
//! assert_eq!(report.conclusion(), Conclusion::NonConformant);
//! # Ok::<(), ssf_conformance::target::TargetError>(())
//! ```

#[cfg(feature = "cli")]
pub mod adapter;
#[cfg(feature = "cli")]
pub mod authority;
#[cfg(feature = "cli")]
pub mod case;
#[cfg(feature = "cli")]
pub mod cases;
#[cfg(feature = "cli")]
pub mod chance;
pub mod checks;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
pub mod context;
#[cfg(feature = "cli")]
pub mod coverage;
pub mod decode;
#[cfg(feature = "cli")]
pub mod deviations;
#[cfg(feature = "cli")]
pub mod doctor;
#[cfg(feature = "cli")]
pub mod event_types;
pub mod exchange;
#[cfg(feature = "cli")]
pub mod hello;
#[cfg(feature = "cli")]
pub mod jws;
#[cfg(feature = "cli")]
pub mod matrix;
#[cfg(feature = "cli")]
mod named_file;
#[cfg(feature = "cli")]
pub mod peer;
mod printable;
#[cfg(feature = "cli")]
pub mod push;
#[cfg(feature = "cli")]
pub mod receiver_file;
#[cfg(feature = "cli")]
pub mod record;
pub mod report;
#[cfg(feature = "cli")]
pub mod results;
#[cfg(feature = "cli")]
pub mod run;
#[cfg(feature = "cli")]
pub mod selection;
#[cfg(feature = "cli")]
mod serving;
#[cfg(feature = "cli")]
pub mod set;
#[cfg(feature = "cli")]
pub mod sink;
#[cfg(feature = "cli")]
pub mod subject_formats;
pub mod target;
#[cfg(feature = "cli")]
pub mod target_file;
mod unique;
#[cfg(feature = "cli")]
pub mod wire;

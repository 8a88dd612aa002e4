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
//! [`decode`] takes one token apart instead of judging a Transmitter, and is the exception to the first rule: it tells
//! what the checks of `ssf-types` say, which the vectors beside this crate hold to account.
//!
//! ```
//! use ssf_conformance::{
//!     checks,
//!     exchange::{Answer, Exchange, Probes, Recording},
//!     report::{Conclusion, Report},
//!     target::Target,
//! };
//!
//! let target = Target::parse("https://tr.example.com")?;
//! let answered = |url, status, body: &str| Exchange {
//!     url,
//!     result: Ok(Answer { status, headers: Vec::new(), body: body.into() }),
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

pub mod checks;
#[cfg(feature = "cli")]
pub mod cli;
pub mod decode;
pub mod exchange;
mod printable;
pub mod report;
pub mod target;
mod unique;
#[cfg(feature = "cli")]
pub mod wire;

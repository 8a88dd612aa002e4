//! Judges any Receiver's push endpoint (RFC 8935), by SETs that are sent to it: sound ones, and ones with one fault each.
//!
//! The tester is the issuer: its keys are thrown away after the run and served meanwhile ([`Issuer`]), or given by somebody
//! whom the Receiver trusts already. Nothing is signed with the parts of `ssf-types` that refuse unsound claims.

mod dialect;
mod effects;
mod issuer;
mod judging;
mod keys;
mod probe;
mod run;
mod set;

pub(crate) use self::{dialect::SESSIONS_REVOKED, issuer::LURE, keys::Keys, run::endpoint};
pub use self::{
    dialect::{Dialect, Way},
    effects::{Adapter, Effects, SESSION_SECONDS},
    issuer::{Issuer, IssuerError, Security},
    judging::judge,
    keys::{Key, KeyError},
    probe::Probe,
    run::{Given, OverStream, PreflightError, PushRun, Signer},
    set::{SESSION_REVOKED, Set, Signed},
};

//! What a run against a Receiver is given.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use crate::{
    deviations::Deviations,
    peer::host::Host,
    push::{Dialect, Effects, Issuer, Key},
    target_file::Limits,
};

/// Who signs the SETs of a run.
#[derive(Debug)]
pub enum Signer {
    /// An issuer that is served meanwhile.
    Served(Issuer),
    /// One that the Receiver trusts already.
    Trusted {
        /// As it stands in `iss`.
        issuer: String,
        /// Its key.
        key: Key,
    },
}

impl Signer {
    /// As it stands in `iss`.
    pub fn issuer(&self) -> &str {
        match self {
            Self::Served(issuer) => issuer.issuer(),
            Self::Trusted { issuer, .. } => issuer,
        }
    }
}

/// What a run is given.
#[derive(Debug)]
pub struct Given {
    /// The push endpoint.
    pub url: String,
    /// Who signs.
    pub signer: Signer,
    /// What stands in `aud`.
    pub audience: String,
    /// What stands in `sub_id`.
    pub subject: Value,
    /// What pushes show in `Authorization`.
    pub authorization: Option<String>,
    /// Certificate authorities in PEM to trust besides those of this machine.
    pub authorities: Option<Vec<u8>>,
    /// Longest wait for an answer.
    pub request: Duration,
    /// For how long a Receiver that is not ready yet is waited for.
    pub patience: Duration,
    /// How SETs are written, if not as SSF 1.0 has it.
    pub dialect: Option<Dialect>,
    /// Cases that are known to fail.
    pub deviations: Deviations,
    /// Keeps the `jti` of this run apart from those of others.
    pub run_id: u64,
}

impl Given {
    /// What the endpoint, the signer and the audience leave open, as it is by default.
    pub fn new(url: impl Into<String>, signer: Signer, audience: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            signer,
            audience: audience.into(),
            subject: json!({ "format": "email", "email": "ssf-conformance@example.com" }),
            authorization: None,
            authorities: None,
            request: Duration::from_secs(15),
            patience: Duration::ZERO,
            dialect: None,
            deviations: Deviations::default(),
            run_id: 1,
        }
    }
}

/// What a run is given whose SETs go to the Receiver by its own stream.
#[derive(Debug)]
pub struct OverStream {
    /// Where the Receiver has its stream.
    pub host: Arc<Host>,
    /// Tells whether a session goes on.
    pub effects: Option<Effects>,
    /// For how long a Receiver that has no stream yet is waited for.
    pub patience: Duration,
    /// How long cases may take.
    pub limits: Limits,
    /// How SETs are written, if not as SSF 1.0 has it.
    pub dialect: Option<Dialect>,
    /// Cases that are known to fail.
    pub deviations: Deviations,
    /// Keeps the `jti` of this run apart from those of others.
    pub run_id: u64,
}

impl OverStream {
    /// What the host leaves open, as it is by default.
    pub fn new(host: Arc<Host>) -> Self {
        Self {
            host,
            effects: None,
            patience: Duration::ZERO,
            limits: Limits::default(),
            dialect: None,
            deviations: Deviations::default(),
            run_id: 1,
        }
    }
}

//! The JOSE header of a SET (RFC 7515 §4, SSF 1.0 §4.1.1).

use std::fmt;

use super::{SetError, profile};
use crate::{
    id::Kid,
    json::{self, Members},
};

/// An algorithm that SETs are signed with.
///
/// None is symmetric, and `none` is none of them (RFC 8725 §3.1, §3.2).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Algorithm {
    /// `RS256`: RSASSA-PKCS1-v1_5 with SHA-256 and a key of 2048 bits or more (RFC 7518 §3.3); the default in SSF.
    Rs256,
    /// `PS256`: RSASSA-PSS with SHA-256 and a key of 2048 bits or more (RFC 7518 §3.5).
    Ps256,
    /// `ES256`: ECDSA with P-256 and SHA-256 (RFC 7518 §3.4).
    Es256,
    /// `EdDSA` with Ed25519 (RFC 8037 §3.1); the later name `Ed25519` is read too (RFC 9864 §2.2).
    EdDsa,
}

impl Algorithm {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Rs256, Self::Ps256, Self::Es256, Self::EdDsa];

    /// The value of `alg`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm that `alg` names, if it is one of ours; names are case-sensitive (RFC 7515 §4.1.1).
    pub fn parse(alg: &str) -> Option<Self> {
        match alg {
            "RS256" => Some(Self::Rs256),
            "PS256" => Some(Self::Ps256),
            "ES256" => Some(Self::Es256),
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            _ => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The JOSE header of a SET.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Header {
    /// How the SET is signed.
    pub alg: Algorithm,
    /// Which key signed it.
    pub kid: Option<Kid>,
}

impl Header {
    pub(super) fn parse(json: &[u8]) -> Result<Self, SetError> {
        let text = json::check(json).map_err(SetError::Header)?;
        let mut members = Members::parse(text).map_err(SetError::Header)?;
        profile::is_secevent(&mut members)?;
        profile::no_key_in_header(&members)?;
        profile::no_critical_extension(&members)?;
        Ok(Self {
            alg: profile::algorithm(&mut members)?,
            kid: profile::key_id(&mut members)?,
        })
    }
}

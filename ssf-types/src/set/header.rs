//! The JOSE header of a SET (RFC 7515 §4, SSF 1.0 §4.1.1).

use super::{SetError, profile};
use crate::{
    id::Kid,
    json::{self, Members},
};

/// An algorithm that SETs are signed with.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256 and a key of 2048 bits or more (RFC 7518 §3.3); the default in SSF.
    Rs256,
    /// ECDSA with P-256 and SHA-256 (RFC 7518 §3.4).
    Es256,
}

impl Algorithm {
    /// The value of `alg`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }

    /// The algorithm that `alg` names, if it is one of ours; `none` and symmetric ones never are.
    pub fn parse(alg: &str) -> Option<Self> {
        [Self::Rs256, Self::Es256]
            .into_iter()
            .find(|algorithm| algorithm.as_str() == alg)
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

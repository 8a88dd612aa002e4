//! Error codes on the wire, and errors with their causes in one line.

use std::{error::Error, fmt};

use serde::{Deserialize, Serialize};

/// A code of the registry "Security Event Token Error Codes" (RFC 8935 §7.1), or one of later date.
///
/// Pushes and polls share the codes (RFC 8936 §2.6). Older drafts said `setData` for `invalid_state`; that is
/// [`ErrCode::Other`] here, and a dialect's business.
#[derive(Clone, Debug, Eq, Hash, PartialEq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
#[non_exhaustive]
pub enum ErrCode {
    /// `invalid_request`: the body is no SET, or an event breaks its definition.
    InvalidRequest,
    /// `invalid_key`: a key is unknown, expired, revoked or unacceptable.
    InvalidKey,
    /// `invalid_issuer`: the issuer is not accepted here.
    InvalidIssuer,
    /// `invalid_audience`: the SET is meant for somebody else.
    InvalidAudience,
    /// `authentication_failed`: the Transmitter did not show who it is.
    AuthenticationFailed,
    /// `access_denied`: the Transmitter is known and may not do this.
    AccessDenied,
    /// `invalid_state`: a verification has a `state` that was not asked for.
    InvalidState,
    /// A code that we do not know; a peer may have newer ones.
    Other(String),
}

impl ErrCode {
    /// All registered codes.
    pub const ALL: &'static [Self] = &[
        Self::InvalidRequest,
        Self::InvalidKey,
        Self::InvalidIssuer,
        Self::InvalidAudience,
        Self::AuthenticationFailed,
        Self::AccessDenied,
        Self::InvalidState,
    ];

    /// What a registered code means, in one sentence for people; `None` for a code that is not registered.
    pub fn meaning(&self) -> Option<&'static str> {
        match self {
            Self::InvalidRequest => {
                Some("the body is no SET, or an event in it breaks its definition")
            }
            Self::InvalidKey => Some("a key is unknown, expired, revoked or not acceptable"),
            Self::InvalidIssuer => Some("the issuer is not accepted by this receiver"),
            Self::InvalidAudience => Some("the SET is not meant for this receiver"),
            Self::AuthenticationFailed => Some("the transmitter did not show who it is"),
            Self::AccessDenied => Some("the transmitter is known and may not send this SET"),
            Self::InvalidState => {
                Some("the state of the verification is none that the receiver asked for")
            }
            Self::Other(_) => None,
        }
    }

    /// The section that defines a registered code; `None` for a code that is not registered.
    pub fn section(&self) -> Option<&'static str> {
        match self {
            Self::InvalidRequest
            | Self::InvalidKey
            | Self::InvalidIssuer
            | Self::InvalidAudience
            | Self::AuthenticationFailed
            | Self::AccessDenied => Some("RFC 8935 §2.4"),
            Self::InvalidState => Some("SSF 1.0 §8.1.4.1"),
            Self::Other(_) => None,
        }
    }

    /// The code on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidKey => "invalid_key",
            Self::InvalidIssuer => "invalid_issuer",
            Self::InvalidAudience => "invalid_audience",
            Self::AuthenticationFailed => "authentication_failed",
            Self::AccessDenied => "access_denied",
            Self::InvalidState => "invalid_state",
            Self::Other(code) => code,
        }
    }
}

impl From<String> for ErrCode {
    fn from(code: String) -> Self {
        match code.as_str() {
            "invalid_request" => Self::InvalidRequest,
            "invalid_key" => Self::InvalidKey,
            "invalid_issuer" => Self::InvalidIssuer,
            "invalid_audience" => Self::InvalidAudience,
            "authentication_failed" => Self::AuthenticationFailed,
            "access_denied" => Self::AccessDenied,
            "invalid_state" => Self::InvalidState,
            _ => Self::Other(code),
        }
    }
}

impl From<ErrCode> for String {
    fn from(code: ErrCode) -> Self {
        code.as_str().to_owned()
    }
}

impl fmt::Display for ErrCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Prints an error with all its causes, for the one place where it is logged.
pub struct Chain<'e>(pub &'e dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_has_seven_codes() {
        let codes: Vec<&str> = ErrCode::ALL.iter().map(ErrCode::as_str).collect();
        let expected = [
            "invalid_request",
            "invalid_key",
            "invalid_issuer",
            "invalid_audience",
            "authentication_failed",
            "access_denied",
            "invalid_state",
        ];
        assert_eq!(codes, expected);
    }

    #[test]
    fn every_code_parses_to_itself() {
        for code in ErrCode::ALL {
            assert_eq!(ErrCode::from(code.as_str().to_owned()), *code);
        }
    }

    #[test]
    fn every_registered_code_has_a_section_and_a_meaning_and_no_other_has() {
        for code in ErrCode::ALL {
            assert!(code.section().is_some() && code.meaning().is_some());
        }
        let old = ErrCode::from("setData".to_owned());
        assert_eq!(old, ErrCode::Other("setData".into()));
        assert_eq!((old.section(), old.meaning()), (None, None));
    }

    #[test]
    fn a_chain_names_each_cause_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("the stream cannot be read")]
        struct Outer(#[source] std::num::ParseIntError);
        let error = Outer("x".parse::<i32>().unwrap_err());
        assert_eq!(
            Chain(&error).to_string(),
            "the stream cannot be read: invalid digit found in string"
        );
    }
}

//! How management requests are authorised.

use serde::Serialize;

use crate::{
    json::{Extra, JsonError, Members},
    uri::URI_BYTES_MAX,
};

/// One way of authorising management requests (SSF 1.0 §7.1.1).
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AuthorizationScheme {
    /// The specification that describes it: `urn:ietf:rfc:6749`, for example.
    pub spec_urn: String,
    /// Members that SSF 1.0 does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

impl AuthorizationScheme {
    /// The scheme that the specification `spec_urn` describes.
    pub fn new(spec_urn: impl Into<String>) -> Self {
        Self {
            spec_urn: spec_urn.into(),
            extra: Extra::default(),
        }
    }

    /// OAuth 2.0 (RFC 6749), as by client credentials.
    pub fn oauth() -> Self {
        Self::new("urn:ietf:rfc:6749")
    }

    /// Bearer tokens (RFC 6750), from wherever they come.
    pub fn bearer() -> Self {
        Self::new("urn:ietf:rfc:6750")
    }

    /// OAuth 2.0 with mutual TLS (RFC 8705).
    pub fn mutual_tls() -> Self {
        Self::new("urn:ietf:rfc:8705")
    }

    pub(super) fn read(json: &str) -> Result<Self, JsonError> {
        let mut members = Members::parse(json)?;
        let expected = "a URN of at most 2048 bytes";
        let spec_urn: String = members.required("spec_urn", expected)?;
        if spec_urn.is_empty() || spec_urn.len() > URI_BYTES_MAX {
            return Err(JsonError::invalid("spec_urn", expected));
        }
        Ok(Self {
            spec_urn,
            extra: members.rest(),
        })
    }
}

//! From a token to a SET that may be acted on.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};

use super::{HEADER_BYTES_MAX, Header, LEEWAY, SET_BYTES_MAX, SetClaims, SetError, profile};
use crate::{
    audience::Audience,
    dialect::{Deviation, Dialect},
    json::{self, Members},
    time::Timestamp,
    uri::Issuer,
};

/// Checks signatures with the keys of one issuer.
pub trait Verifier {
    /// Whether `signature` over `signing_input` was made with a key of the issuer that fits the header.
    ///
    /// # Errors
    /// [`SetError::UnknownKey`] if no key fits, [`SetError::BadSignature`] if one does and the signature is wrong.
    fn check(
        &self,
        header: &Header,
        signing_input: &[u8],
        signature: &[u8],
    ) -> Result<(), SetError>;
}

/// What a Receiver expects of the SETs on a stream.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Expectation {
    /// The issuer in the stream's configuration, which is also that of discovery.
    pub issuer: Issuer,
    /// Names of this Receiver, one of which `aud` has to hold.
    pub audience: Audience,
    /// How far the clocks may differ.
    pub leeway: std::time::Duration,
    /// How the Transmitter speaks.
    pub dialect: &'static Dialect,
}

impl Expectation {
    /// Expects SETs of `issuer` for `audience` in SSF 1.0, with clocks at most [`LEEWAY`] apart.
    pub fn new(issuer: Issuer, audience: Audience) -> Self {
        Self {
            issuer,
            audience,
            leeway: LEEWAY,
            dialect: &Dialect::SSF_1_0,
        }
    }

    /// The same, of a Transmitter that speaks `dialect`.
    #[must_use]
    pub fn with_dialect(mut self, dialect: &'static Dialect) -> Self {
        self.dialect = dialect;
        self
    }
}

/// A token that has the form of a SET, and nothing more.
///
/// Printing it for debugging shows the header alone.
#[derive(Clone)]
pub struct UnverifiedSet {
    header: Header,
    signing_input: String,
    signature: Vec<u8>,
    claims: String,
    iss: String,
}

impl UnverifiedSet {
    /// Reads a token: one JWS in compact form, with a SET's header and with claims that are sound JSON.
    ///
    /// White space around the token is ignored.
    ///
    /// # Errors
    /// Says what the token's form lacks.
    pub fn parse(token: &[u8]) -> Result<Self, SetError> {
        let parts = Parts::split(token)?;
        let claims = decoded(parts.claims)?;
        let signature = decoded(parts.signature)?;
        let header = Header::parse(&header_bytes(parts.header)?)?;
        let text = json::check(&claims).map_err(SetError::Claims)?;
        let iss = profile::issuer(&mut Members::parse(text).map_err(SetError::Claims)?)?;
        Ok(Self {
            header,
            signing_input: parts.signing_input.to_owned(),
            signature,
            claims: text.to_owned(),
            iss,
        })
    }

    /// The issuer that the token claims to have: good for choosing keys and for nothing else.
    pub fn unverified_issuer(&self) -> &str {
        &self.iss
    }

    /// The header, which is not covered by any check but that of its form.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Checks `iss`, the signature, `aud` and the claims.
    ///
    /// # Errors
    /// The first check that fails, in the order of this module's description.
    pub fn verify(
        &self,
        keys: &(impl Verifier + ?Sized),
        expected: &Expectation,
        now: Timestamp,
    ) -> Result<VerifiedSet, SetError> {
        profile::issuer_is(&self.iss, &expected.issuer)?;
        keys.check(&self.header, self.signing_input.as_bytes(), &self.signature)?;
        let reading = expected.dialect.read_claims(&self.claims);
        let reading = reading.map_err(SetError::Claims)?;
        let mut members = Members::parse(&reading.text).map_err(SetError::Claims)?;
        let aud = profile::audience(&mut members)?;
        profile::audience_is(&aud, &expected.audience)?;
        let claims = SetClaims::read(&expected.issuer, aud, members)?;
        profile::issued_before(claims.iat, now.after(expected.leeway))?;
        Ok(VerifiedSet {
            claims,
            json: self.claims.clone(),
            deviations: reading.deviations,
        })
    }
}

impl std::fmt::Debug for UnverifiedSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UnverifiedSet")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

/// The parts of a JWS in compact form, still encoded (RFC 7515 §7.1).
pub(super) struct Parts<'t> {
    pub(super) signing_input: &'t str,
    pub(super) header: &'t str,
    pub(super) claims: &'t str,
    pub(super) signature: &'t str,
}

impl<'t> Parts<'t> {
    pub(super) fn split(token: &'t [u8]) -> Result<Self, SetError> {
        if token.len() > SET_BYTES_MAX {
            return Err(SetError::TooLong);
        }
        let token = std::str::from_utf8(token)
            .map_err(|_| SetError::NotCompact)?
            .trim_ascii();
        let (signing_input, signature) = token.rsplit_once('.').ok_or(SetError::NotCompact)?;
        let (header, claims) = signing_input.split_once('.').ok_or(SetError::NotCompact)?;
        // Five parts are a JWE, whose header would be blamed for an alg that no JWS has (RFC 7516 §9).
        if claims.contains('.') {
            return Err(SetError::NotCompact);
        }
        Ok(Self {
            signing_input,
            header,
            claims,
            signature,
        })
    }
}

/// Decodes a header, unless it is too long.
pub(super) fn header_bytes(encoded: &str) -> Result<Vec<u8>, SetError> {
    let header = decoded(encoded)?;
    if header.len() > HEADER_BYTES_MAX {
        return Err(SetError::HeaderTooLong);
    }
    Ok(header)
}

fn decoded(part: &str) -> Result<Vec<u8>, SetError> {
    BASE64URL.decode(part).map_err(|_| SetError::NotCompact)
}

/// A SET whose signature and claims have been checked.
///
/// Printing it for debugging shows no identifiers of the subject.
#[derive(Clone)]
pub struct VerifiedSet {
    claims: SetClaims,
    json: String,
    deviations: Vec<Deviation>,
}

impl VerifiedSet {
    /// The claims.
    pub fn claims(&self) -> &SetClaims {
        &self.claims
    }

    /// The claims as they were signed, byte for byte, in whatever dialect.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// How the claims differ from SSF 1.0, as the dialect that was expected tolerates it.
    pub fn deviations(&self) -> &[Deviation] {
        &self.deviations
    }
}

impl std::fmt::Debug for VerifiedSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("VerifiedSet").field(&self.claims).finish()
    }
}

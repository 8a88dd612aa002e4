//! Claims as a dialect writes them.

use serde::{Serialize, Serializer, ser};
use serde_json::value::RawValue;

use super::{Body, Dialect};
use crate::set::SetClaims;

/// The claims of a SET, written in a dialect: what is to be signed for a peer that speaks it.
///
/// It is written as the JSON object that the claims are in that dialect.
///
/// ```
/// use ssf_types::{
///     audience::Audience,
///     dialect::Dialect,
///     event::{Event, caep::SessionRevoked},
///     id::Jti,
///     set::SetClaims,
///     subject::SimpleSubject,
///     time::Timestamp,
///     uri::Issuer,
/// };
///
/// let alice = SimpleSubject::Email { email: "alice@example.com".into() };
/// let claims = SetClaims::new(
///     Issuer::parse("https://tr.example.com")?,
///     Jti::parse("1")?,
///     Timestamp::from_secs(1_702_448_550),
///     Audience::new(["https://acme.okta.com"])?,
///     alice.into(),
///     Event::from(SessionRevoked::default()),
/// );
/// let json = serde_json::to_string(&claims.in_dialect(&Dialect::OKTA))?;
/// assert!(json.contains(r#""subject":{"user":{"format":"email","email":"alice@example.com"}}"#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct InDialect<'c> {
    claims: &'c SetClaims,
    dialect: &'static Dialect,
}

impl SetClaims {
    /// These claims as `dialect` writes them.
    pub fn in_dialect(&self, dialect: &'static Dialect) -> InDialect<'_> {
        InDialect {
            claims: self,
            dialect,
        }
    }
}

impl InDialect<'_> {
    /// The claims, to the letter of SSF 1.0.
    pub fn claims(&self) -> &SetClaims {
        self.claims
    }
}

impl<'c> From<&'c SetClaims> for InDialect<'c> {
    /// The claims to the letter of SSF 1.0.
    fn from(claims: &'c SetClaims) -> Self {
        claims.in_dialect(&Dialect::SSF_1_0)
    }
}

impl Serialize for InDialect<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.dialect.writes.is_empty() {
            return self.claims.serialize(serializer);
        }
        let json = serde_json::to_string(self.claims).map_err(ser::Error::custom)?;
        let written = self.dialect.write(Body::Claims, &json);
        let written = written.map_err(ser::Error::custom)?.into_owned();
        RawValue::from_string(written)
            .map_err(ser::Error::custom)?
            .serialize(serializer)
    }
}

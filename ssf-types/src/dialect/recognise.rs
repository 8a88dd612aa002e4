//! Which dialect a refused SET may be in.

use super::{Deviation, Dialect};
use crate::{
    json::Members,
    set::{SetClaims, profile},
    uri::Issuer,
};

/// A dialect in which claims can be read that SSF 1.0 refuses.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Recognised {
    /// The dialect.
    pub dialect: &'static Dialect,
    /// How the claims differ from SSF 1.0, in the order of [`Deviation::ALL`].
    pub deviations: Vec<Deviation>,
}

impl Dialect {
    /// The dialects with a name that make sense of the claims of a SET: those with fewest deviations first, and among
    /// them those that tolerate least, since a narrow fit says more.
    ///
    /// None, if SSF 1.0 accepts the claims, or if nobody does. `claims` is JSON text that [`crate::json::check`] has
    /// passed; nothing of it needs to be believed.
    ///
    /// ```
    /// use ssf_types::dialect::Dialect;
    ///
    /// let claims = r#"{
    ///     "iss": "https://acme.okta.com", "aud": "https://rp.example.com", "jti": "1", "iat": 1702448550,
    ///     "events": {"https://schemas.openid.net/secevent/caep/event-type/session-revoked": {
    ///         "subject": {"user": {"format": "email", "email": "alice@example.com"}}
    ///     }}
    /// }"#;
    /// let recognised = Dialect::recognise(claims);
    /// assert_eq!(recognised[0].dialect, &Dialect::OKTA);
    /// ```
    pub fn recognise(claims: &str) -> Vec<Recognised> {
        if is_sound(claims) {
            return Vec::new();
        }
        let mut recognised: Vec<Recognised> = Self::ALL
            .iter()
            .filter_map(|dialect| {
                let reading = dialect.read_claims(claims).ok()?;
                is_sound(&reading.text).then_some(Recognised {
                    dialect,
                    deviations: reading.deviations,
                })
            })
            .collect();
        recognised.sort_by_key(|found| (found.deviations.len(), found.dialect.reads.len()));
        recognised
    }
}

/// Whether the strict reader accepts the claims.
fn is_sound(claims: &str) -> bool {
    let Ok(mut members) = Members::parse(claims) else {
        return false;
    };
    let issuer = profile::issuer(&mut members).map(Issuer::parse);
    let audience = profile::audience(&mut members);
    match (issuer, audience) {
        (Ok(Ok(issuer)), Ok(audience)) => SetClaims::read(&issuer, audience, members).is_ok(),
        _ => false,
    }
}

//! JWTs with which somebody asks for something, such as access tokens: their form, their signature by one of somebody's
//! keys, and when their claims count (RFC 7519, RFC 8725, RFC 9068). SETs, which ask for nothing, are read by [`crate::set`].

mod claims;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};

pub use self::claims::{Claims, ClaimsError, LEEWAY, NAME_BYTES_MAX, is_name};
use crate::{
    id::Kid,
    json::{self, JsonError, Members},
};
#[cfg(feature = "jose")]
use crate::{jose::KeySet, set::Algorithm};

/// Longest JWT that is read, in bytes: servers commonly take no longer header.
pub const JWT_BYTES_MAX: usize = 16 * 1024;

/// A JWT that has its form, and nothing more: one JWS in compact form (RFC 7515 §7.1) with claims.
#[derive(Clone)]
#[non_exhaustive]
pub struct UnverifiedJwt<'t> {
    /// How it says to be signed.
    pub header: JwtHeader,
    /// What it says.
    pub claims: Claims,
    /// What is signed: header and claims as they stand.
    pub signing_input: &'t str,
    /// The signature.
    pub signature: Vec<u8>,
}

/// What is said of how it is signed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct JwtHeader {
    /// The algorithm's name, which may be one that nobody should use.
    pub alg: String,
    /// What kind of JWT it is.
    pub typ: Option<String>,
    /// The key's name.
    pub kid: Option<Kid>,
}

/// A text is no JWT that can be checked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JwtError {
    /// It is not one JWS in compact form, or too long.
    #[error("it is not a JWT of at most {JWT_BYTES_MAX} bytes in compact form")]
    NotCompact,
    /// Its header is not one.
    #[error("the header is malformed")]
    Header(#[source] JsonError),
    /// Its header demands what is not understood here (RFC 7515 §4.1.11).
    #[error("the header has crit")]
    Critical,
    /// Its claims are not what they must be.
    #[error("the claims cannot be read")]
    Claims(#[source] ClaimsError),
}

/// A JWT is not signed with one of somebody's keys.
#[cfg(feature = "jose")]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The algorithm is none of ours: symmetric ones and `none` least of all (RFC 8725 §3.1).
    #[error("alg is none of RS256, PS256, ES256 and EdDSA")]
    Algorithm,
    /// No key fits the header.
    #[error("no key fits kid and alg")]
    UnknownKey,
    /// A key fits, and did not make this signature.
    #[error("the signature is wrong")]
    Wrong,
}

impl<'t> UnverifiedJwt<'t> {
    /// Takes a JWT of at most [`JWT_BYTES_MAX`] bytes apart.
    ///
    /// # Errors
    /// Says what is wrong with it, without its text.
    pub fn parse(token: &'t str) -> Result<Self, JwtError> {
        if token.len() > JWT_BYTES_MAX {
            return Err(JwtError::NotCompact);
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(JwtError::NotCompact)?;
        let (header, claims) = signing_input.split_once('.').ok_or(JwtError::NotCompact)?;
        Ok(Self {
            header: JwtHeader::parse(&decoded(header)?)?,
            claims: Claims::parse(&decoded(claims)?).map_err(JwtError::Claims)?,
            signing_input,
            signature: decoded(signature)?,
        })
    }

    /// Checks the signature with the keys of whoever is said to have signed.
    ///
    /// Keys or addresses of keys in the header are not looked at (RFC 8725 §3.10).
    ///
    /// # Errors
    /// Says whether the algorithm, the key or the signature is at fault.
    #[cfg(feature = "jose")]
    pub fn verify(&self, keys: &KeySet) -> Result<(), SignatureError> {
        let algorithm = Algorithm::parse(&self.header.alg).ok_or(SignatureError::Algorithm)?;
        let kid = self.header.kid.as_ref();
        let input = self.signing_input.as_bytes();
        match keys.verify(algorithm, kid, input, &self.signature) {
            Some(true) => Ok(()),
            Some(false) => Err(SignatureError::Wrong),
            None => Err(SignatureError::UnknownKey),
        }
    }
}

impl JwtHeader {
    fn parse(header: &[u8]) -> Result<Self, JwtError> {
        let text = json::check(header).map_err(JwtError::Header)?;
        let mut members = Members::parse(text).map_err(JwtError::Header)?;
        if members.has("crit") {
            return Err(JwtError::Critical);
        }
        let mut read = || {
            Ok(Self {
                alg: members.required("alg", "a text")?,
                typ: members.optional("typ", "a text")?,
                kid: members.optional("kid", "a text of at most 255 bytes")?,
            })
        };
        read().map_err(JwtError::Header)
    }

    /// Whether `typ` is `name`, with or without `application/` in front, in whatever case (RFC 7515 §4.1.9).
    pub fn is_of_type(&self, name: &str) -> bool {
        let Some(typ) = self.typ.as_deref() else {
            return false;
        };
        let bare = match typ.get(..12) {
            Some(prefix) if prefix.eq_ignore_ascii_case("application/") => &typ[12..],
            Some(_) | None => typ,
        };
        bare.eq_ignore_ascii_case(name)
    }
}

fn decoded(part: &str) -> Result<Vec<u8>, JwtError> {
    BASE64URL.decode(part).map_err(|_| JwtError::NotCompact)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(header: &str, claims: &str) -> Result<(), JwtError> {
        let token = format!(
            "{}.{}.AA",
            BASE64URL.encode(header),
            BASE64URL.encode(claims)
        );
        UnverifiedJwt::parse(&token).map(drop)
    }

    const CLAIMS: &str = r#"{"iss":"a","aud":"b","exp":1}"#;

    #[test]
    fn a_jwt_is_taken_apart() {
        assert!(
            parse(
                r#"{"alg":"ES256","kid":"1","jku":"https://x.example"}"#,
                CLAIMS
            )
            .is_ok()
        );
    }

    #[test]
    fn what_is_no_jwt_is_refused() {
        let long = format!("{}.e30.AA", "A".repeat(JWT_BYTES_MAX));
        for token in ["", "a", "a.b", "e30.e30", "e30.e30.A A", "a.b.c.d.e", &long] {
            assert!(UnverifiedJwt::parse(token).is_err(), "{token}");
        }
        let header = r#"{"alg":"ES256"}"#;
        assert!(matches!(parse("[]", CLAIMS), Err(JwtError::Header(_))));
        assert!(matches!(parse("{}", CLAIMS), Err(JwtError::Header(_))));
        assert!(matches!(parse(header, "{}"), Err(JwtError::Claims(_))));
        let doubled = r#"{"alg":"ES256","alg":"none"}"#;
        assert!(matches!(parse(doubled, CLAIMS), Err(JwtError::Header(_))));
        let critical = r#"{"alg":"ES256","crit":["b64"],"b64":false}"#;
        assert!(matches!(parse(critical, CLAIMS), Err(JwtError::Critical)));
    }

    #[test]
    fn a_type_is_compared_as_a_media_type() {
        let header = |typ: &str| JwtHeader {
            alg: "ES256".to_owned(),
            typ: Some(typ.to_owned()),
            kid: None,
        };
        assert!(header("at+jwt").is_of_type("at+jwt"));
        assert!(header("Application/AT+JWT").is_of_type("at+jwt"));
        assert!(!header("secevent+jwt").is_of_type("at+jwt"));
        assert!(!header("applicationät+jwt").is_of_type("at+jwt"));
    }

    #[cfg(feature = "jose")]
    #[test]
    fn symmetric_algorithms_and_none_have_no_key() {
        for alg in ["none", "HS256", "None", "RS512"] {
            let header = format!(r#"{{"alg":"{alg}"}}"#);
            let token = format!("{}.{}.", BASE64URL.encode(header), BASE64URL.encode(CLAIMS));
            let jwt = UnverifiedJwt::parse(&token).unwrap();
            let verified = jwt.verify(&KeySet::default());
            assert_eq!(verified, Err(SignatureError::Algorithm), "{alg}");
        }
    }
}

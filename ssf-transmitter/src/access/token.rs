//! Access tokens of the built-in token endpoint: JWTs (RFC 9068) that this program signs for itself.
//!
//! They are signed with HMAC-SHA-256 under a key that is derived from the data key: every node has it, nobody else
//! needs it, and no key that is published can make one, nor can a key of theirs make a SET.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use secrecy::SecretString;
use ssf_types::{
    jwt::{JwtError, UnverifiedJwt},
    time::Timestamp,
    uri::Issuer,
};
use uuid::Uuid;

use crate::{
    domain::grant::{Grant, GrantError},
    sealing::Sealer,
};

/// The one header of these tokens.
const HEADER: &str = r#"{"alg":"HS256","typ":"at+jwt"}"#;

/// The algorithm of these tokens, which no other token that is accepted has.
const ALGORITHM: &str = "HS256";

/// Their type (RFC 9068 §2.1).
pub(super) const TYPE: &str = "at+jwt";

/// Issues access tokens and reads them again.
#[derive(Clone, Debug)]
pub struct AccessTokens(Sealer);

/// A token is none of ours, or does not count.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It is no JWT.
    #[error("the token is not a JWT")]
    Malformed(#[source] JwtError),
    /// It was not made here.
    #[error("the token was not made here")]
    NotOurs,
    /// It grants nothing, here and now.
    #[error("the token grants nothing")]
    Grants(#[source] GrantError),
}

impl AccessTokens {
    /// Uses the key that is derived for this from the data key.
    pub fn new(sealer: Sealer) -> Self {
        Self(sealer)
    }

    /// Issues a token.
    pub fn issue(
        &self,
        grant: &Grant,
        issuer: &Issuer,
        now: Timestamp,
        life: Duration,
    ) -> SecretString {
        let claims = grant.claims(issuer, Uuid::new_v4(), now, life);
        let mut token = BASE64URL.encode(HEADER);
        token.push('.');
        BASE64URL.encode_string(claims.to_string(), &mut token);
        let mac = self.0.token_mac(token.as_bytes());
        token.push('.');
        BASE64URL.encode_string(mac, &mut token);
        token.into()
    }

    /// What a token of `issuer` grants at `now`.
    ///
    /// # Errors
    /// It is none of ours, or grants nothing here and now.
    pub fn read(&self, token: &str, issuer: &Issuer, now: Timestamp) -> Result<Grant, TokenError> {
        let jwt = UnverifiedJwt::parse(token).map_err(TokenError::Malformed)?;
        self.check(&jwt, issuer, now)
    }

    /// Whether only this program can have made a token with such a header.
    pub(crate) fn is_meant(jwt: &UnverifiedJwt<'_>) -> bool {
        jwt.header.alg == ALGORITHM
    }

    /// What a token of `issuer` that was taken apart grants at `now`.
    pub(crate) fn check(
        &self,
        jwt: &UnverifiedJwt<'_>,
        issuer: &Issuer,
        now: Timestamp,
    ) -> Result<Grant, TokenError> {
        let ours = Self::is_meant(jwt) && jwt.header.is_of_type(TYPE);
        let input = jwt.signing_input.as_bytes();
        if !ours || !self.0.is_token_mac(input, &jwt.signature) {
            return Err(TokenError::NotOurs);
        }
        Grant::read(&jwt.claims, issuer, now).map_err(TokenError::Grants)
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::{
        domain::{id::ReceiverId, scope::Scopes},
        sealing::DataKey,
    };

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const LIFE: Duration = Duration::from_mins(10);

    struct Rig {
        tokens: AccessTokens,
        issuer: Issuer,
    }

    impl Rig {
        fn new() -> Self {
            Self {
                tokens: AccessTokens::new(Sealer::new(&DataKey::generate())),
                issuer: Issuer::parse("https://tr.example.com").unwrap(),
            }
        }

        fn issue(&self) -> String {
            let token = self.tokens.issue(&grant(), &self.issuer, NOW, LIFE);
            token.expose_secret().to_owned()
        }

        fn read(&self, token: &str) -> Result<Grant, TokenError> {
            self.tokens.read(token, &self.issuer, NOW)
        }
    }

    fn grant() -> Grant {
        Grant::new(ReceiverId::new(Uuid::from_u128(7)), Scopes::all(), 0)
    }

    fn decoded(part: &str) -> serde_json::Value {
        serde_json::from_slice(&BASE64URL.decode(part).unwrap()).unwrap()
    }

    #[test]
    fn a_token_has_the_form_of_rfc_9068_and_grants_what_was_granted() {
        let rig = Rig::new();
        let token = rig.issue();
        let parts: Vec<&str> = token.split('.').collect();
        assert_eq!(decoded(parts[0])["typ"], "at+jwt");
        let claims = decoded(parts[1]);
        assert_eq!(claims["iss"], "https://tr.example.com");
        assert_eq!(claims["aud"], "https://tr.example.com");
        assert_eq!(claims["sub"], claims["client_id"]);
        assert_eq!(claims["scope"], "ssf.read ssf.manage");
        assert_eq!(claims["iat"], 1_800_000_000);
        assert_eq!(claims["exp"], 1_800_000_600);
        assert_eq!(claims["jti"].as_str().unwrap().len(), 32);
        assert_eq!(rig.read(&token).unwrap(), grant());
    }

    #[test]
    fn two_tokens_of_one_moment_differ() {
        let rig = Rig::new();
        assert_ne!(rig.issue(), rig.issue());
    }

    #[test]
    fn a_token_of_which_one_character_was_changed_is_none_of_ours() {
        let rig = Rig::new();
        let token = rig.issue();
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(rig.read(&changed).is_err(), "{at}");
        }
    }

    #[test]
    fn a_token_of_another_data_key_is_none_of_ours() {
        let read = Rig::new().read(&Rig::new().issue());
        assert!(matches!(read, Err(TokenError::NotOurs)));
    }

    #[test]
    fn a_token_with_another_header_is_none_of_ours() {
        let rig = Rig::new();
        let token = rig.issue();
        let claims = token.split('.').nth(1).unwrap();
        for header in [
            r#"{"alg":"none","typ":"at+jwt"}"#,
            r#"{"alg":"RS256","typ":"at+jwt"}"#,
            r#"{"alg":"HS256","typ":"secevent+jwt"}"#,
            r#"{"alg":"HS256"}"#,
        ] {
            let input = format!("{}.{claims}", BASE64URL.encode(header));
            let mac = BASE64URL.encode(rig.tokens.0.token_mac(input.as_bytes()));
            let read = rig.read(&format!("{input}.{mac}"));
            assert!(matches!(read, Err(TokenError::NotOurs)), "{header}");
        }
    }
}

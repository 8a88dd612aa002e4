//! Assertions with which clients show who they are: `private_key_jwt` (RFC 7523 §2.2, §3).

use std::time::Duration;

use ssf_types::{
    jose::KeySet,
    jwt::{ClaimsError, JwtError, LEEWAY, SignatureError, UnverifiedJwt},
    time::Timestamp,
};

/// Longest time for which an assertion may count: so long its `jti` is remembered.
const LIFE_MAX: Duration = Duration::from_hours(1);

/// An assertion that nobody has checked.
pub(crate) struct Assertion<'t> {
    jwt: UnverifiedJwt<'t>,
    client_id: String,
}

/// What a checked assertion has to be remembered by.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct CheckedAssertion {
    /// The assertion's name, which its client gives once.
    pub jti: String,
    /// Until when a second one of that name could count.
    pub until: Timestamp,
}

/// An assertion does not show who a client is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AssertionError {
    /// It is no JWT.
    #[error("the assertion is not a JWT")]
    Malformed(#[source] JwtError),
    /// It is a JWT for something else.
    #[error("typ of the assertion is not JWT")]
    Type,
    /// It is not about the one who says it.
    #[error("iss and sub of the assertion have to be the client_id")]
    Client,
    /// It does not count here and now.
    #[error("the assertion does not count here and now")]
    Claims(#[source] ClaimsError),
    /// It would count for too long.
    #[error("exp of the assertion is more than an hour ahead")]
    TooLong,
    /// It has no name, so that it could be used twice.
    #[error("jti of the assertion has to be a text of 1 to 255 bytes")]
    Nameless,
    /// The client's keys did not sign it.
    #[error("the assertion is not signed with a registered key")]
    Signature(#[source] SignatureError),
}

impl<'t> Assertion<'t> {
    /// Takes an assertion apart.
    pub(crate) fn parse(text: &'t str) -> Result<Self, AssertionError> {
        let jwt = UnverifiedJwt::parse(text).map_err(AssertionError::Malformed)?;
        // A SET or an access token of the same key must not log in (RFC 8725 §3.12); JWT is what libraries write.
        let types = ["JWT", "client-authentication+jwt"];
        let header = &jwt.header;
        if header.typ.is_some() && !types.iter().any(|typ| header.is_of_type(typ)) {
            return Err(AssertionError::Type);
        }
        let client_id = jwt.claims.text("sub").ok_or(AssertionError::Client)?;
        if jwt.claims.iss != client_id {
            return Err(AssertionError::Client);
        }
        Ok(Self { jwt, client_id })
    }

    /// Who it says to be.
    pub(crate) fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Checks it with the client's registered keys; `audience` are the names of this server, one of which it has to name.
    pub(crate) fn check(
        &self,
        keys: &[KeySet],
        audience: &[&str],
        now: Timestamp,
    ) -> Result<CheckedAssertion, AssertionError> {
        let claims = &self.jwt.claims;
        claims
            .check(&self.client_id, audience, now, LEEWAY)
            .map_err(AssertionError::Claims)?;
        if claims.exp > now.after(LIFE_MAX + LEEWAY) {
            return Err(AssertionError::TooLong);
        }
        let jti = claims.text("jti").ok_or(AssertionError::Nameless)?;
        let mut verified = Err(SignatureError::UnknownKey);
        for set in keys {
            verified = self.jwt.verify(set);
            if verified.is_ok() {
                break;
            }
        }
        verified.map_err(AssertionError::Signature)?;
        Ok(CheckedAssertion {
            jti,
            until: claims.exp.after(LEEWAY),
        })
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
    use openssl::{
        hash::MessageDigest,
        pkey::{PKey, Private},
        sign::Signer,
    };
    use serde_json::{Value, json};
    use ssf_types::jose::PublicKey;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const HERE: [&str; 2] = [
        "https://tr.example.com/oauth/token",
        "https://tr.example.com",
    ];

    struct Client(PKey<Private>);

    impl Client {
        fn new() -> Self {
            Self(PKey::generate_ed25519().unwrap())
        }

        fn keys(&self) -> [KeySet; 1] {
            let pem = String::from_utf8(self.0.public_key_to_pem().unwrap()).unwrap();
            [KeySet::new([PublicKey::from_pem(&pem).unwrap()])]
        }

        fn assertion(&self, header: &Value, claims: &Value) -> String {
            let encode = |json: &Value| BASE64URL.encode(json.to_string());
            let input = format!("{}.{}", encode(header), encode(claims));
            let mut signer = Signer::new(MessageDigest::null(), &self.0)
                .or_else(|_| Signer::new_without_digest(&self.0))
                .unwrap();
            let signature = signer.sign_oneshot_to_vec(input.as_bytes()).unwrap();
            format!("{input}.{}", BASE64URL.encode(signature))
        }
    }

    fn header() -> Value {
        json!({"alg": "EdDSA", "typ": "JWT"})
    }

    fn claims() -> Value {
        json!({
            "iss": "rp", "sub": "rp", "aud": HERE[0], "exp": 1_800_000_300, "jti": "1",
        })
    }

    fn checked(header: &Value, claims: &Value) -> Result<CheckedAssertion, AssertionError> {
        let client = Client::new();
        let text = client.assertion(header, claims);
        Assertion::parse(&text)?.check(&client.keys(), &HERE, NOW)
    }

    fn with(name: &str, value: Value) -> Result<CheckedAssertion, AssertionError> {
        let mut claims = claims();
        claims[name] = value;
        checked(&header(), &claims)
    }

    #[test]
    fn an_assertion_of_a_registered_key_shows_who_the_client_is() {
        let expected = CheckedAssertion {
            jti: "1".to_owned(),
            until: Timestamp::from_secs(1_800_000_360),
        };
        assert_eq!(checked(&header(), &claims()).unwrap(), expected);
        assert_eq!(with("aud", json!(HERE)).unwrap(), expected);
        assert_eq!(with("aud", json!(HERE[1])).unwrap(), expected);
        let untyped = checked(&json!({"alg": "EdDSA"}), &claims());
        assert_eq!(untyped.unwrap(), expected);
    }

    #[test]
    fn an_assertion_of_another_key_shows_nothing() {
        let text = Client::new().assertion(&header(), &claims());
        let assertion = Assertion::parse(&text).unwrap();
        let checked = assertion.check(&Client::new().keys(), &HERE, NOW);
        let wrong = SignatureError::Wrong;
        assert!(matches!(checked, Err(AssertionError::Signature(found)) if found == wrong));
        let checked = assertion.check(&[], &HERE, NOW);
        let unknown = SignatureError::UnknownKey;
        assert!(matches!(checked, Err(AssertionError::Signature(found)) if found == unknown));
    }

    #[test]
    fn each_claim_is_needed() {
        use AssertionError::{Claims, Client, Nameless, TooLong, Type};
        let expired = with("exp", json!(1_799_999_000));
        assert!(matches!(expired, Err(Claims(ClaimsError::Expired))));
        let elsewhere = with("aud", json!("https://tr.example.com/"));
        assert!(matches!(elsewhere, Err(Claims(ClaimsError::Audience))));
        assert!(matches!(with("iss", json!("other")), Err(Client)));
        assert!(matches!(with("sub", json!(null)), Err(Client)));
        assert!(matches!(with("jti", json!("")), Err(Nameless)));
        assert!(matches!(with("exp", json!(1_800_003_661)), Err(TooLong)));
        let set = json!({"alg": "EdDSA", "typ": "secevent+jwt"});
        assert!(matches!(checked(&set, &claims()), Err(Type)));
    }
}

//! The key of the reference, and what it signs.

use aws_lc_rs::{
    error::Unspecified,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde_json::{Map, Value, json};

/// The name of the key.
const KID: &str = "b";

/// A P-256 key.
pub(super) struct Signer {
    key: EcdsaKeyPair,
    random: SystemRandom,
}

impl Signer {
    /// Makes a key.
    pub(super) fn new() -> Result<Self, Unspecified> {
        Ok(Self {
            key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?,
            random: SystemRandom::new(),
        })
    }

    /// The public key, as a JWK set has it.
    pub(super) fn jwk(&self) -> Value {
        // An uncompressed point: 4, and two coordinates of 32 bytes.
        let point = self.key.public_key().as_ref();
        let coordinate = |at: usize| BASE64URL.encode(point.get(at..at + 32).unwrap_or_default());
        json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": KID,
            "x": coordinate(1), "y": coordinate(33),
        })
    }

    /// The header of a SET.
    pub(super) fn header() -> Map<String, Value> {
        let members = [("alg", "ES256"), ("kid", KID), ("typ", "secevent+jwt")];
        members
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .into_iter()
            .collect()
    }

    /// A JWS in compact form.
    pub(super) fn sign(
        &self,
        header: Map<String, Value>,
        claims: Map<String, Value>,
    ) -> Result<String, Unspecified> {
        let part = |object| BASE64URL.encode(Value::Object(object).to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = self.key.sign(&self.random, signed.as_bytes())?;
        Ok(format!("{signed}.{}", BASE64URL.encode(signature)))
    }
}

//! Signatures of SETs, checked with published keys: one algorithm for each type of key, and nothing read leniently.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
    VerificationAlgorithm,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde_json::{Map, Value};

/// The header parameter `alg` of signatures that anybody can check who has the public key.
pub const ASYMMETRIC: [&str; 11] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
    "Ed25519",
];

/// Why a signature does not count.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The token has no signature in base64url.
    #[error("the signature is not base64url")]
    Form,
    /// The algorithm is not known here, or is none that a public key checks.
    #[error("its alg is none that can be checked with a public key")]
    Algorithm,
    /// The key is not one for the algorithm.
    #[error("the key is not one for its alg")]
    Key,
    /// Another key signed it, or something else.
    #[error("the signature is not that of the key")]
    Mismatch,
}

/// Checks the signature of a token in compact form (RFC 7515 §5.2), made with `algorithm`, with the public key in a JWK.
///
/// # Errors
/// The signature does not count.
pub fn verify(
    token: &str,
    algorithm: &str,
    key: &Map<String, Value>,
) -> Result<(), SignatureError> {
    let (signed, signature) = token.rsplit_once('.').ok_or(SignatureError::Form)?;
    let signature = BASE64URL.decode(signature);
    let signature = signature.map_err(|_| SignatureError::Form)?;
    let of_rsa = |parameters| rsa(parameters, key, signed.as_bytes(), &signature);
    let of_curve = |curve, algorithm| ec(curve, algorithm, key, signed.as_bytes(), &signature);
    match algorithm {
        // How long the key is, is judged apart.
        "RS256" => of_rsa(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY),
        "RS384" => of_rsa(&RSA_PKCS1_2048_8192_SHA384),
        "RS512" => of_rsa(&RSA_PKCS1_2048_8192_SHA512),
        "PS256" => of_rsa(&RSA_PSS_2048_8192_SHA256),
        "PS384" => of_rsa(&RSA_PSS_2048_8192_SHA384),
        "PS512" => of_rsa(&RSA_PSS_2048_8192_SHA512),
        "ES256" => of_curve("P-256", &ECDSA_P256_SHA256_FIXED),
        "ES384" => of_curve("P-384", &ECDSA_P384_SHA384_FIXED),
        "ES512" => of_curve("P-521", &ECDSA_P521_SHA512_FIXED),
        "EdDSA" | "Ed25519" => {
            is_of(key, "OKP", Some("Ed25519"))?;
            check(&ED25519, octets(key, "x")?, signed.as_bytes(), &signature)
        }
        _ => Err(SignatureError::Algorithm),
    }
}

fn rsa(
    parameters: &'static RsaParameters,
    key: &Map<String, Value>,
    signed: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    is_of(key, "RSA", None)?;
    let key = RsaPublicKeyComponents {
        n: octets(key, "n")?,
        e: octets(key, "e")?,
    };
    let verified = key.verify(parameters, signed, signature);
    verified.map_err(|_| SignatureError::Mismatch)
}

fn ec(
    curve: &str,
    algorithm: &'static dyn VerificationAlgorithm,
    key: &Map<String, Value>,
    signed: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    is_of(key, "EC", Some(curve))?;
    // An uncompressed point: 4, and its two coordinates.
    let mut point = vec![4];
    point.extend(octets(key, "x")?);
    point.extend(octets(key, "y")?);
    check(algorithm, point, signed, signature)
}

fn check(
    algorithm: &'static dyn VerificationAlgorithm,
    key: Vec<u8>,
    signed: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    let verified = UnparsedPublicKey::new(algorithm, key).verify(signed, signature);
    verified.map_err(|_| SignatureError::Mismatch)
}

fn is_of(key: &Map<String, Value>, kty: &str, curve: Option<&str>) -> Result<(), SignatureError> {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    let is_fit = text("kty") == Some(kty) && (curve.is_none() || text("crv") == curve);
    is_fit.then_some(()).ok_or(SignatureError::Key)
}

fn octets(key: &Map<String, Value>, name: &str) -> Result<Vec<u8>, SignatureError> {
    let text = key.get(name).and_then(Value::as_str);
    let octets = text.and_then(|text| BASE64URL.decode(text).ok());
    octets.ok_or(SignatureError::Key)
}

#[cfg(test)]
mod tests;

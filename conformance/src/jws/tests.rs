use openssl::{
    ec::{EcGroup, EcKey},
    ecdsa::EcdsaSig,
    hash::MessageDigest,
    nid::Nid,
    pkey::PKey,
    rsa::Rsa,
    sign::Signer,
};
use serde_json::json;

use super::*;

const SIGNED: &str = "e30.e30";

fn token(signature: &[u8]) -> String {
    format!("{SIGNED}.{}", BASE64URL.encode(signature))
}

fn members(jwk: Value) -> Map<String, Value> {
    let Value::Object(members) = jwk else {
        panic!("{jwk}");
    };
    members
}

/// A token that openssl signed with RS256, and the key.
fn rs256() -> (String, Map<String, Value>) {
    let rsa = Rsa::generate(2048).unwrap();
    let jwk = json!({
        "kty": "RSA", "n": BASE64URL.encode(rsa.n().to_vec()), "e": BASE64URL.encode(rsa.e().to_vec()),
    });
    let key = PKey::from_rsa(rsa).unwrap();
    let mut signer = Signer::new(MessageDigest::sha256(), &key).unwrap();
    let signature = signer.sign_oneshot_to_vec(SIGNED.as_bytes()).unwrap();
    (token(&signature), members(jwk))
}

#[test]
fn what_openssl_signs_with_rs256_is_verified_and_nothing_else_is() {
    let (token, key) = rs256();
    assert_eq!(verify(&token, "RS256", &key), Ok(()));
    let altered = token.replacen("e30.", "e31.", 1);
    assert_eq!(
        verify(&altered, "RS256", &key),
        Err(SignatureError::Mismatch)
    );
    let (_, other) = rs256();
    assert_eq!(
        verify(&token, "RS256", &other),
        Err(SignatureError::Mismatch)
    );
    assert_eq!(verify(&token, "PS256", &key), Err(SignatureError::Mismatch));
}

#[test]
fn what_openssl_signs_on_a_curve_is_verified() {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = EcKey::generate(&group).unwrap();
    let mut context = openssl::bn::BigNumContext::new().unwrap();
    let (mut x, mut y) = (
        openssl::bn::BigNum::new().unwrap(),
        openssl::bn::BigNum::new().unwrap(),
    );
    key.public_key()
        .affine_coordinates(&group, &mut x, &mut y, &mut context)
        .unwrap();
    let coordinate =
        |number: &openssl::bn::BigNum| BASE64URL.encode(number.to_vec_padded(32).unwrap());
    let jwk = members(json!({
        "kty": "EC", "crv": "P-256", "x": coordinate(&x), "y": coordinate(&y),
    }));
    let digest = openssl::hash::hash(MessageDigest::sha256(), SIGNED.as_bytes()).unwrap();
    let made = EcdsaSig::sign(&digest, &key).unwrap();
    let mut signature = made.r().to_vec_padded(32).unwrap();
    signature.extend(made.s().to_vec_padded(32).unwrap());
    assert_eq!(verify(&token(&signature), "ES256", &jwk), Ok(()));
    assert_eq!(
        verify(&token(&signature), "ES384", &jwk),
        Err(SignatureError::Key)
    );
}

#[test]
fn an_algorithm_that_needs_no_private_key_is_none() {
    let (token, key) = rs256();
    for algorithm in ["none", "None", "HS256", "", "RS1"] {
        assert_eq!(
            verify(&token, algorithm, &key),
            Err(SignatureError::Algorithm),
            "{algorithm}"
        );
        assert!(!ASYMMETRIC.contains(&algorithm));
    }
    for algorithm in ASYMMETRIC {
        let verified = verify(&token, algorithm, &key);
        assert_ne!(verified, Err(SignatureError::Algorithm), "{algorithm}");
    }
}

#[test]
fn padding_and_the_other_alphabet_are_no_signature() {
    let (_, key) = rs256();
    for signature in ["AA==", "+/+/", "A"] {
        let token = format!("{SIGNED}.{signature}");
        assert_eq!(verify(&token, "RS256", &key), Err(SignatureError::Form));
    }
}

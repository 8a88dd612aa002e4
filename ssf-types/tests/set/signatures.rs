//! Who signed: algorithms that are mixed up, names of keys that are games, signatures in forms that are not theirs.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use openssl::{
    bn::BigNum,
    hash::MessageDigest,
    pkey::{PKey, Private},
    rsa::Padding,
    sign::Signer,
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use ssf_types::{
    audience::Audience,
    error::{Chain, ErrCode},
    event::{Event, caep::SessionRevoked},
    id::{Jti, Kid},
    jose::{KeySet, PublicKey, SigningKey},
    set::{Algorithm, CompactSet, SetClaims, SetError, UnverifiedSet, VerifiedSet},
    subject::SimpleSubject,
    time::Timestamp,
    uri::Issuer,
};

use super::{AUDIENCE, EC, ED, ISSUER, NOW, PSS, RSA, claims, expectation, keys};

const UNKNOWN: &str = "the issuer's keys have none with this kid and alg";

/// Makes a signature, well formed or not.
type Sign = fn(&[u8]) -> Vec<u8>;

fn key(signing_key: &SigningKey) -> PKey<Private> {
    PKey::private_key_from_pem(signing_key.pem().expose_secret().as_bytes()).unwrap()
}

fn header(alg: &str, kid: &str) -> Value {
    json!({ "alg": alg, "kid": kid, "typ": "secevent+jwt" })
}

/// A token with this header, whatever `sign` does.
fn token(header: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let sign = |input: &[u8]| Ok::<_, std::convert::Infallible>(sign(input));
    let header = BASE64URL.encode(header.to_string());
    CompactSet::compose(&header, claims().to_string().as_bytes(), sign)
        .unwrap()
        .into_string()
}

fn verify_with(keys: &KeySet, token: &str) -> Result<VerifiedSet, SetError> {
    let now = Timestamp::from_secs(NOW);
    UnverifiedSet::parse(token.as_bytes())?.verify(keys, &expectation(), now)
}

fn verify(token: &str) -> Result<VerifiedSet, SetError> {
    verify_with(&keys(), token)
}

fn rs256(key: &SigningKey, input: &[u8]) -> Vec<u8> {
    let key = self::key(key);
    let mut signer = Signer::new(MessageDigest::sha256(), &key).unwrap();
    signer.sign_oneshot_to_vec(input).unwrap()
}

fn ed25519(input: &[u8]) -> Vec<u8> {
    let key = key(&ED);
    let mut signer = Signer::new_without_digest(&key).unwrap();
    signer.sign_oneshot_to_vec(input).unwrap()
}

/// An ES256 signature as OpenSSL makes it, in DER.
fn es256_der(input: &[u8]) -> Vec<u8> {
    rs256(&EC, input)
}

/// An ES256 signature as RFC 7518 §3.4 has it.
fn es256(input: &[u8]) -> Vec<u8> {
    let signature = openssl::ecdsa::EcdsaSig::from_der(&es256_der(input)).unwrap();
    let part = |number: &openssl::bn::BigNumRef| number.to_vec_padded(32).unwrap();
    [part(signature.r()), part(signature.s())].concat()
}

fn set_claims() -> SetClaims {
    let alice = SimpleSubject::Email {
        email: "alice@example.com".into(),
    };
    SetClaims::new(
        Issuer::parse(ISSUER).unwrap(),
        Jti::parse("1").unwrap(),
        Timestamp::from_secs(NOW),
        Audience::new([AUDIENCE]).unwrap(),
        alice.into(),
        Event::from(SessionRevoked::default()),
    )
}

#[test]
fn what_we_sign_verifies_with_every_algorithm() {
    for key in [&*RSA, &*PSS, &*EC, &*ED] {
        let token = key.sign(&set_claims()).unwrap();
        assert_eq!(verify(token.as_str()).unwrap().claims(), &set_claims());
    }
}

#[test]
fn the_header_has_the_name_that_the_key_was_given() {
    let key = ED.clone().with_kid(Kid::parse("2024-01").unwrap());
    let token = key.sign(&set_claims()).unwrap();
    let header = token.as_str().split('.').next().unwrap();
    let header: Value = serde_json::from_slice(&BASE64URL.decode(header).unwrap()).unwrap();
    assert_eq!(header, self::header("EdDSA", "2024-01"));
    let keys = KeySet::new([key.public_key().clone()]);
    assert!(verify_with(&keys, token.as_str()).is_ok());
}

#[test]
fn none_and_other_algorithms_are_refused() {
    for alg in [
        "none", "None", "HS256", "RS1", "RS512", "ES256K", "es256", "",
    ] {
        let error = verify(&token(&header(alg, EC.kid().as_str()), es256)).unwrap_err();
        assert_eq!(error, SetError::UnsupportedAlgorithm, "{alg}");
        assert_eq!(error.code(), ErrCode::InvalidKey);
        assert_eq!(
            error.to_string(),
            "alg must be RS256, PS256, ES256 or EdDSA"
        );
    }
}

#[test]
fn a_public_key_is_no_shared_secret() {
    // The classic confusion: HS256, keyed with the RSA key that everybody may read.
    for public in [
        RSA.public_key().to_jwk().to_string().into_bytes(),
        key(&RSA).public_key_to_pem().unwrap(),
        key(&RSA).public_key_to_der().unwrap(),
    ] {
        let mac = PKey::hmac(&public).unwrap();
        let token = token(&header("HS256", RSA.kid().as_str()), |input| {
            let mut signer = Signer::new(MessageDigest::sha256(), &mac).unwrap();
            signer.sign_oneshot_to_vec(input).unwrap()
        });
        assert_eq!(verify(&token).unwrap_err(), SetError::UnsupportedAlgorithm);
    }
}

#[test]
fn a_key_serves_its_own_algorithm_alone() {
    for (alg, kid) in [
        ("RS256", PSS.kid()),
        ("PS256", RSA.kid()),
        ("ES256", RSA.kid()),
        ("EdDSA", EC.kid()),
        ("ES256", ED.kid()),
    ] {
        let error = verify(&token(&header(alg, kid.as_str()), es256)).unwrap_err();
        assert_eq!(error, SetError::UnknownKey, "{alg}");
        assert_eq!(error.code(), ErrCode::InvalidKey);
        assert_eq!(error.to_string(), UNKNOWN);
    }
}

#[test]
fn an_rsa_key_without_alg_verifies_both_paddings() {
    let pem = String::from_utf8(key(&RSA).public_key_to_pem().unwrap()).unwrap();
    let keys = KeySet::new([PublicKey::from_pem(&pem).unwrap()]);
    let kid = RSA.kid().as_str();
    let pkcs1 = token(&header("RS256", kid), |input| rs256(&RSA, input));
    assert!(verify_with(&keys, &pkcs1).is_ok());
    let signer = |input: &[u8]| {
        let key = key(&RSA);
        let mut signer = Signer::new(MessageDigest::sha256(), &key).unwrap();
        signer.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
        signer
            .set_rsa_pss_saltlen(openssl::sign::RsaPssSaltlen::DIGEST_LENGTH)
            .unwrap();
        signer.sign_oneshot_to_vec(input).unwrap()
    };
    assert!(verify_with(&keys, &token(&header("PS256", kid), signer)).is_ok());
    // One padding under the name of the other.
    for (alg, signature) in [
        ("PS256", rs256 as fn(&SigningKey, &[u8]) -> Vec<u8>),
        ("RS256", |_, _| vec![1; 256]),
    ] {
        let token = token(&header(alg, kid), |input| signature(&RSA, input));
        assert_eq!(
            verify_with(&keys, &token).unwrap_err(),
            SetError::BadSignature
        );
    }
    let token = token(&header("RS256", kid), signer);
    assert_eq!(
        verify_with(&keys, &token).unwrap_err(),
        SetError::BadSignature
    );
}

#[test]
fn the_name_of_a_key_is_compared_and_nothing_else() {
    for kid in [
        "other",
        "../../../../etc/passwd",
        "' OR '1'='1",
        "key\u{202e}",
        "https://attacker.example/key.pem",
        &EC.kid().as_str().to_ascii_uppercase(),
        &format!("{} ", EC.kid()),
        &"k".repeat(255),
    ] {
        let error = verify(&token(&header("ES256", kid), es256)).unwrap_err();
        assert_eq!(error, SetError::UnknownKey, "{kid}");
    }
}

#[test]
fn the_name_of_a_key_is_a_string_of_1_to_255_bytes() {
    for kid in [
        json!("k".repeat(256)),
        json!(""),
        json!("a\nb"),
        json!(7),
        json!(null),
    ] {
        let mut header = header("ES256", "");
        header["kid"] = kid;
        let error = verify(&token(&header, es256)).unwrap_err();
        assert_eq!(error.code(), ErrCode::InvalidRequest);
        assert_eq!(
            Chain(&error).to_string(),
            "the JOSE header is faulty: kid must be a string of 1 to 255 bytes without control characters"
        );
    }
}

#[test]
fn keys_that_share_a_name_are_told_apart_by_algorithm_and_signature() {
    let name = Kid::parse("key").unwrap();
    let named = |key: &SigningKey| key.public_key().clone().with_kid(name.clone());
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    let keys = KeySet::new([named(&RSA), named(&stranger), named(&EC)]);
    assert!(verify_with(&keys, &token(&header("ES256", "key"), es256)).is_ok());
    let keys = KeySet::new([named(&RSA), named(&stranger)]);
    let error = verify_with(&keys, &token(&header("ES256", "key"), es256)).unwrap_err();
    assert_eq!(error, SetError::BadSignature);
}

#[test]
fn without_a_kid_every_fitting_key_is_tried() {
    let header = json!({ "alg": "ES256", "typ": "secevent+jwt" });
    assert!(verify(&token(&header, es256)).is_ok());
}

#[test]
fn a_kid_does_not_fit_a_key_without_a_name() {
    let mut jwk = EC.public_key().to_jwk();
    jwk.as_object_mut().unwrap().remove("kid");
    let keys = KeySet::new([PublicKey::from_jwk(jwk.to_string().as_bytes()).unwrap()]);
    let named = token(&header("ES256", EC.kid().as_str()), es256);
    assert_eq!(
        verify_with(&keys, &named).unwrap_err(),
        SetError::UnknownKey
    );
    let unnamed = token(&json!({ "alg": "ES256", "typ": "secevent+jwt" }), es256);
    assert!(verify_with(&keys, &unnamed).is_ok());
}

#[test]
fn without_a_kid_at_most_eight_keys_are_tried() {
    let strangers: Vec<PublicKey> = (0..8)
        .map(|_| SigningKey::generate(Algorithm::Es256).unwrap())
        .map(|key| key.public_key().clone())
        .collect();
    let token = token(&json!({ "alg": "ES256", "typ": "secevent+jwt" }), es256);
    let ours = EC.public_key();
    let eighth = KeySet::new(strangers[..7].iter().chain([ours]).cloned());
    assert!(verify_with(&eighth, &token).is_ok());
    let ninth = KeySet::new(strangers.iter().chain([ours]).cloned());
    assert_eq!(
        verify_with(&ninth, &token).unwrap_err(),
        SetError::BadSignature
    );
}

#[test]
fn a_token_that_was_tampered_with_has_a_bad_signature() {
    let token = token(&header("ES256", EC.kid().as_str()), es256);
    let parts: Vec<&str> = token.split('.').collect();
    let mut other = claims();
    other["sub_id"]["email"] = json!("bob@example.com");
    let forged = format!(
        "{}.{}.{}",
        parts[0],
        BASE64URL.encode(other.to_string()),
        parts[2]
    );
    let error = verify(&forged).unwrap_err();
    assert_eq!(error, SetError::BadSignature);
    assert_eq!(error.code(), ErrCode::InvalidKey);
    assert_eq!(error.to_string(), "the signature does not match the key");
}

#[test]
fn a_signature_of_another_length_is_wrong() {
    let signers: [(&SigningKey, Sign); 3] = [
        (&RSA, |input| rs256(&RSA, input)),
        (&EC, es256),
        (&ED, ed25519),
    ];
    for (key, sign) in signers {
        let header = header(key.algorithm().as_str(), key.kid().as_str());
        assert!(verify(&token(&header, sign)).is_ok());
        for change in [
            |_| Vec::new(),
            |_| vec![0],
            |signature: Vec<u8>| [&signature[..], &[0]].concat(),
            |signature: Vec<u8>| signature[..signature.len() - 1].to_vec(),
        ] {
            let error = verify(&token(&header, |input| change(sign(input)))).unwrap_err();
            assert_eq!(error, SetError::BadSignature, "{}", key.algorithm());
        }
    }
}

#[test]
fn an_ecdsa_signature_in_der_is_refused() {
    let token = token(&header("ES256", EC.kid().as_str()), es256_der);
    assert_eq!(verify(&token).unwrap_err(), SetError::BadSignature);
}

#[test]
fn an_ecdsa_signature_has_two_spellings_so_that_a_replay_is_known_by_its_jti_alone() {
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let order = BigNum::from_hex_str(order).unwrap();
    let token = token(&header("ES256", EC.kid().as_str()), |input| {
        let signature = es256(input);
        let s = BigNum::from_slice(&signature[32..]).unwrap();
        let other = (&order - &s).to_vec_padded(32).unwrap();
        [&signature[..32], &other].concat()
    });
    assert!(verify(&token).is_ok());
}

#[test]
fn a_signature_of_zeros_or_beyond_the_order_is_wrong() {
    for (key, length) in [(&*RSA, 256), (&*PSS, 256), (&*EC, 64), (&*ED, 64)] {
        let header = header(key.algorithm().as_str(), key.kid().as_str());
        for byte in [0, 0xff] {
            let token = token(&header, |_| vec![byte; length]);
            let error = verify(&token).unwrap_err();
            assert_eq!(error, SetError::BadSignature, "{}", key.algorithm());
        }
    }
}

#[test]
fn an_ed25519_signature_has_one_spelling() {
    // The order of the group, added to the scalar, makes another signature that a careless check takes (RFC 8032 §5.1.7).
    let order = "1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed";
    let order = BigNum::from_hex_str(order).unwrap();
    let token = token(&header("EdDSA", ED.kid().as_str()), |input| {
        let signature = ed25519(input);
        let scalar: Vec<u8> = signature[32..].iter().rev().copied().collect();
        let scalar = &BigNum::from_slice(&scalar).unwrap() + &order;
        let scalar = scalar.to_vec_padded(32).unwrap();
        let scalar = scalar.iter().rev().copied();
        signature[..32].iter().copied().chain(scalar).collect()
    });
    assert_eq!(verify(&token).unwrap_err(), SetError::BadSignature);
}

//! Keys as PEM, JWK and JWKS: what is read, what is passed over and why, and that nothing secret comes out.

#![cfg(feature = "jose")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    env,
    process::{Command, Stdio},
    sync::LazyLock,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use openssl::{
    bn::BigNum,
    pkey::{PKey, Private},
    rsa::Rsa,
    symm::Cipher,
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use ssf_types::{
    error::Chain,
    id::Kid,
    jose::{self, JwksError, KeyError, KeySet, PublicKey, SigningKey},
    json::JsonError,
    set::Algorithm,
};

/// RFC 7515 appendix A.3.1: a private P-256 key.
const P256: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#;

/// RFC 8037 appendix A.1: a private Ed25519 key.
const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

/// RFC 7638 §3.1: a public RSA key.
const RSA: &str = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;

static RSA_KEY: LazyLock<PKey<Private>> = LazyLock::new(|| rsa_key(2048));

fn rsa_key(bits: u32) -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap()
}

fn pem(key: &PKey<Private>) -> String {
    String::from_utf8(key.private_key_to_pem_pkcs8().unwrap()).unwrap()
}

fn public_pem(key: &PKey<Private>) -> String {
    String::from_utf8(key.public_key_to_pem().unwrap()).unwrap()
}

/// A private RSA key as a JWK with all of its members.
fn rsa_jwk(key: &PKey<Private>) -> Value {
    let rsa = key.rsa().unwrap();
    let text = |number: &openssl::bn::BigNumRef| BASE64URL.encode(number.to_vec());
    json!({
        "kty": "RSA", "n": text(rsa.n()), "e": text(rsa.e()), "d": text(rsa.d()),
        "p": text(rsa.p().unwrap()), "q": text(rsa.q().unwrap()),
        "dp": text(rsa.dmp1().unwrap()), "dq": text(rsa.dmq1().unwrap()), "qi": text(rsa.iqmp().unwrap()),
    })
}

fn with(jwk: &str, name: &str, value: Value) -> Value {
    let mut jwk: Value = serde_json::from_str(jwk).unwrap();
    jwk[name] = value;
    jwk
}

fn public(jwk: &Value) -> Result<PublicKey, KeyError> {
    PublicKey::from_jwk(jwk.to_string().as_bytes())
}

fn private(jwk: &Value) -> Result<SigningKey, KeyError> {
    SigningKey::from_jwk(jwk.to_string().as_bytes())
}

fn set(keys: &Value) -> Result<KeySet, JwksError> {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
}

#[test]
fn a_thumbprint_is_that_of_rfc_7638() {
    let key = PublicKey::from_jwk(RSA.as_bytes()).unwrap();
    assert_eq!(
        key.thumbprint().as_str(),
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    );
}

#[test]
fn a_thumbprint_of_ed25519_is_that_of_rfc_8037() {
    let key = SigningKey::from_jwk(ED25519.as_bytes()).unwrap();
    assert_eq!(
        key.kid().as_str(),
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    );
}

#[test]
fn a_thumbprint_does_not_depend_on_leading_zeros() {
    let mut jwk: Value = serde_json::from_str(RSA).unwrap();
    let n = BASE64URL.decode(jwk["n"].as_str().unwrap()).unwrap();
    jwk["n"] = json!(BASE64URL.encode([&[0], &n[..]].concat()));
    assert_eq!(
        public(&jwk).unwrap().thumbprint().as_str(),
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    );
}

#[test]
fn a_generated_key_is_named_by_its_thumbprint_and_says_what_it_is_for() {
    let expected = [
        ("RS256", "RSA"),
        ("PS256", "RSA"),
        ("ES256", "EC"),
        ("EdDSA", "OKP"),
    ];
    for (algorithm, (alg, kty)) in Algorithm::ALL.iter().zip(expected) {
        let key = SigningKey::generate(*algorithm).unwrap();
        assert_eq!(key.kid(), &key.public_key().thumbprint());
        let jwk = key.public_key().to_jwk();
        assert_eq!(jwk["kid"], key.kid().as_str());
        assert_eq!(jwk["alg"], alg);
        assert_eq!(jwk["kty"], kty);
        assert_eq!(jwk["use"], "sig");
    }
}

#[test]
fn a_published_key_has_no_private_part() {
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(*algorithm).unwrap();
        let jwks = jose::jwks([&key]);
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(jwks["keys"][0].get(private).is_none(), "{private}");
        }
    }
}

#[test]
fn a_key_survives_storage() {
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(*algorithm).unwrap();
        let again = SigningKey::from_pem(*algorithm, key.pem().expose_secret()).unwrap();
        assert_eq!(again.kid(), key.kid());
        assert_eq!(again.pem().expose_secret(), key.pem().expose_secret());
    }
}

#[test]
fn the_type_of_a_pem_suggests_the_algorithm() {
    for (algorithm, suggested) in [
        (Algorithm::Rs256, Algorithm::Rs256),
        (Algorithm::Ps256, Algorithm::Rs256),
        (Algorithm::Es256, Algorithm::Es256),
        (Algorithm::EdDsa, Algorithm::EdDsa),
    ] {
        let key = SigningKey::generate(algorithm).unwrap();
        let again = SigningKey::from_any_pem(key.pem().expose_secret()).unwrap();
        assert_eq!(again.algorithm(), suggested);
    }
}

#[test]
fn a_pem_that_is_marked_for_pss_serves_ps256_alone() {
    let pair = josekit::jws::PS256.generate_key_pair(2048).unwrap();
    let text = |pem| String::from_utf8(pem).unwrap();
    let private = text(josekit::jwk::KeyPair::to_pem_private_key(&pair));
    let public = text(josekit::jwk::KeyPair::to_pem_public_key(&pair));
    assert_eq!(
        SigningKey::from_any_pem(&private).unwrap().algorithm(),
        Algorithm::Ps256
    );
    let refused = SigningKey::from_pem(Algorithm::Rs256, &private).unwrap_err();
    assert_eq!(refused, KeyError::Unsuitable(Algorithm::Rs256));
    let public = PublicKey::from_pem(&public).unwrap();
    assert!(public.algorithms().eq([Algorithm::Ps256]));
}

#[test]
fn a_pem_that_is_marked_for_another_hash_is_refused() {
    let pair = josekit::jws::PS384.generate_key_pair(2048).unwrap();
    let text = |pem| String::from_utf8(pem).unwrap();
    let private = text(josekit::jwk::KeyPair::to_pem_private_key(&pair));
    let public = text(josekit::jwk::KeyPair::to_pem_public_key(&pair));
    let unsuitable = KeyError::Unsuitable(Algorithm::Ps256);
    assert_eq!(SigningKey::from_any_pem(&private).unwrap_err(), unsuitable);
    assert_eq!(PublicKey::from_pem(&public).unwrap_err(), unsuitable);
}

#[test]
fn a_key_of_another_type_does_not_serve_the_algorithm() {
    let key = SigningKey::from_jwk(P256.as_bytes()).unwrap();
    for algorithm in [Algorithm::Rs256, Algorithm::Ps256, Algorithm::EdDsa] {
        let error = SigningKey::from_pem(algorithm, key.pem().expose_secret()).unwrap_err();
        assert_eq!(error, KeyError::Unsuitable(algorithm));
    }
}

#[test]
fn older_forms_of_private_pem_are_read() {
    let key = &*RSA_KEY;
    let traditional = key.rsa().unwrap().private_key_to_pem().unwrap();
    let traditional = String::from_utf8(traditional).unwrap();
    assert!(traditional.starts_with("-----BEGIN RSA PRIVATE KEY-----"));
    let read = SigningKey::from_pem(Algorithm::Rs256, &traditional).unwrap();
    assert_eq!(read.pem().expose_secret(), pem(key));
}

#[test]
fn an_encrypted_pem_is_told_as_such() {
    let pem = RSA_KEY
        .private_key_to_pem_pkcs8_passphrase(Cipher::aes_128_cbc(), b"passphrase")
        .unwrap();
    let error = SigningKey::from_any_pem(&String::from_utf8(pem).unwrap()).unwrap_err();
    assert_eq!(error, KeyError::Encrypted);
}

/// Runs in a process of its own, where the standard error is all that somebody could be asked on.
#[test]
fn nobody_is_asked_for_the_passphrase_of_a_public_key() {
    const TEST: &str = "nobody_is_asked_for_the_passphrase_of_a_public_key";
    if env::var_os(TEST).is_some() {
        let pem = RSA_KEY.private_key_to_pem_pkcs8_passphrase(Cipher::aes_128_cbc(), b"passphrase");
        let encrypted = String::from_utf8(pem.unwrap()).unwrap();
        let error = PublicKey::from_pem(&encrypted).unwrap_err();
        assert_eq!(error, KeyError::NotPublicPem);
        let key = PublicKey::from_pem(&(encrypted + &public_pem(&RSA_KEY)));
        assert_eq!(key.unwrap().thumbprint().as_str().len(), 43);
        return;
    }
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", TEST, "--nocapture"])
        .env(TEST, "")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(child.status.success());
    assert_eq!(String::from_utf8_lossy(&child.stderr), "");
}

#[test]
fn what_is_no_pem_is_refused() {
    let public = public_pem(&RSA_KEY);
    for text in ["", "-----", "-----BEGIN PRIVATE KEY-----", P256, &public] {
        let error = SigningKey::from_any_pem(text).unwrap_err();
        assert_eq!(error, KeyError::NotPrivatePem);
    }
    let private = pem(&RSA_KEY);
    let sealed = public.replacen(
        "-----\n",
        "-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n",
        1,
    );
    for text in ["", "-----BEGIN PUBLIC KEY-----", RSA, &private, &sealed] {
        assert_eq!(
            PublicKey::from_pem(text).unwrap_err(),
            KeyError::NotPublicPem
        );
    }
    let long = "a".repeat(16 * 1024 + 1);
    assert_eq!(
        SigningKey::from_any_pem(&long).unwrap_err(),
        KeyError::PemTooLong
    );
    assert_eq!(
        PublicKey::from_pem(&long).unwrap_err(),
        KeyError::PemTooLong
    );
}

#[test]
fn keys_on_other_curves_are_refused() {
    for curve in ["P-384", "secp256k1"] {
        let key = PKey::ec_gen(curve).unwrap();
        let error = SigningKey::from_any_pem(&pem(&key)).unwrap_err();
        assert_eq!(error, KeyError::UnsupportedType, "{curve}");
    }
    let key = PKey::generate_ed448().unwrap();
    let error = SigningKey::from_any_pem(&pem(&key)).unwrap_err();
    assert_eq!(error, KeyError::UnsupportedType);
}

#[test]
fn a_public_pem_verifies_under_its_thumbprint() {
    let key = &*RSA_KEY;
    let public = PublicKey::from_pem(&public_pem(key)).unwrap();
    let private = SigningKey::from_any_pem(&pem(key)).unwrap();
    assert_eq!(public.kid(), Some(private.kid()));
    assert!(public.algorithms().eq([Algorithm::Rs256, Algorithm::Ps256]));
    assert_eq!(public.to_jwk().get("alg"), None);
}

#[test]
fn a_private_jwk_is_read_with_its_kid() {
    let jwk = with(P256, "kid", json!("2024-01"));
    let key = private(&jwk).unwrap();
    assert_eq!(key.kid().as_str(), "2024-01");
    assert_eq!(key.algorithm(), Algorithm::Es256);
    assert_eq!(
        key.public_key().to_jwk(),
        json!({
            "kty": "EC", "crv": "P-256", "kid": "2024-01", "alg": "ES256", "use": "sig",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        })
    );
}

#[test]
fn a_key_can_be_given_another_name() {
    let key = SigningKey::from_jwk(P256.as_bytes()).unwrap();
    let renamed = key.with_kid(Kid::parse("current").unwrap());
    assert_eq!(renamed.kid().as_str(), "current");
    assert_eq!(renamed.public_key().kid(), Some(renamed.kid()));
}

#[test]
fn a_private_rsa_jwk_signs_with_the_algorithm_that_it_names() {
    let key = &*RSA_KEY;
    let mut jwk = rsa_jwk(key);
    assert_eq!(private(&jwk).unwrap().algorithm(), Algorithm::Rs256);
    jwk["alg"] = json!("PS256");
    let read = private(&jwk).unwrap();
    assert_eq!(read.algorithm(), Algorithm::Ps256);
    assert_eq!(read.pem().expose_secret(), pem(key));
}

#[test]
fn a_private_rsa_jwk_has_all_of_its_numbers() {
    let jwk = rsa_jwk(&RSA_KEY);
    for name in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] {
        let mut jwk = jwk.clone();
        jwk.as_object_mut().unwrap().remove(name);
        let missing = KeyError::Jwk(JsonError::Missing { path: name.into() });
        assert_eq!(private(&jwk).unwrap_err(), missing);
    }
}

#[test]
fn a_private_jwk_whose_parts_are_of_two_keys_is_refused() {
    let other = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let x = other.public_key().to_jwk()["x"].clone();
    let error = private(&with(ED25519, "x", x)).unwrap_err();
    assert_eq!(error, KeyError::Mismatch);

    let d = json!(BASE64URL.encode([7; 32]));
    assert_eq!(
        private(&with(P256, "d", d)).unwrap_err(),
        KeyError::Mismatch
    );

    let mut rsa = rsa_jwk(&RSA_KEY);
    rsa["n"] = serde_json::from_str::<Value>(RSA).unwrap()["n"].clone();
    assert_eq!(private(&rsa).unwrap_err(), KeyError::Mismatch);
}

#[test]
fn a_private_key_for_another_purpose_does_not_sign() {
    let error = private(&with(P256, "use", json!("enc"))).unwrap_err();
    assert_eq!(error, KeyError::OtherPurpose { member: "use" });
    let error = private(&with(P256, "key_ops", json!(["verify"]))).unwrap_err();
    assert_eq!(error, KeyError::OtherPurpose { member: "key_ops" });
    assert!(private(&with(P256, "key_ops", json!(["sign"]))).is_ok());
}

#[test]
fn a_small_or_endless_rsa_key_is_neither_used_to_sign_nor_to_verify() {
    let weak = rsa_key(1024);
    let size = KeyError::RsaSize { bits: 1024 };
    assert_eq!(SigningKey::from_any_pem(&pem(&weak)).unwrap_err(), size);
    assert_eq!(PublicKey::from_pem(&public_pem(&weak)).unwrap_err(), size);
    assert_eq!(private(&rsa_jwk(&weak)).unwrap_err(), size);

    for (bits, is_used) in [(2047, false), (2048, true), (8192, true), (8193, false)] {
        // A number of that size, which need not be a product of two primes to be measured.
        let mut n = BigNum::new().unwrap();
        n.set_bit(bits - 1).unwrap();
        n.set_bit(0).unwrap();
        let jwk = with(RSA, "n", json!(BASE64URL.encode(n.to_vec())));
        assert_eq!(public(&jwk).is_ok(), is_used, "{bits}");
    }
}

#[test]
fn an_exponent_that_makes_forging_easy_or_verifying_slow_is_refused() {
    for (e, is_used) in [
        (&[][..], false),
        (&[0], false),
        (&[1], false),
        (&[2], false),
        (&[3], true),
        (&[1, 0, 1], true),
        (&[1, 0, 0, 0, 1], false),
    ] {
        let result = public(&with(RSA, "e", json!(BASE64URL.encode(e))));
        match result {
            Ok(_) => assert!(is_used, "{e:?}"),
            Err(error) => {
                assert!(!is_used, "{e:?}");
                assert_eq!(error, KeyError::RsaExponent);
            }
        }
    }
}

#[test]
fn a_key_for_another_purpose_is_passed_over() {
    let jwk = |name, value| public(&with(RSA, name, value));
    assert_eq!(
        jwk("use", json!("enc")).unwrap_err(),
        KeyError::OtherPurpose { member: "use" }
    );
    for operations in [json!([]), json!(["encrypt"]), json!(["sign"])] {
        assert_eq!(
            jwk("key_ops", operations).unwrap_err(),
            KeyError::OtherPurpose { member: "key_ops" }
        );
    }
    assert!(jwk("use", json!("sig")).is_ok());
    assert!(jwk("key_ops", json!(["verify", "sign"])).is_ok());
}

#[test]
fn a_key_serves_the_algorithm_that_it_names_and_no_other() {
    let served = |alg| public(&with(RSA, "alg", json!(alg))).map(|key| key.algorithms().collect());
    assert_eq!(served("RS256"), Ok(vec![Algorithm::Rs256]));
    assert_eq!(served("PS256"), Ok(vec![Algorithm::Ps256]));
    let unsuitable = KeyError::Unsuitable(Algorithm::Es256);
    assert_eq!(served("ES256"), Err(unsuitable));
    for alg in ["none", "HS256", "RS1", "RS512", "RSA-OAEP", "rs256", ""] {
        assert_eq!(served(alg), Err(KeyError::UnsupportedAlgorithm), "{alg}");
    }
}

#[test]
fn the_fully_specified_name_of_eddsa_is_read() {
    let mut jwk = with(ED25519, "alg", json!("Ed25519"));
    jwk.as_object_mut().unwrap().remove("d");
    let key = public(&jwk).unwrap();
    assert!(key.algorithms().eq([Algorithm::EdDsa]));
    assert_eq!(key.to_jwk()["alg"], "EdDSA");
}

#[test]
fn a_published_secret_is_not_trusted() {
    for (jwk, member) in [
        (serde_json::from_str(P256).unwrap(), "d"),
        (serde_json::from_str(ED25519).unwrap(), "d"),
        (with(RSA, "p", json!("AQAB")), "p"),
        (with(RSA, "qi", json!(null)), "qi"),
        (json!({ "kty": "oct", "k": "c2VjcmV0" }), "k"),
    ] {
        assert_eq!(public(&jwk).unwrap_err(), KeyError::SecretMember(member));
    }
}

#[test]
fn numbers_that_make_up_no_key_are_refused() {
    let p256 = |name: &str, value: &str| {
        let mut jwk = with(P256, name, json!(value));
        jwk.as_object_mut().unwrap().remove("d");
        public(&jwk).unwrap_err()
    };
    let beside = BASE64URL.encode([1; 32]);
    assert_eq!(p256("y", &beside), KeyError::NotAKey);
    let size = KeyError::Jwk(JsonError::invalid("x", "32 bytes in base64url"));
    assert_eq!(p256("x", &BASE64URL.encode([1; 31])), size);
    assert_eq!(p256("x", &BASE64URL.encode([1; 33])), size);
    let form = KeyError::Jwk(JsonError::invalid(
        "x",
        "a string in base64url without padding",
    ));
    assert_eq!(p256("x", "!"), form);
    let even = with(RSA, "n", json!(BASE64URL.encode([0xfe; 256])));
    assert_eq!(public(&even).unwrap_err(), KeyError::NotAKey);
}

#[test]
fn ed25519_keys_of_small_order_are_refused() {
    // Encodings of the eight points whose order divides eight (RFC 8032 §5.1), and the other spellings of them.
    let points = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    ];
    for point in points {
        let x = BigNum::from_hex_str(point)
            .unwrap()
            .to_vec_padded(32)
            .unwrap();
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": BASE64URL.encode(x) });
        assert_eq!(public(&jwk).unwrap_err(), KeyError::SmallOrder, "{point}");
    }
}

#[test]
fn one_strange_key_does_not_spoil_a_jwks_and_each_has_its_reason() {
    let good = serde_json::from_str::<Value>(RSA).unwrap();
    let long = "k".repeat(256);
    let keys = set(&json!([
        "text",
        { "kid": "no kty" },
        { "kty": "oct", "kid": "shared", "k": "c2VjcmV0" },
        { "kty": "EC", "crv": "P-521", "x": "", "y": "" },
        { "kty": "LMS" },
        { "kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "tiny" },
        with(RSA, "kid", json!(long)),
        good,
    ]))
    .unwrap();
    assert_eq!(keys.len(), 1);
    assert!(keys.has(&Kid::parse("2011-04-29").unwrap()));
    let told: Vec<_> = keys
        .passed_over()
        .iter()
        .map(|over| {
            let kid = over.kid.as_ref().map(Kid::as_str);
            (over.position, kid, Chain(&over.reason).to_string())
        })
        .collect();
    let expected = [
        (0, None, "the JWK is faulty: not a JSON object"),
        (1, Some("no kty"), "the JWK is faulty: kty is missing"),
        (
            2,
            Some("shared"),
            "a published key must not have k, which is secret: whoever has read it can sign",
        ),
        (3, None, "a key must be RSA, EC on P-256 or OKP on Ed25519"),
        (4, None, "a key must be RSA, EC on P-256 or OKP on Ed25519"),
        (
            5,
            Some("tiny"),
            "an RSA key has 2048 to 8192 bits, and this one has 17",
        ),
        (
            6,
            None,
            "the JWK is faulty: kid must be a string of 1 to 255 bytes without control characters",
        ),
    ]
    .map(|(position, kid, reason)| (position, kid, reason.to_owned()));
    assert_eq!(told, expected);
}

#[test]
fn what_is_no_jwks_is_refused() {
    for text in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#] {
        let error = KeySet::parse(text.as_bytes()).unwrap_err();
        assert!(matches!(error, JwksError::Malformed(_)), "{text}");
    }
    let endless = vec![b' '; 256 * 1024 + 1];
    assert_eq!(KeySet::parse(&endless).unwrap_err(), JwksError::TooLong);
}

#[test]
fn a_jwks_ends_at_64_keys() {
    let keys = |count| set(&json!(vec![json!({}); count]));
    assert_eq!(keys(64).unwrap().passed_over().len(), 64);
    assert_eq!(keys(65).unwrap_err(), JwksError::TooManyKeys);
}

#[test]
fn a_jwk_is_sound_json_of_at_most_16_kib() {
    let twice = RSA.replacen('{', r#"{"kty":"oct","#, 1);
    for (jwk, fault) in [
        (twice.as_str(), "the same member stands twice"),
        ("[]", "not a JSON object"),
        ("{", "not JSON"),
    ] {
        let error = PublicKey::from_jwk(jwk.as_bytes()).unwrap_err();
        let told = Chain(&error).to_string();
        assert!(told.contains(fault), "{told}");
    }
    let long = with(RSA, "x_foo", json!("x".repeat(16 * 1024)));
    assert_eq!(public(&long).unwrap_err(), KeyError::JwkTooLong);
}

#[test]
fn a_jwks_is_read_as_it_was_written() {
    let keys = KeySet::new(Algorithm::ALL.iter().map(|algorithm| {
        SigningKey::generate(*algorithm)
            .unwrap()
            .public_key()
            .clone()
    }));
    let written = keys.to_jwks();
    let read = KeySet::parse(written.to_string().as_bytes()).unwrap();
    assert_eq!(read.len(), 4);
    assert!(read.passed_over().is_empty());
    assert_eq!(read.to_jwks(), written);
}

#[test]
fn no_error_repeats_what_it_was_given() {
    let secret = "c2VjcmV0LWtleS1tYXRlcmlhbA";
    for name in ["kty", "crv", "x", "d", "alg", "use"] {
        let error = private(&with(ED25519, name, json!(secret))).unwrap_err();
        let told = format!("{} {error:?}", Chain(&error));
        assert!(!told.contains(secret), "{told}");
    }
}

#[test]
fn nothing_private_is_printed_for_debugging() {
    let key = private(&with(ED25519, "kid", json!("k1"))).unwrap();
    let printed = format!("{key:?}");
    assert_eq!(
        printed,
        r#"SigningKey { kid: Kid("k1"), algorithm: EdDsa, .. }"#
    );
    assert_eq!(
        format!("{:?}", KeySet::new([key.public_key().clone()])),
        r#"[PublicKey { kid: Some(Kid("k1")), algorithms: [EdDsa], .. }]"#
    );
}

//! The test keys of `vectors/keys.json`, and signing with them.

use std::{collections::BTreeMap, fs, path::Path};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use openssl::{
    bn::BigNum,
    ec::{EcGroup, EcKey},
    ecdsa::EcdsaSig,
    hash::MessageDigest,
    nid::Nid,
    pkey::{Id, PKey, Private},
    rsa::{Padding, Rsa, RsaPrivateKeyBuilder},
    sha::sha256,
    sign::{RsaPssSaltlen, Signer, Verifier},
};
use serde_json::{Map, Value};

/// The members of a JWK that are public, by `kty`.
const PUBLIC: [(&str, &[&str]); 3] = [
    ("RSA", &["kty", "n", "e"]),
    ("EC", &["kty", "crv", "x", "y"]),
    ("OKP", &["kty", "crv", "x"]),
];

/// The test keys by name, and the signatures that earlier runs made with chance in them.
pub(crate) struct Keys {
    keys: BTreeMap<String, Map<String, Value>>,
    earlier: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Keys {
    pub(crate) fn read(vectors: &Path) -> Self {
        let file: Value =
            serde_json::from_slice(&fs::read(vectors.join("keys.json")).unwrap()).unwrap();
        let keys = file["keys"].as_array().unwrap().iter().map(|key| {
            let name = key["name"].as_str().unwrap().to_owned();
            (name, key["jwk"].as_object().unwrap().clone())
        });
        Self {
            keys: keys.collect(),
            earlier: earlier_signatures(&vectors.join("sets.json")).unwrap_or_default(),
        }
    }

    /// The whole JWK, private members included.
    pub(crate) fn private_jwk(&self, name: &str) -> Map<String, Value> {
        self.keys[name].clone()
    }

    /// The public members of a JWK.
    pub(crate) fn public_jwk(&self, name: &str) -> Map<String, Value> {
        let jwk = &self.keys[name];
        let (_, members) = PUBLIC.iter().find(|(kty, _)| jwk["kty"] == *kty).unwrap();
        let member = |name: &&str| ((*name).to_owned(), jwk[*name].clone());
        members.iter().map(member).collect()
    }

    /// The public half of an RSA key as PEM: what an attacker takes for an HMAC secret.
    pub(crate) fn public_pem(&self, name: &str) -> Vec<u8> {
        self.rsa(name).public_key_to_pem().unwrap()
    }

    /// The modulus of an RSA key.
    pub(crate) fn modulus(&self, name: &str) -> Vec<u8> {
        bytes(&self.keys[name], "n")
    }

    /// The symmetric key.
    pub(crate) fn secret(&self, name: &str) -> Vec<u8> {
        bytes(&self.keys[name], "k")
    }

    /// Signs as `alg` says, whatever the key is meant for.
    pub(crate) fn sign(&self, name: &str, alg: &str, input: &[u8]) -> Vec<u8> {
        match alg {
            "RS256" => rsa(&self.rsa(name), MessageDigest::sha256(), input),
            "RS512" => rsa(&self.rsa(name), MessageDigest::sha512(), input),
            "EdDSA" => {
                let seed = bytes(&self.keys[name], "d");
                let key = PKey::private_key_from_raw_bytes(&seed, Id::ED25519).unwrap();
                Signer::new_without_digest(&key)
                    .unwrap()
                    .sign_oneshot_to_vec(input)
                    .unwrap()
            }
            "PS256" => self.kept(
                input,
                |found| pss_fits(&self.rsa(name), input, found),
                || pss(&self.rsa(name), input),
            ),
            "ES256" => self.kept(
                input,
                |found| ecdsa_fits(&self.ec(name), input, found),
                || ecdsa(&self.ec(name), input),
            ),
            other => panic!("nothing signs {other}"),
        }
    }

    /// The signature of an earlier run if it fits, because the new one would differ without need.
    fn kept(
        &self,
        input: &[u8],
        fits: impl Fn(&[u8]) -> bool,
        make: impl FnOnce() -> Vec<u8>,
    ) -> Vec<u8> {
        let mut earlier = self.earlier.iter();
        let found = earlier.find(|(signed, signature)| signed == input && fits(signature));
        found.map_or_else(make, |(_, signature)| signature.clone())
    }

    fn rsa(&self, name: &str) -> PKey<Private> {
        let jwk = &self.keys[name];
        let number = |member| BigNum::from_slice(&bytes(jwk, member)).unwrap();
        let key: Rsa<Private> = RsaPrivateKeyBuilder::new(number("n"), number("e"), number("d"))
            .and_then(|key| key.set_factors(number("p"), number("q")))
            .and_then(|key| key.set_crt_params(number("dp"), number("dq"), number("qi")))
            .unwrap()
            .build();
        PKey::from_rsa(key).unwrap()
    }

    fn ec(&self, name: &str) -> EcKey<Private> {
        let jwk = &self.keys[name];
        let number = |member| BigNum::from_slice(&bytes(jwk, member)).unwrap();
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let public =
            EcKey::from_public_key_affine_coordinates(&group, &number("x"), &number("y")).unwrap();
        EcKey::from_private_components(&group, &number("d"), public.public_key()).unwrap()
    }
}

/// Signs with a secret (HS256), which no SET of SSF may be.
pub(crate) fn hmac(secret: &[u8], input: &[u8]) -> Vec<u8> {
    let key = PKey::hmac(secret).unwrap();
    Signer::new(MessageDigest::sha256(), &key)
        .unwrap()
        .sign_oneshot_to_vec(input)
        .unwrap()
}

/// The signature of `input` under an RSA key with the exponent 1: the padded digest itself, which anybody can write.
pub(crate) fn forged_for_exponent_1(modulus_bytes: usize, input: &[u8]) -> Vec<u8> {
    let digest_info = [
        0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01,
        0x05, 0x00, 0x04, 0x20,
    ];
    let padding = modulus_bytes - 3 - digest_info.len() - 32;
    [
        &[0x00, 0x01],
        vec![0xff; padding].as_slice(),
        &[0x00],
        &digest_info,
        &sha256(input),
    ]
    .concat()
}

/// The same ES256 signature as X.509 writes it (DER), which JWS does not (RFC 7518 §3.4).
pub(crate) fn der(signature: &[u8]) -> Vec<u8> {
    let (r, s) = signature.split_at(32);
    let number = |half| BigNum::from_slice(half).unwrap();
    EcdsaSig::from_private_components(number(r), number(s))
        .unwrap()
        .to_der()
        .unwrap()
}

fn rsa(key: &PKey<Private>, digest: MessageDigest, input: &[u8]) -> Vec<u8> {
    Signer::new(digest, key)
        .unwrap()
        .sign_oneshot_to_vec(input)
        .unwrap()
}

fn pss(key: &PKey<Private>, input: &[u8]) -> Vec<u8> {
    let mut signer = Signer::new(MessageDigest::sha256(), key).unwrap();
    signer.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
    signer
        .set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)
        .unwrap();
    signer.set_rsa_mgf1_md(MessageDigest::sha256()).unwrap();
    signer.sign_oneshot_to_vec(input).unwrap()
}

fn pss_fits(key: &PKey<Private>, input: &[u8], signature: &[u8]) -> bool {
    let mut verifier = Verifier::new(MessageDigest::sha256(), key).unwrap();
    verifier.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
    verifier
        .set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)
        .unwrap();
    verifier.verify_oneshot(signature, input).unwrap_or(false)
}

fn ecdsa(key: &EcKey<Private>, input: &[u8]) -> Vec<u8> {
    let signature = EcdsaSig::sign(&sha256(input), key).unwrap();
    let half = |number: &openssl::bn::BigNumRef| number.to_vec_padded(32).unwrap();
    [half(signature.r()), half(signature.s())].concat()
}

fn ecdsa_fits(key: &EcKey<Private>, input: &[u8], signature: &[u8]) -> bool {
    let Some((r, s)) = signature
        .split_at_checked(32)
        .filter(|_| signature.len() == 64)
    else {
        return false;
    };
    let number = |half| BigNum::from_slice(half).unwrap();
    let signature = EcdsaSig::from_private_components(number(r), number(s)).unwrap();
    signature.verify(&sha256(input), key).unwrap_or(false)
}

fn bytes(jwk: &Map<String, Value>, member: &str) -> Vec<u8> {
    BASE64URL.decode(jwk[member].as_str().unwrap()).unwrap()
}

fn earlier_signatures(sets: &Path) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let file: Value = serde_json::from_slice(&fs::read(sets).ok()?).ok()?;
    let tokens = file["sets"]
        .as_array()?
        .iter()
        .filter_map(|set| set["token"].as_str());
    let signatures = tokens.filter_map(|token| {
        let (input, signature) = token.rsplit_once('.')?;
        Some((input.as_bytes().to_vec(), BASE64URL.decode(signature).ok()?))
    });
    Some(signatures.collect())
}

//! The keys behind `jwks_uri`: a JWK set (RFC 7517) of sound public keys (RFC 7518, RFC 8037).

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde_json::{Map, Value};

use crate::{
    checks::{Check, Level, Outcome, shortened},
    exchange::{Exchange, NoAnswer, Recording},
};

/// Shortest RSA modulus for signatures, in bits (RFC 7518 §3.3).
const RSA_BITS_MIN: usize = 2048;

const NOT_ASKED: &str = "there is no jwks_uri that may be fetched";

/// The checks of the JWK set. They belong to the requirement on `jwks_uri`, which is useless without sound keys.
pub const CHECKS: &[Check] = &[
    jwks(
        "SSF-T-013.jwks-answers",
        "RFC 7517 §5",
        Level::Must,
        "jwks_uri answers with status 200 and a JWK set",
        answers,
    ),
    jwks(
        "SSF-T-013.jwks-holds-a-signing-key",
        "SSF 1.0 §7.1",
        Level::Must,
        "the JWK set holds a key with which signatures can be verified",
        holds_a_signing_key,
    ),
    jwks(
        "SSF-T-013.jwks-keys-complete",
        "RFC 7518 §6",
        Level::Must,
        "each key has the members of its type, in their form",
        keys_are_complete,
    ),
    jwks(
        "SSF-T-013.jwks-keys-public",
        "RFC 7517 §9.2",
        Level::Must,
        "no private or symmetric key is published",
        keys_are_public,
    ),
    jwks(
        "JWTBCP-005.rsa-size",
        "RFC 7518 §3.3",
        Level::Must,
        "RSA keys have 2048 bits or more",
        rsa_keys_are_long,
    ),
    jwks(
        "SSF-T-013.jwks-kid-distinct",
        "RFC 7517 §4.5",
        Level::Should,
        "different keys have different kid values",
        kids_differ,
    ),
];

const fn jwks(
    id: &'static str,
    section: &'static str,
    level: Level,
    statement: &'static str,
    judge: fn(&Recording) -> Outcome,
) -> Check {
    Check {
        id,
        section,
        level,
        statement,
        judge,
    }
}

fn answers(recording: &Recording) -> Outcome {
    let Some(asked) = &recording.probes().jwks else {
        return Outcome::not_run(NOT_ASKED);
    };
    match &asked.result {
        Ok(answer) if answer.status != 200 => Outcome::broken(asked.summary()),
        Ok(_) => match keys(asked) {
            Ok(keys) => Outcome::satisfied(format!("{}, {} keys", asked.summary(), keys.len())),
            Err(fault) => Outcome::broken(format!("{}: {fault}", asked.url())),
        },
        Err(NoAnswer::Unreachable { .. }) => Outcome::broken(asked.summary()),
        Err(NoAnswer::TooLong) => Outcome::not_run(asked.summary()),
    }
}

fn holds_a_signing_key(recording: &Recording) -> Outcome {
    on_keys(recording, |keys| {
        let usable = keys.iter().filter(|key| is_for_signatures(key)).count();
        if usable == 0 {
            return Outcome::broken(format!("none of {} keys is", keys.len()));
        }
        Outcome::satisfied(format!("{usable} of {} keys", keys.len()))
    })
}

/// A complete key of an asymmetric type that is not set aside for encryption.
fn is_for_signatures(key: &Map<String, Value>) -> bool {
    let is_asymmetric = matches!(text(key, "kty"), Some("RSA" | "EC" | "OKP"));
    let is_set_aside = text(key, "use").is_some_and(|purpose| purpose != "sig");
    is_asymmetric && !is_set_aside && fault_of(key).is_none()
}

fn keys_are_complete(recording: &Recording) -> Outcome {
    judge_each(recording, "each key is complete", fault_of)
}

/// What a key lacks; types that are not known here are passed over, as Receivers do (RFC 7517 §5).
fn fault_of(key: &Map<String, Value>) -> Option<String> {
    let Some(kty) = text(key, "kty") else {
        return Some("has no kty".to_owned());
    };
    let required: &[&str] = match kty {
        "RSA" => &["n", "e"],
        "EC" => &["x", "y"],
        "OKP" => &["x"],
        _ => return None,
    };
    if kty != "RSA" && text(key, "crv").is_none() {
        return Some("has no crv".to_owned());
    }
    let length = text(key, "crv").and_then(|curve| coordinate_bytes(kty, curve));
    required.iter().find_map(|name| match octets(key, name) {
        None => Some(format!("has no {name} in base64url without padding")),
        Some(octets) if octets.is_empty() => Some(format!("has an empty {name}")),
        Some(octets) if length.is_some_and(|length| octets.len() != length) => Some(format!(
            "has a {name} of {} bytes, which does not fit its curve",
            octets.len()
        )),
        Some(_) => None,
    })
}

/// Length of a coordinate or a public key (RFC 7518 §6.2.1.2, RFC 8037 §2), for the curves that fix it.
fn coordinate_bytes(kty: &str, curve: &str) -> Option<usize> {
    match (kty, curve) {
        ("EC", "P-256") | ("OKP", "Ed25519") => Some(32),
        ("EC", "P-384") => Some(48),
        ("EC", "P-521") => Some(66),
        ("OKP", "Ed448") => Some(57),
        _ => None,
    }
}

fn keys_are_public(recording: &Recording) -> Outcome {
    judge_each(recording, "no member of a private key is there", |key| {
        let secret = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];
        let found = secret.into_iter().find(|name| key.contains_key(*name))?;
        Some(format!("has the secret member {found}: replace the key"))
    })
}

fn rsa_keys_are_long(recording: &Recording) -> Outcome {
    on_keys(recording, |keys| {
        let mut sizes = keys
            .iter()
            .filter(|key| text(key, "kty") == Some("RSA"))
            .filter_map(|key| octets(key, "n"))
            .map(|modulus| bits(&modulus))
            .peekable();
        if sizes.peek().is_none() {
            return Outcome::not_run("there is no RSA key");
        }
        match sizes.min() {
            Some(shortest) if shortest < RSA_BITS_MIN => {
                Outcome::broken(format!("an RSA key has {shortest} bits"))
            }
            Some(shortest) => Outcome::satisfied(format!("{shortest} bits at least")),
            None => Outcome::not_run("there is no RSA key"),
        }
    })
}

fn kids_differ(recording: &Recording) -> Outcome {
    on_keys(recording, |keys| {
        let mut seen = BTreeSet::new();
        let kids = keys.iter().filter_map(|key| text(key, "kid"));
        for kid in kids {
            if !seen.insert(kid) {
                return Outcome::broken(format!("{} stands there twice", shortened(kid)));
            }
        }
        if seen.is_empty() {
            return Outcome::not_run("no key has a kid");
        }
        Outcome::satisfied(format!("{} different ones", seen.len()))
    })
}

fn judge_each(
    recording: &Recording,
    satisfied: &str,
    fault: impl Fn(&Map<String, Value>) -> Option<String>,
) -> Outcome {
    on_keys(recording, |keys| {
        let fault = keys
            .iter()
            .enumerate()
            .find_map(|(at, key)| Some(format!("{} {}", named(at, key), fault(key)?)));
        match fault {
            Some(fault) => Outcome::broken(fault),
            None => Outcome::satisfied(satisfied),
        }
    })
}

fn named(at: usize, key: &Map<String, Value>) -> String {
    match text(key, "kid") {
        Some(kid) => format!("key {at} ({})", shortened(kid)),
        None => format!("key {at}"),
    }
}

/// Runs `judge` on the keys, or says that there are none to judge.
fn on_keys(recording: &Recording, judge: impl FnOnce(&[Map<String, Value>]) -> Outcome) -> Outcome {
    match recording.probes().jwks.as_ref().map(keys) {
        None => Outcome::not_run(NOT_ASKED),
        Some(Err(_)) => Outcome::not_run("jwks_uri does not answer with a JWK set"),
        Some(Ok(keys)) => judge(&keys),
    }
}

/// The keys of a JWK set: an object whose member `keys` is an array of objects (RFC 7517 §5.1).
fn keys(asked: &Exchange) -> Result<Vec<Map<String, Value>>, &'static str> {
    let answer = asked.result.as_ref().map_err(|_| "there is no answer")?;
    if answer.status != 200 {
        return Err("the status is not 200");
    }
    let Some(Value::Array(keys)) = answer.object()?.remove("keys") else {
        return Err("keys is not an array");
    };
    keys.into_iter()
        .map(|key| match key {
            Value::Object(key) => Ok(key),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => Err("keys has an element that is not an object"),
        })
        .collect()
}

fn text<'k>(key: &'k Map<String, Value>, name: &str) -> Option<&'k str> {
    key.get(name).and_then(Value::as_str)
}

fn octets(key: &Map<String, Value>, name: &str) -> Option<Vec<u8>> {
    BASE64URL.decode(text(key, name)?).ok()
}

/// Length of a big-endian number, in bits.
fn bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    match number.get(zeros) {
        Some(first) => (number.len() - zeros) * 8 - first.leading_zeros() as usize,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fault(key: &Value) -> Option<String> {
        fault_of(key.as_object().unwrap())
    }

    #[test]
    fn the_length_of_a_number_leaves_out_its_leading_zeros() {
        assert_eq!(bits(&[0, 0, 1, 0]), 9);
        assert_eq!(bits(&[0x80, 0]), 16);
        assert_eq!(bits(&[0, 0]), 0);
        assert_eq!(bits(&[]), 0);
    }

    #[test]
    fn a_coordinate_has_the_length_of_its_curve() {
        let coordinate = BASE64URL.encode([7; 32]);
        let key = |x: &str| json!({"kty": "EC", "crv": "P-256", "x": x, "y": coordinate});
        assert_eq!(fault(&key(&coordinate)), None);
        assert_eq!(
            fault(&key(&BASE64URL.encode([7; 31]))).unwrap(),
            "has a x of 31 bytes, which does not fit its curve"
        );
    }

    #[test]
    fn padding_and_the_other_alphabet_are_not_base64url() {
        for n in ["AQ==", "+/8", ""] {
            assert!(
                fault(&json!({"kty": "RSA", "n": n, "e": "AQAB"})).is_some(),
                "{n}"
            );
        }
    }

    #[test]
    fn a_key_of_a_type_that_is_not_known_is_passed_over() {
        assert_eq!(fault(&json!({"kty": "AKP", "alg": "ML-DSA-44"})), None);
        assert!(fault(&json!({"alg": "RS256"})).is_some());
    }
}

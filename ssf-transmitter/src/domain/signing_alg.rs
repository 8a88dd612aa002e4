//! The algorithm that a Receiver chooses for the SETs of its stream: an extension of SSF 1.0, which names none.
//!
//! It is a member of a stream's configuration only where it was asked for, so that everybody else sees SSF 1.0 alone.

use serde_json::{Value, json};
use ssf_types::{
    json::{Extra, Members},
    set::Algorithm,
};

/// The member of a stream's configuration: the `alg` that its SETs have.
const MEMBER: &str = "set_signing_alg";

/// The member of the metadata: an array of what streams may ask for.
const MEMBER_OF_METADATA: &str = "set_signing_alg_values_supported";

/// A stream cannot have the algorithm that is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "set_signing_alg must be one of the names in set_signing_alg_values_supported of the metadata"
)]
#[non_exhaustive]
pub struct AlgNotOffered;

/// The algorithm that a request asks for in `set_signing_alg`, if it asks for one.
///
/// Names are compared byte for byte: `Ed25519` would be met with SETs whose `alg` is `EdDSA`.
///
/// # Errors
/// The member is no string, or names none of our algorithms.
pub fn asked(extra: &Extra) -> Result<Option<Algorithm>, AlgNotOffered> {
    let Some(json) = extra.json(MEMBER) else {
        return Ok(None);
    };
    let name: String = serde_json::from_str(json).map_err(|_| AlgNotOffered)?;
    let named = |algorithm: &&Algorithm| algorithm.as_str() == name;
    let found = Algorithm::ALL.iter().find(named);
    found.copied().map(Some).ok_or(AlgNotOffered)
}

/// What the configuration of a stream says that asked for `algorithm`.
pub fn told(algorithm: Algorithm) -> Extra {
    members(&json!({ MEMBER: algorithm.as_str() }))
}

/// What the metadata says where streams may ask for `algorithms`; nothing if they may not.
pub fn told_of_offer(algorithms: &[Algorithm]) -> Extra {
    if algorithms.is_empty() {
        return Extra::default();
    }
    let names: Vec<&str> = algorithms.iter().map(|alg| alg.as_str()).collect();
    members(&json!({ MEMBER_OF_METADATA: names }))
}

#[expect(
    clippy::expect_used,
    reason = "the callers give an object, and its text is read as what it was written from"
)]
fn members(object: &Value) -> Extra {
    let text = object.to_string();
    Members::parse(&text).expect("it is an object").rest()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(json: &str) -> Result<Option<Algorithm>, AlgNotOffered> {
        asked(&Members::parse(json).unwrap().rest())
    }

    #[test]
    fn each_algorithm_is_asked_for_by_its_name() {
        assert_eq!(ask("{}"), Ok(None));
        for (name, algorithm) in [
            ("RS256", Algorithm::Rs256),
            ("PS256", Algorithm::Ps256),
            ("ES256", Algorithm::Es256),
            ("EdDSA", Algorithm::EdDsa),
        ] {
            let json = format!(r#"{{"set_signing_alg":"{name}"}}"#);
            assert_eq!(ask(&json), Ok(Some(algorithm)), "{name}");
        }
    }

    #[test]
    fn what_is_no_name_of_ours_is_refused() {
        for value in [
            r#""HS256""#,
            r#""none""#,
            r#""rs256""#,
            r#""Ed25519""#,
            r#""""#,
            r#"["RS256"]"#,
            "256",
            "null",
        ] {
            let json = format!(r#"{{"set_signing_alg":{value}}}"#);
            assert_eq!(ask(&json), Err(AlgNotOffered), "{value}");
        }
    }

    #[test]
    fn what_is_told_is_what_was_asked_for() {
        let told = told(Algorithm::EdDsa);
        assert_eq!(
            serde_json::to_string(&told).unwrap(),
            r#"{"set_signing_alg":"EdDSA"}"#
        );
        assert_eq!(asked(&told), Ok(Some(Algorithm::EdDsa)));
    }

    #[test]
    fn an_offer_is_a_list_and_no_offer_is_absent() {
        let offer = told_of_offer(&[Algorithm::Rs256, Algorithm::Es256]);
        assert_eq!(
            serde_json::to_string(&offer).unwrap(),
            r#"{"set_signing_alg_values_supported":["RS256","ES256"]}"#
        );
        assert!(told_of_offer(&[]).is_empty());
    }
}

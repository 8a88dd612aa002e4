//! The table of key sets: what an issuer may publish at its `jwks_uri`, and which of the keys a receiver may use.

use serde_json::{Map, Value, json};

use crate::keys::Keys;

/// A key set, with a verdict for each key.
pub(crate) struct KeySet {
    name: &'static str,
    about: &'static str,
    entries: Vec<Entry>,
}

/// A key in a set; `why` says why it may not be used.
struct Entry {
    make: Box<dyn Fn(&Keys) -> Value>,
    why: Option<&'static str>,
}

/// A document that is no key set.
pub(crate) struct Malformed {
    name: &'static str,
    why: &'static str,
    text: &'static str,
}

impl KeySet {
    fn new(name: &'static str, about: &'static str, entries: Vec<Entry>) -> Self {
        Self {
            name,
            about,
            entries,
        }
    }

    pub(crate) fn to_json(&self, keys: &Keys) -> Value {
        let made: Vec<Value> = self
            .entries
            .iter()
            .map(|entry| (entry.make)(keys))
            .collect();
        let verdicts: Vec<Value> = self.entries.iter().map(Entry::verdict).collect();
        json!({ "name": self.name, "about": self.about, "jwks": { "keys": made }, "verdicts": verdicts })
    }
}

impl Entry {
    fn verdict(&self) -> Value {
        match self.why {
            None => json!({ "usable": true }),
            Some(why) => json!({ "usable": false, "why": why }),
        }
    }

    fn with(self, name: &'static str, value: Value) -> Self {
        let make = self.make;
        Self {
            make: Box::new(move |keys| {
                let mut jwk = make(keys);
                jwk[name] = value.clone();
                jwk
            }),
            ..self
        }
    }

    fn unusable(self, why: &'static str) -> Self {
        Self {
            why: Some(why),
            ..self
        }
    }
}

impl Malformed {
    pub(crate) fn to_json(&self) -> Value {
        json!({ "name": self.name, "why": self.why, "text": self.text })
    }
}

/// The public key `name`, without any member that is optional.
fn bare(name: &'static str) -> Entry {
    Entry {
        make: Box::new(move |keys| Value::Object(keys.public_jwk(name))),
        why: None,
    }
}

/// The public key `name` under its name.
fn named(name: &'static str) -> Entry {
    bare(name).with("kid", json!(name))
}

/// The public key `name` as an issuer should publish it.
fn key(name: &'static str, alg: &'static str) -> Entry {
    named(name)
        .with("alg", json!(alg))
        .with("use", json!("sig"))
}

/// Something that is not one of the test keys.
fn odd(value: Value, why: &'static str) -> Entry {
    Entry {
        make: Box::new(move |_| value.clone()),
        why: Some(why),
    }
}

fn private(name: &'static str) -> Entry {
    let make = move |keys: &Keys| {
        let mut jwk: Map<String, Value> = keys.private_jwk(name);
        jwk.insert("kid".to_owned(), json!(name));
        Value::Object(jwk)
    };
    Entry {
        make: Box::new(make),
        why: None,
    }
}

/// All key sets.
pub(crate) fn table() -> Vec<KeySet> {
    let mut table = vec![
        KeySet::new(
            "main",
            "Keys as an issuer should publish them: kid, alg and use on each.",
            vec![
                key("rsa", "RS256"),
                key("rsa-second", "PS256"),
                key("rsa-3072", "RS256"),
                key("p256", "ES256"),
                key("ed25519", "EdDSA"),
            ],
        ),
        KeySet::new(
            "bare",
            "Keys without alg and use, which are optional (RFC 7517 §4.2, §4.4).",
            vec![named("rsa"), named("p256"), named("ed25519")],
        ),
        KeySet::new(
            "single",
            "One key without a kid.",
            vec![bare("rsa").with("alg", json!("RS256"))],
        ),
        KeySet::new("empty", "No key at all.", vec![]),
        KeySet::new(
            "one-kid-two-types",
            "Two keys of different types share a kid, which RFC 7517 §4.5 allows.",
            vec![
                bare("rsa")
                    .with("kid", json!("key-1"))
                    .with("alg", json!("RS256")),
                bare("p256")
                    .with("kid", json!("key-1"))
                    .with("alg", json!("ES256")),
            ],
        ),
        KeySet::new(
            "one-kid-one-type",
            "Two RSA keys share a kid.",
            vec![
                bare("rsa-second").with("kid", json!("key-1")),
                bare("rsa").with("kid", json!("key-1")),
            ],
        ),
    ];
    table.extend(faulty());
    table
}

#[expect(clippy::too_many_lines, reason = "a table is as long as what it lists")]
fn faulty() -> Vec<KeySet> {
    let odd_keys = vec![
        odd(
            json!({ "kty": "AKP", "kid": "future", "alg": "ML-DSA-44", "pub": "AA" }),
            "its type is unknown",
        ),
        odd(json!({ "kid": "no-type" }), "kty is missing"),
        odd(
            json!({ "kty": "RSA", "kid": "no-modulus", "e": "AQAB" }),
            "n is missing",
        ),
        odd(
            json!({ "kty": "EC", "crv": "P-256", "kid": "off-curve", "x": "AQ", "y": "AQ" }),
            "the point is not on the curve",
        ),
        odd(json!("a string"), "it is no object"),
        named("p384").unusable("no accepted algorithm is defined for P-384"),
        key("rsa-second", "RS512").unusable("its alg is not an accepted one"),
        key("rsa", "RS256"),
    ];
    vec![
        KeySet::new(
            "odd-keys",
            "Keys that a reader passes over (RFC 7517 §5), and a good one after them.",
            odd_keys,
        ),
        KeySet::new(
            "weak",
            "An RSA key of 1024 bits.",
            vec![key("rsa-1024", "RS256").unusable("RSA below 2048 bits (RFC 7518 §3.3)")],
        ),
        KeySet::new(
            "exponent-1",
            "An RSA key under which anybody can sign.",
            vec![
                key("rsa", "RS256")
                    .with("e", json!("AQ"))
                    .unusable("the public exponent is 1 (RFC 8017 §3.1)"),
            ],
        ),
        KeySet::new(
            "encryption",
            "Keys for encryption, by use and by key_ops.",
            vec![
                named("rsa")
                    .with("use", json!("enc"))
                    .unusable("use is enc (RFC 7517 §4.2)"),
                named("p256")
                    .with("key_ops", json!(["deriveKey"]))
                    .unusable("key_ops has no verify (RFC 7517 §4.3)"),
            ],
        ),
        KeySet::new(
            "key-ops",
            "A key whose key_ops allows what it is used for.",
            vec![named("rsa").with("key_ops", json!(["verify"]))],
        ),
        KeySet::new(
            "symmetric",
            "A symmetric key, published.",
            vec![
                private("hmac")
                    .with("alg", json!("HS256"))
                    .unusable("a published secret is none (RFC 8725 §3.1)"),
            ],
        ),
        KeySet::new(
            "leaked",
            "An RSA key with its private members.",
            vec![
                private("rsa-leaked")
                    .with("alg", json!("RS256"))
                    .unusable("its private members are published"),
            ],
        ),
    ]
}

/// Documents that are no key sets.
pub(crate) const MALFORMED: &[Malformed] = &[
    Malformed {
        name: "no-keys",
        why: "keys is missing (RFC 7517 §5.1)",
        text: "{}",
    },
    Malformed {
        name: "keys-object",
        why: "keys is not an array",
        text: r#"{"keys":{}}"#,
    },
    Malformed {
        name: "keys-null",
        why: "keys is not an array",
        text: r#"{"keys":null}"#,
    },
    Malformed {
        name: "array",
        why: "the document is not an object",
        text: "[]",
    },
    Malformed {
        name: "html",
        why: "the document is not JSON",
        text: "<!doctype html><title>404</title>",
    },
    Malformed {
        name: "empty",
        why: "the document is not JSON",
        text: "",
    },
    Malformed {
        name: "keys-twice",
        why: "keys stands twice, and readers differ on which counts",
        text: r#"{"keys":[],"keys":[]}"#,
    },
];

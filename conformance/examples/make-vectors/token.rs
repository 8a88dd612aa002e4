//! A token as a recipe: its header, its claims, who signs it, and what happens to it afterwards.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde_json::{Map, Value, json};

use crate::keys::{self, Keys};

/// The issuer of all streams here.
pub(crate) const ISSUER: &str = "https://tr.example.com";

/// The receiver of all streams here.
pub(crate) const AUDIENCE: &str = "https://rp.example.com";

/// When the SETs were made: the moment of the examples in SSF 1.0 §4.
pub(crate) const IAT: u64 = 1_615_305_159;

/// The type of event of a SET that does not say otherwise.
pub(crate) const SESSION_REVOKED: &str =
    "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

type Sign = Box<dyn FnOnce(&Keys, &[u8]) -> Vec<u8>>;

type Change = Box<dyn FnOnce(String) -> String>;

/// What makes the signature.
enum Signing {
    Key {
        key: &'static str,
        alg: &'static str,
    },
    With(Sign),
}

/// One part of a token: an object, and what is done to its text before it is signed.
struct Part {
    object: Map<String, Value>,
    write: Box<dyn FnOnce(String) -> Vec<u8>>,
}

/// A token to be made.
pub(crate) struct Token {
    header: Part,
    claims: Part,
    signing: Signing,
    changes: Vec<Change>,
}

/// A SET without a fault, signed by the key `rsa` with RS256; its `jti` is the name of the case.
pub(crate) fn token() -> Token {
    Token {
        header: Part::new(&json!({ "alg": "RS256", "kid": "rsa", "typ": "secevent+jwt" })),
        claims: Part::new(&json!({
            "iss": ISSUER,
            "jti": "",
            "iat": IAT,
            "aud": AUDIENCE,
            "txn": "8675309",
            "sub_id": { "format": "email", "email": "alice@example.com" },
            "events": { SESSION_REVOKED: { "event_timestamp": IAT - 168 } },
        })),
        signing: Signing::Key {
            key: "rsa",
            alg: "RS256",
        },
        changes: Vec::new(),
    }
}

impl Token {
    /// Says in the header that `key` signed with `alg`, and lets it.
    pub(crate) fn signed(self, key: &'static str, alg: &'static str) -> Self {
        self.header("alg", json!(alg))
            .header("kid", json!(key))
            .signed_as(key, alg)
    }

    /// Lets `key` sign with `alg`, whatever the header says.
    pub(crate) fn signed_as(self, key: &'static str, alg: &'static str) -> Self {
        Self {
            signing: Signing::Key { key, alg },
            ..self
        }
    }

    /// Makes the signature in another way.
    pub(crate) fn signed_with(self, sign: impl FnOnce(&Keys, &[u8]) -> Vec<u8> + 'static) -> Self {
        Self {
            signing: Signing::With(Box::new(sign)),
            ..self
        }
    }

    /// Sets a member of the header.
    pub(crate) fn header(mut self, name: &str, value: Value) -> Self {
        self.header.object.insert(name.to_owned(), value);
        self
    }

    /// Takes a member out of the header.
    pub(crate) fn without_header(mut self, name: &str) -> Self {
        self.header.remove(name);
        self
    }

    /// Sets the header's bytes.
    pub(crate) fn header_bytes(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        self.header.write = Box::new(move |_| bytes);
        self
    }

    /// Sets a claim.
    pub(crate) fn claim(mut self, name: &str, value: Value) -> Self {
        self.claims.object.insert(name.to_owned(), value);
        self
    }

    /// Takes a claim out.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Sets the bytes of the claims, or rewrites their text, before they are signed.
    pub(crate) fn claims_text<B: Into<Vec<u8>>>(
        mut self,
        write: impl FnOnce(String) -> B + 'static,
    ) -> Self {
        self.claims.write = Box::new(move |text| write(text).into());
        self
    }

    /// Puts one text into the place of another, which has to be among the claims once.
    pub(crate) fn claims_replaced(self, from: &'static str, to: impl Into<String>) -> Self {
        let to = to.into();
        self.claims_text(move |claims| {
            assert_eq!(
                claims.matches(from).count(),
                1,
                "{from} is among the claims once"
            );
            claims.replace(from, &to)
        })
    }

    /// Sets the subject.
    pub(crate) fn subject(self, subject: Value) -> Self {
        self.claim("sub_id", subject)
    }

    /// Sets the event.
    pub(crate) fn event(self, uri: &str, payload: impl Into<Value>) -> Self {
        let payload: Value = payload.into();
        self.claim("events", json!({ uri: payload }))
    }

    /// Changes the token after it was signed.
    pub(crate) fn then(mut self, change: impl FnOnce(String) -> String + 'static) -> Self {
        self.changes.push(Box::new(change));
        self
    }

    /// Makes the token; `name` becomes its `jti`, if it has none of its own.
    pub(crate) fn make(mut self, name: &str, keys: &Keys) -> String {
        if self.claims.object.get("jti") == Some(&json!("")) {
            self.claims.object.insert("jti".to_owned(), json!(name));
        }
        let mut token = BASE64URL.encode(self.header.written());
        token.push('.');
        BASE64URL.encode_string(self.claims.written(), &mut token);
        let signature = match self.signing {
            Signing::Key { key, alg } => keys.sign(key, alg, token.as_bytes()),
            Signing::With(sign) => sign(keys, token.as_bytes()),
        };
        token.push('.');
        BASE64URL.encode_string(signature, &mut token);
        self.changes
            .into_iter()
            .fold(token, |token, change| change(token))
    }
}

impl Part {
    fn new(value: &Value) -> Self {
        Self {
            object: value.as_object().unwrap().clone(),
            write: Box::new(String::into_bytes),
        }
    }

    fn remove(&mut self, name: &str) {
        self.object
            .shift_remove(name)
            .expect("a case removes what is there");
    }

    fn written(self) -> Vec<u8> {
        (self.write)(serde_json::to_string(&self.object).unwrap())
    }
}

/// The three parts of a token.
pub(crate) fn parts(token: &str) -> [String; 3] {
    let parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

/// The same bytes in UTF-16 with a byte order mark.
pub(crate) fn utf16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units.flat_map(u16::to_be_bytes).collect()
}

/// Signs with HMAC and the public key's PEM as the secret.
pub(crate) fn hmac_with_public_pem(keys: &Keys, input: &[u8]) -> Vec<u8> {
    keys::hmac(&keys.public_pem("rsa"), input)
}

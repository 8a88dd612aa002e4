//! A push that the reference got, taken apart.

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde_json::{Map, Value};

use super::subject;
use crate::push::{Dialect, Way};

/// Most bytes of a body that are looked at.
pub(super) const BODY_BYTES_MAX: usize = 64 * 1024;

/// A push, and what was found out about it.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a finding of its own, and faults look at any of them"
)]
pub struct Pushed {
    /// The method.
    pub method: String,
    /// The media type, without parameters and in lower case.
    pub media_type: String,
    /// The `Authorization`.
    pub authorization: Option<String>,
    /// The `Accept-Language`.
    pub accept_language: Option<String>,
    /// Bytes of the body.
    pub length: usize,
    /// The body as text, if it is any.
    pub text: String,
    /// The body is one JWS in compact form whose header and claims are JSON objects.
    pub is_token: bool,
    /// The header.
    pub header: Map<String, Value>,
    /// The claims, whoever wrote them.
    pub claims: Map<String, Value>,
    /// The issuer has a key of this name.
    pub is_key_known: bool,
    /// That key signed.
    pub is_verified: bool,
    /// A push with this `jti` was accepted before.
    pub is_repeated: bool,
    /// How the Transmitter writes SETs, if not as SSF 1.0 has it.
    pub dialect: Option<Dialect>,
}

impl Pushed {
    /// Takes a body apart, and verifies its signature by these keys.
    pub(in crate::peer) fn take_apart(&mut self, body: &[u8], jwks: &Value) {
        self.length = body.len();
        if self.length > BODY_BYTES_MAX {
            return;
        }
        str::from_utf8(body)
            .unwrap_or_default()
            .clone_into(&mut self.text);
        let parts: Vec<&str> = self.text.split('.').collect();
        let &[header, claims, signature] = parts.as_slice() else {
            return;
        };
        let (Some(header_read), Some(claims_read)) = (object(header), object(claims)) else {
            return;
        };
        let keys = jwks["keys"].as_array().map(Vec::as_slice);
        let named = |key: &&Value| header_read.get("kid") == key.get("kid");
        let key = keys.unwrap_or_default().iter().find(named);
        let input = format!("{header}.{claims}");
        self.is_token = true;
        self.is_key_known = key.is_some();
        self.is_verified = key.is_some_and(|key| verifies(key, &input, signature));
        (self.header, self.claims) = (header_read, claims_read);
    }

    /// Whether a member of the header has this value.
    pub fn header_is(&self, name: &str, value: &str) -> bool {
        self.header.get(name).is_some_and(|found| found == value)
    }

    /// Whether a claim is a string that is not empty.
    pub fn claim_is_text(&self, name: &str) -> bool {
        let text = self.claims.get(name).and_then(Value::as_str);
        text.is_some_and(|text| !text.is_empty())
    }

    /// Whom it is about, as SSF 1.0 names them.
    pub fn subject(&self) -> Option<Value> {
        subject::of(&self.claims, self.dialect)
    }

    /// Whether the Transmitter writes SETs in this way.
    pub fn has_way(&self, way: Way) -> bool {
        self.dialect.is_some_and(|dialect| dialect.has(way))
    }

    /// Whether `aud` is or has this.
    pub fn is_for(&self, audience: &str) -> bool {
        match self.claims.get("aud") {
            Some(Value::Array(several)) => several.iter().any(|aud| aud == audience),
            Some(one) => one == audience,
            None => false,
        }
    }

    /// Whether its only event is of this type.
    pub fn is_about(&self, uri: &str) -> bool {
        self.event().is_some_and(|(found, _)| found == uri)
    }

    /// The URI and the payload of the only event.
    pub fn event(&self) -> Option<(&str, &Value)> {
        let events = self.claims.get("events")?.as_object()?;
        let (uri, payload) = events.iter().next()?;
        (events.len() == 1).then_some((uri.as_str(), payload))
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&BASE64URL.decode(part).ok()?).ok()
}

/// Whether an RSA key signed, with RS256.
fn verifies(key: &Value, input: &str, signature: &str) -> bool {
    let number = |name: &str| BASE64URL.decode(key[name].as_str()?).ok();
    let (Some(n), Some(e)) = (number("n"), number("e")) else {
        return false;
    };
    let key = RsaPublicKeyComponents { n, e };
    let signature = BASE64URL.decode(signature).unwrap_or_default();
    let verified = key.verify(&RSA_PKCS1_2048_8192_SHA256, input.as_bytes(), &signature);
    verified.is_ok()
}

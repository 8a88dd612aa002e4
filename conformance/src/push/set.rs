//! A SET as a recipe: sound as it begins, and spoilt by whoever changes it.

use aws_lc_rs::error::Unspecified;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde_json::{Map, Value, json};

use super::{dialect::Dialect, keys::Keys};

/// The event of a SET that does not say otherwise.
pub const SESSION_REVOKED: &str =
    "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

/// Who signs a SET, and how.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Signed {
    /// The issuer's key, with RS256.
    Own,
    /// The same, and one bit of the signature is changed.
    Broken,
    /// A key that the issuer publishes in the middle of the run, with RS256.
    Next,
    /// A key that the issuer does not publish, with RS256.
    Foreign,
    /// HMAC with the public half of the issuer's key as the secret.
    Hmac,
    /// Nobody: the signature is empty.
    Nobody,
}

/// A SET to be made.
#[derive(Clone, Debug)]
#[must_use = "a recipe is nothing until it is pushed"]
pub struct Set {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    shown: Option<Map<String, Value>>,
    signed: Signed,
    backwards: bool,
    dialect: Option<Dialect>,
}

impl Set {
    pub(super) fn new(header: Map<String, Value>, claims: Map<String, Value>) -> Self {
        Self {
            header,
            claims,
            shown: None,
            signed: Signed::Own,
            backwards: false,
            dialect: None,
        }
    }

    /// Has the claims written in a dialect; all that is said of them here is in the words of SSF 1.0.
    pub(super) fn spoken(mut self, dialect: Option<Dialect>) -> Self {
        self.dialect = dialect;
        self
    }

    /// Sets a member of the header.
    pub fn header(mut self, name: &str, value: Value) -> Self {
        self.header.insert(name.to_owned(), value);
        self
    }

    /// Takes a member out of the header.
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.remove(name);
        self
    }

    /// Sets a claim.
    pub fn claim(mut self, name: &str, value: Value) -> Self {
        self.claims.insert(name.to_owned(), value);
        self
    }

    /// Takes a claim out.
    pub fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Gives it one event.
    pub fn event(self, uri: &str, payload: &Value) -> Self {
        self.claim("events", json!({ uri: payload }))
    }

    /// Shows another claim than was signed.
    pub fn claim_after_signing(mut self, name: &str, value: Value) -> Self {
        let shown = self.shown.get_or_insert_with(|| self.claims.clone());
        shown.insert(name.to_owned(), value);
        self
    }

    /// Says who signs.
    pub fn signed(mut self, signed: Signed) -> Self {
        self.signed = signed;
        self
    }

    /// Writes the members of the header and the claims in the opposite order.
    pub fn backwards(mut self) -> Self {
        self.backwards = true;
        self
    }

    /// A claim as it stands.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.claims.get(name)
    }

    /// Whom the Receiver reads that it is about, as SSF 1.0 names them.
    pub fn subject(&self) -> Option<&Value> {
        self.shown.as_ref().unwrap_or(&self.claims).get("sub_id")
    }

    /// The claims as JSON.
    pub fn claims_text(&self) -> String {
        self.written(&self.claims)
    }

    pub(super) fn compact(&self, keys: &Keys) -> Result<String, Unspecified> {
        let header = BASE64URL.encode(self.text(&self.header));
        let claims = BASE64URL.encode(self.claims_text());
        let input = format!("{header}.{claims}");
        let signature = match self.signed {
            Signed::Own => keys.own.sign(input.as_bytes())?,
            Signed::Broken => {
                let mut signature = keys.own.sign(input.as_bytes())?;
                if let Some(byte) = signature.last_mut() {
                    *byte ^= 1;
                }
                signature
            }
            Signed::Next => keys
                .next
                .as_ref()
                .ok_or(Unspecified)?
                .sign(input.as_bytes())?,
            Signed::Foreign => keys.foreign.sign(input.as_bytes())?,
            Signed::Hmac => keys.own.hmac_with_public_half(input.as_bytes())?,
            Signed::Nobody => Vec::new(),
        };
        let shown = match &self.shown {
            Some(shown) => BASE64URL.encode(self.written(shown)),
            None => claims,
        };
        Ok(format!("{header}.{shown}.{}", BASE64URL.encode(signature)))
    }

    fn written(&self, claims: &Map<String, Value>) -> String {
        match self.dialect {
            Some(dialect) => self.text(&dialect.write(claims.clone())),
            None => self.text(claims),
        }
    }

    fn text(&self, object: &Map<String, Value>) -> String {
        let member = |(name, value): (&String, &Value)| format!("{}:{value}", json!(name));
        let mut members: Vec<String> = object.iter().map(member).collect();
        if self.backwards {
            members.reverse();
        }
        format!("{{{}}}", members.join(","))
    }
}

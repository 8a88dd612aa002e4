//! A SET as it came, taken apart without judging it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde_json::{Map, Value};

/// The parts of a compact JWS, unverified.
#[derive(Clone, Debug)]
pub struct RawSet {
    /// The text itself.
    pub token: String,
    /// The header.
    pub header: Map<String, Value>,
    /// The claims.
    pub claims: Map<String, Value>,
}

impl RawSet {
    /// Takes a token apart.
    ///
    /// # Errors
    /// Says what it is instead.
    pub fn parse(token: &str) -> Result<Self, &'static str> {
        let parts: Vec<&str> = token.split('.').collect();
        let [header, claims, _] = parts.as_slice() else {
            return Err("it does not have three parts");
        };
        Ok(Self {
            token: token.to_owned(),
            header: object(header).ok_or("its header is not a JSON object in base64url")?,
            claims: object(claims).ok_or("its claims are not a JSON object in base64url")?,
        })
    }

    /// What it says of an event of this type, if it has one.
    pub fn event(&self, uri: &str) -> Option<&Value> {
        self.claims.get("events")?.get(uri)
    }

    /// What it says happened: the types, and what it says of each.
    pub fn events(&self) -> impl Iterator<Item = (&String, &Value)> {
        let events = self.claims.get("events").and_then(Value::as_object);
        events.into_iter().flatten()
    }

    /// The text of header and claims, as it was signed.
    pub fn texts(&self) -> [Vec<u8>; 2] {
        texts(&self.token)
    }
}

/// The text of header and claims of a token, whether or not it is JSON; empty where it is not base64url.
pub fn texts(token: &str) -> [Vec<u8>; 2] {
    let mut parts = token.split('.');
    [parts.next(), parts.next()].map(|part| {
        let part = part.unwrap_or_default();
        BASE64URL.decode(part).unwrap_or_default()
    })
}

fn object(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&BASE64URL.decode(part).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_taken_apart_and_what_is_none_is_told() {
        let part = |json: &str| BASE64URL.encode(json);
        let token = format!(
            "{}.{}.",
            part(r#"{"alg":"none"}"#),
            part(r#"{"events":{"u":{}}}"#)
        );
        let set = RawSet::parse(&token).unwrap();
        assert_eq!(set.header["alg"], "none");
        assert!(set.event("u").is_some() && set.event("v").is_none());
        assert_eq!(set.events().count(), 1);
        assert_eq!(set.texts()[0], br#"{"alg":"none"}"#);
        assert_eq!(
            RawSet::parse("a.b").unwrap_err(),
            "it does not have three parts"
        );
        assert!(RawSet::parse("a.b.c").is_err());
    }
}

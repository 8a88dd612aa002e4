//! What an authorization server says of a token that it was asked about, and when the token counts (RFC 7662 §2.2).

use std::time::Duration;

use ssf_types::{
    audience::Audience,
    json::{self, Extra, JsonError, Members},
    jwt::is_name,
    time::Timestamp,
};

/// What a server says of a token, in its form and nothing more.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Introspected {
    is_active: bool,
    iss: Option<String>,
    aud: Option<Audience>,
    nbf: Option<Timestamp>,
    /// Until when the token counts, if the server says so.
    pub exp: Option<Timestamp>,
    /// The scopes, whoever they belong to.
    pub scopes: Vec<String>,
    others: Extra,
}

/// A token does not let its bearer in, by what its server says.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NotVouchedError {
    /// The server does not know it, or took it back.
    #[error("active is false")]
    Inactive,
    /// The server says that it is another's.
    #[error("iss is not the server")]
    Issuer,
    /// It is for others, or for anybody.
    #[error("aud does not name this server")]
    Audience,
    /// It counts no longer.
    #[error("exp has passed")]
    Expired,
    /// It does not count yet.
    #[error("nbf has not come")]
    NotYet,
    /// It stands for nobody.
    #[error("the claim that names the client is missing")]
    Nameless,
}

impl Introspected {
    /// Reads an answer; with one that says `active` is false, nothing else matters.
    ///
    /// # Errors
    /// It is not an object with `active`, or a member is not what it must be.
    pub fn parse(answer: &[u8]) -> Result<Self, JsonError> {
        let mut members = Members::parse(json::check(answer)?)?;
        let mut introspected = Self {
            is_active: members.required("active", "true or false")?,
            iss: None,
            aud: None,
            nbf: None,
            exp: None,
            scopes: Vec::new(),
            others: Extra::default(),
        };
        if !introspected.is_active {
            return Ok(introspected);
        }
        let moment = "a number of seconds since 1970";
        introspected.iss = members.optional("iss", "a text")?;
        introspected.aud = members.optional("aud", "a text or a list of texts")?;
        introspected.nbf = members.optional("nbf", moment)?;
        introspected.exp = members.optional("exp", moment)?;
        let scope: Option<String> = members.optional("scope", "a text")?;
        let scope = scope.unwrap_or_default();
        introspected.scopes = scope.split(' ').map(str::to_owned).collect();
        introspected.others = members.rest();
        Ok(introspected)
    }

    /// Checks that the token counts for `audience` at the moment `now`, give or take `leeway`.
    ///
    /// That the server calls it active says nothing about for whom it was issued: without `aud` it might be for anybody
    /// (RFC 7662 §4). `iss`, `exp` and `nbf` are the server's own business, and count if it tells them.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn check(
        &self,
        issuer: &str,
        audience: &str,
        now: Timestamp,
        leeway: Duration,
    ) -> Result<(), NotVouchedError> {
        if !self.is_active {
            return Err(NotVouchedError::Inactive);
        }
        if self.iss.as_deref().is_some_and(|iss| iss != issuer) {
            return Err(NotVouchedError::Issuer);
        }
        let is_for_us = |aud: &Audience| aud.values().any(|value| value == audience);
        if !self.aud.as_ref().is_some_and(is_for_us) {
            return Err(NotVouchedError::Audience);
        }
        if self.exp.is_some_and(|exp| exp.after(leeway) <= now) {
            return Err(NotVouchedError::Expired);
        }
        if self.nbf.is_some_and(|nbf| nbf > now.after(leeway)) {
            return Err(NotVouchedError::NotYet);
        }
        Ok(())
    }

    /// The name in the member `claim`.
    ///
    /// # Errors
    /// There is none of 1 to [`NAME_BYTES_MAX`](ssf_types::jwt::NAME_BYTES_MAX) bytes without control characters.
    pub fn name(&self, claim: &str) -> Result<String, NotVouchedError> {
        self.others
            .json(claim)
            .and_then(|json| serde_json::from_str(json).ok())
            .filter(|text: &String| is_name(text))
            .ok_or(NotVouchedError::Nameless)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use ssf_types::jwt::LEEWAY;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const SERVER: &str = "https://as.example.com";
    const HERE: &str = "https://tr.example.com";

    fn answer() -> Value {
        json!({
            "active": true,
            "iss": SERVER,
            "aud": HERE,
            "exp": 1_800_000_300,
            "scope": "openid ssf.read",
            "client_id": "rp",
        })
    }

    fn parsed(answer: &Value) -> Result<Introspected, JsonError> {
        Introspected::parse(answer.to_string().as_bytes())
    }

    fn checked(name: &str, value: Value) -> Result<(), NotVouchedError> {
        let mut answer = answer();
        answer[name] = value;
        parsed(&answer).unwrap().check(SERVER, HERE, NOW, LEEWAY)
    }

    #[test]
    fn an_active_token_counts_for_its_audience_in_its_time() {
        assert_eq!(checked("aud", json!(["x", HERE])), Ok(()));
        assert_eq!(checked("exp", json!(1_799_999_941)), Ok(()));
        assert_eq!(checked("nbf", json!(1_800_000_060)), Ok(()));
        let least = json!({"active": true, "aud": HERE, "client_id": "rp"});
        let least = parsed(&least).unwrap();
        assert_eq!(least.check(SERVER, HERE, NOW, LEEWAY), Ok(()));
        assert_eq!(least.exp, None);
    }

    #[test]
    fn every_other_token_does_not() {
        for (name, value, refusal) in [
            ("active", json!(false), NotVouchedError::Inactive),
            (
                "iss",
                json!("https://as.example.com/"),
                NotVouchedError::Issuer,
            ),
            (
                "aud",
                json!("https://x.example.com"),
                NotVouchedError::Audience,
            ),
            ("exp", json!(1_799_999_940), NotVouchedError::Expired),
            ("nbf", json!(1_800_000_061), NotVouchedError::NotYet),
        ] {
            assert_eq!(checked(name, value), Err(refusal), "{name}");
        }
        let mut for_anybody = answer();
        for_anybody.as_object_mut().unwrap().remove("aud");
        let checked = parsed(&for_anybody)
            .unwrap()
            .check(SERVER, HERE, NOW, LEEWAY);
        assert_eq!(checked, Err(NotVouchedError::Audience));
    }

    #[test]
    fn the_client_and_the_scopes_are_what_the_server_says() {
        let introspected = parsed(&answer()).unwrap();
        assert_eq!(introspected.scopes, ["openid", "ssf.read"]);
        assert_eq!(introspected.name("client_id"), Ok("rp".to_owned()));
        assert_eq!(introspected.name("azp"), Err(NotVouchedError::Nameless));
        for faulty in [json!(""), json!(7), json!("a\nb"), json!("x".repeat(256))] {
            let mut answer = answer();
            answer["client_id"] = faulty;
            let named = parsed(&answer).unwrap().name("client_id");
            assert_eq!(named, Err(NotVouchedError::Nameless));
        }
    }

    #[test]
    fn an_answer_that_is_none_says_nothing() {
        for (name, value) in [
            ("active", json!("true")),
            ("active", json!(null)),
            ("exp", json!("1800000300")),
            ("scope", json!(["ssf.read"])),
            ("aud", json!([])),
        ] {
            let mut answer = answer();
            answer[name] = value;
            assert!(parsed(&answer).is_err(), "{name}");
        }
        assert!(parsed(&json!({})).is_err());
        assert!(Introspected::parse(br#"{"active":false,"active":true}"#).is_err());
        assert!(parsed(&json!({"active": false, "exp": "never"})).is_ok());
    }
}

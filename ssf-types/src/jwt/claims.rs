//! What the JWTs of those who ask for something claim, and when that counts (RFC 7519 §4.1, RFC 9068 §2.2).

use std::time::Duration;

use serde::Deserialize;

use crate::{
    audience::Audience,
    json::{self, Extra, JsonError, Members},
    time::Timestamp,
};

/// How far the clocks of whoever signs and of this server may differ.
pub const LEEWAY: Duration = Duration::from_mins(1);

/// Longest `jti`, `sub` or client's name that is accepted, in bytes.
pub const NAME_BYTES_MAX: usize = 255;

/// Claims that have their form, and nothing more.
#[derive(Clone)]
#[non_exhaustive]
pub struct Claims {
    /// Who says so.
    pub iss: String,
    /// For whom it is said, if it is for somebody.
    pub aud: Option<Audience>,
    /// Until when it counts.
    pub exp: Timestamp,
    /// From when on it counts.
    pub nbf: Option<Timestamp>,
    /// The scopes, whoever they belong to.
    pub scopes: Vec<String>,
    others: Extra,
}

/// Claims do not count.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimsError {
    /// They are not those of a JWT that lets somebody in.
    #[error("the claims are malformed")]
    Malformed(#[source] JsonError),
    /// Another one says so.
    #[error("iss is not who is expected")]
    Issuer,
    /// It is said for others.
    #[error("aud does not name this server")]
    Audience,
    /// It counts no longer.
    #[error("exp has passed")]
    Expired,
    /// It does not count yet.
    #[error("nbf has not come")]
    NotYet,
}

impl Claims {
    /// Reads claims.
    ///
    /// `scope` is a text with blanks (RFC 8693 §4.2); `scp`, such a text or a list, is read where it is missing.
    ///
    /// # Errors
    /// The text is not an object with `iss` and `exp`, or a claim is not what it must be.
    pub fn parse(claims: &[u8]) -> Result<Self, ClaimsError> {
        let malformed = ClaimsError::Malformed;
        let text = json::check(claims).map_err(malformed)?;
        let mut members = Members::parse(text).map_err(malformed)?;
        let moment = "a number of seconds since 1970";
        let read = |members: &mut Members<'_>| {
            let scope: Option<String> = members.optional("scope", "a text")?;
            let scopes = match scope {
                Some(scope) => Scp::Text(scope).into_list(),
                None => members
                    .optional("scp", "a text or a list of texts")?
                    .map_or_else(Vec::new, Scp::into_list),
            };
            Ok(Self {
                iss: members.required("iss", "a text")?,
                aud: members.optional("aud", "a text or a list of texts")?,
                exp: members.required("exp", moment)?,
                nbf: members.optional("nbf", moment)?,
                scopes,
                others: Extra::default(),
            })
        };
        let claims = read(&mut members).map_err(malformed)?;
        Ok(Self {
            others: members.rest(),
            ..claims
        })
    }

    /// The text of another claim, if it is one of 1 to [`NAME_BYTES_MAX`] bytes without control characters.
    pub fn text(&self, name: &str) -> Option<String> {
        let text: String = serde_json::from_str(self.others.json(name)?).ok()?;
        is_name(&text).then_some(text)
    }

    /// A whole number that is not negative.
    pub fn number(&self, name: &str) -> Option<u64> {
        serde_json::from_str(self.others.json(name)?).ok()
    }

    /// A moment.
    pub fn moment(&self, name: &str) -> Option<Timestamp> {
        serde_json::from_str(self.others.json(name)?).ok()
    }

    /// The JSON text of another claim than those that are fields here, whatever it is.
    pub fn json(&self, name: &str) -> Option<&str> {
        self.others.json(name)
    }

    /// Checks that `issuer` says it, to one of `audience`, for the moment `now`, give or take `leeway`.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn check(
        &self,
        issuer: &str,
        audience: &[&str],
        now: Timestamp,
        leeway: Duration,
    ) -> Result<(), ClaimsError> {
        if self.iss != issuer {
            return Err(ClaimsError::Issuer);
        }
        let mut values = self.aud.iter().flat_map(Audience::values);
        if !values.any(|value| audience.contains(&value)) {
            return Err(ClaimsError::Audience);
        }
        self.check_time(now, leeway)
    }

    /// Checks that it counts at the moment `now`, give or take `leeway`, whoever says it to whomever.
    ///
    /// # Errors
    /// The moment is past, or yet to come.
    pub fn check_time(&self, now: Timestamp, leeway: Duration) -> Result<(), ClaimsError> {
        if self.exp.after(leeway) <= now {
            return Err(ClaimsError::Expired);
        }
        if self.nbf.is_some_and(|nbf| nbf > now.after(leeway)) {
            return Err(ClaimsError::NotYet);
        }
        Ok(())
    }
}

/// The claim `scp`, as some products write it and others.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scp {
    Text(String),
    List(Vec<String>),
}

impl Scp {
    fn into_list(self) -> Vec<String> {
        match self {
            Self::Text(text) => text.split(' ').map(str::to_owned).collect(),
            Self::List(list) => list,
        }
    }
}

/// Whether a text can name a client, a subject or a token.
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= NAME_BYTES_MAX && !text.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn claims() -> Value {
        json!({
            "iss": "https://as.example.com",
            "aud": "https://tr.example.com",
            "exp": 1_800_000_100,
        })
    }

    fn with(name: &str, value: Value) -> Result<Claims, ClaimsError> {
        let mut claims = claims();
        claims[name] = value;
        Claims::parse(claims.to_string().as_bytes())
    }

    fn checked(name: &str, value: Value) -> Result<(), ClaimsError> {
        let audience = ["https://tr.example.com"];
        with(name, value)
            .unwrap()
            .check("https://as.example.com", &audience, NOW, LEEWAY)
    }

    #[test]
    fn claims_count_for_their_audience_from_their_issuer_in_their_time() {
        assert_eq!(checked("sub", json!("x")), Ok(()));
        assert_eq!(
            checked("aud", json!(["a", "https://tr.example.com"])),
            Ok(())
        );
        let other = json!("https://as.example.com/");
        assert_eq!(checked("iss", other), Err(ClaimsError::Issuer));
        assert_eq!(checked("aud", json!(["a"])), Err(ClaimsError::Audience));
        assert_eq!(checked("exp", json!(1_799_999_941)), Ok(()));
        let expired = Err(ClaimsError::Expired);
        assert_eq!(checked("exp", json!(1_799_999_940)), expired);
        assert_eq!(checked("nbf", json!(1_800_000_060)), Ok(()));
        let not_yet = Err(ClaimsError::NotYet);
        assert_eq!(checked("nbf", json!(1_800_000_061)), not_yet);
    }

    #[test]
    fn claims_without_what_makes_them_count_are_malformed() {
        for name in ["iss", "exp"] {
            let mut claims = claims();
            claims.as_object_mut().unwrap().remove(name);
            let read = Claims::parse(claims.to_string().as_bytes());
            assert!(matches!(read, Err(ClaimsError::Malformed(_))), "{name}");
        }
        for (name, value) in [
            ("exp", json!("1800000100")),
            ("exp", json!(-1)),
            ("aud", json!([])),
            ("iss", json!(null)),
            ("scope", json!(["ssf.read"])),
            ("scp", json!([7])),
        ] {
            assert!(with(name, value).is_err(), "{name}");
        }
    }

    #[test]
    fn claims_for_nobody_in_particular_count_where_nobody_is_asked_for_alone() {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove("aud");
        let claims = Claims::parse(claims.to_string().as_bytes()).unwrap();
        let audience = ["https://tr.example.com"];
        let checked = claims.check("https://as.example.com", &audience, NOW, LEEWAY);
        assert_eq!(checked, Err(ClaimsError::Audience));
        assert_eq!(claims.check_time(NOW, LEEWAY), Ok(()));
        let later = NOW.after(Duration::from_mins(3));
        let over = claims.check_time(later, LEEWAY);
        assert_eq!(over, Err(ClaimsError::Expired));
    }

    #[test]
    fn a_claim_is_a_moment_if_it_is_a_number_of_seconds() {
        let moment = |value| with("auth_time", value).unwrap().moment("auth_time");
        assert_eq!(moment(json!(1_800_000_000)), Some(NOW));
        assert_eq!(moment(json!("1800000000")), None);
    }

    #[test]
    fn scopes_are_a_text_or_in_some_products_a_list() {
        let scopes = |name, value| with(name, value).unwrap().scopes;
        assert_eq!(scopes("scope", json!("a b")), ["a", "b"]);
        assert_eq!(scopes("scp", json!(["a", "b"])), ["a", "b"]);
        assert_eq!(scopes("scp", json!("a b")), ["a", "b"]);
        assert!(scopes("sub", json!("x")).is_empty());
    }

    #[test]
    fn a_name_is_a_short_text_of_one_line() {
        let text = |value| with("sub", value).unwrap().text("sub");
        assert_eq!(text(json!("rp")), Some("rp".to_owned()));
        for value in [json!(""), json!(7), json!("a\nb"), json!("x".repeat(256))] {
            assert_eq!(text(value), None);
        }
    }
}

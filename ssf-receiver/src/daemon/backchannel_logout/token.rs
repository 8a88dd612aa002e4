//! Logout tokens (OpenID Connect Back-Channel Logout 1.0 §2.4): whose sessions they say are over.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use ssf_types::{
    audience::Audience,
    jwt::{Claims, ClaimsError, JwtHeader, LEEWAY},
    subject::{ComplexSubject, SimpleSubject, Subject},
    time::Timestamp,
    uri::Issuer,
};

use crate::config::IdentifierRule;

/// The types of logout tokens; many providers leave it out, or write the one of any JWT.
const TYPES: [&str; 2] = ["logout+jwt", "JWT"];

/// What says that a JWT is a logout token.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// A JWT is no logout token that counts.
#[derive(Debug, thiserror::Error)]
pub(super) enum LogoutTokenError {
    /// It says itself that it is something else.
    #[error("typ must be logout+jwt, or JWT, or absent")]
    Type,
    /// It does not count here and now.
    #[error("the logout token does not count here and now")]
    Claims(#[source] ClaimsError),
    /// Nothing in it says that it is a logout token.
    #[error("events must have the member {EVENT}, with an object")]
    Event,
    /// It could be taken for an ID token.
    #[error("there must be no nonce")]
    Nonce,
    /// A claim is missing, or is not what it has to be.
    #[error("{0} must be {1}")]
    Claim(&'static str, &'static str),
    /// It names nobody.
    #[error("there must be sub, or sid, or both")]
    Nobody,
    /// It names somebody in a way in which no session here does.
    #[error("no session here has such a sub or sid")]
    Unknown,
}

/// What a logout token says; its signature is somebody else's business.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct LogoutToken {
    /// Its name, unique for its issuer.
    pub(super) jti: String,
    /// Up to when the sessions had begun.
    pub(super) iat: Timestamp,
    /// Whom it is for.
    pub(super) audience: Audience,
    /// Whose sessions are over.
    pub(super) subject: Subject,
}

impl LogoutToken {
    /// Checks all but the signature (OpenID Connect Back-Channel Logout 1.0 §2.6).
    ///
    /// `rules` say which claims of the issuer's tokens sessions are known by.
    ///
    /// # Errors
    /// The first check that fails.
    pub(super) fn read(
        (header, claims): (&JwtHeader, &Claims),
        (issuer, rules): (&Issuer, &[IdentifierRule]),
        audience: &Audience,
        now: Timestamp,
    ) -> Result<Self, LogoutTokenError> {
        if header.typ.is_some() && !TYPES.iter().any(|typ| header.is_of_type(typ)) {
            return Err(LogoutTokenError::Type);
        }
        let names: Vec<&str> = audience.values().collect();
        let checked = claims.check(issuer.as_str(), &names, now, LEEWAY);
        checked.map_err(LogoutTokenError::Claims)?;
        if !has_event(claims) {
            return Err(LogoutTokenError::Event);
        }
        if claims.json("nonce").is_some() {
            return Err(LogoutTokenError::Nonce);
        }
        let iat = claims.moment("iat");
        let iat = iat.filter(|iat| *iat <= now.after(LEEWAY));
        let iat = iat.ok_or(LogoutTokenError::Claim("iat", "a time that has come"))?;
        let jti = claims
            .text("jti")
            .ok_or(LogoutTokenError::Claim("jti", "a text of 1 to 255 bytes"))?;
        let subject = subject(claims, issuer, rules)?;
        // Checked above; an empty one would not have passed.
        let audience = claims.aud.clone().unwrap_or_else(|| audience.clone());
        Ok(Self {
            jti,
            iat,
            audience,
            subject,
        })
    }
}

fn has_event(claims: &Claims) -> bool {
    let events: Option<BTreeMap<String, Box<RawValue>>> = claims
        .json("events")
        .and_then(|events| serde_json::from_str(events).ok());
    let event = events.as_ref().and_then(|events| events.get(EVENT));
    event.is_some_and(|event| event.get().starts_with('{'))
}

/// The session `sid`, that of `sub` if there is one, or all sessions of `sub`.
fn subject(
    claims: &Claims,
    issuer: &Issuer,
    rules: &[IdentifierRule],
) -> Result<Subject, LogoutTokenError> {
    let [sub, sid] = [text(claims, "sub")?, text(claims, "sid")?];
    if sub.is_none() && sid.is_none() {
        return Err(LogoutTokenError::Nobody);
    }
    let identified = |name: &str, text: Option<String>| {
        let rule = rules.iter().find(|rule| rule.is_of(name))?;
        let identifier = rule.format.identifier(issuer, text?);
        identifier.check().ok()?;
        Some((rule.member.as_str(), identifier))
    };
    let user = identified("sub", sub);
    let Some((member, session)) = identified("sid", sid) else {
        let (_, user) = user.ok_or(LogoutTokenError::Unknown)?;
        return Ok(user.into());
    };
    // A session that does not say which one it is ends with all of its user's.
    let user = user.filter(|(place, _): &(&str, SimpleSubject)| *place != member);
    let complex = ComplexSubject::new([(member, session)].into_iter().chain(user));
    complex
        .map(Subject::from)
        .map_err(|_| LogoutTokenError::Unknown)
}

fn text(claims: &Claims, name: &'static str) -> Result<Option<String>, LogoutTokenError> {
    let Some(json) = claims.json(name) else {
        return Ok(None);
    };
    let text: Option<String> = serde_json::from_str(json).ok();
    text.filter(|text| !text.is_empty())
        .map(Some)
        .ok_or(LogoutTokenError::Claim(name, "a text"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::IdentifierFormat;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn rules() -> Vec<IdentifierRule> {
        let rule = |name: &str, member: &str, format| IdentifierRule {
            name: name.to_owned(),
            member: member.to_owned(),
            format,
        };
        vec![
            rule("sub", "tenant", IdentifierFormat::Opaque),
            rule("sub", "user", IdentifierFormat::IssSub),
            rule("sid", "session", IdentifierFormat::Opaque),
        ]
    }

    fn claims() -> Value {
        json!({
            "iss": "https://idp.example.com", "aud": ["other", "app"], "jti": "bWJq",
            "iat": 1_800_000_000, "exp": 1_800_000_120, "sub": "alice", "sid": "s1",
            "events": { EVENT: {} },
        })
    }

    fn read_as(typ: Option<&str>, claims: &Value) -> Result<LogoutToken, LogoutTokenError> {
        let issuer = Issuer::parse("https://idp.example.com").unwrap();
        let mut header = json!({ "alg": "ES256" });
        if let Some(typ) = typ {
            header["typ"] = typ.into();
        }
        let encoded = |part: &Value| {
            base64::Engine::encode(
                &base64::engine::general_purpose::URL_SAFE_NO_PAD,
                part.to_string(),
            )
        };
        let token = format!("{}.{}.AA", encoded(&header), encoded(claims));
        let jwt = ssf_types::jwt::UnverifiedJwt::parse(&token).unwrap();
        let audience = Audience::new(["app"]).unwrap();
        LogoutToken::read(
            (&jwt.header, &jwt.claims),
            (&issuer, &rules()),
            &audience,
            NOW,
        )
    }

    fn with(name: &str, value: Value) -> Result<LogoutToken, LogoutTokenError> {
        let mut claims = claims();
        claims[name] = value;
        read_as(Some("logout+jwt"), &claims)
    }

    fn without(names: &[&str]) -> Result<LogoutToken, LogoutTokenError> {
        let mut claims = claims();
        for name in names {
            claims.as_object_mut().unwrap().remove(*name).unwrap();
        }
        read_as(None, &claims)
    }

    fn subject_of(token: Result<LogoutToken, LogoutTokenError>) -> Value {
        serde_json::to_value(token.unwrap().subject).unwrap()
    }

    #[test]
    fn a_logout_token_names_a_session_or_a_user_or_both() {
        let user = json!({ "format": "iss_sub", "iss": "https://idp.example.com", "sub": "alice" });
        let session = json!({ "format": "opaque", "id": "s1" });
        let both = json!({ "format": "complex", "session": session, "user": user });
        assert_eq!(subject_of(without(&[])), both);
        let alone = json!({ "format": "complex", "session": session });
        assert_eq!(subject_of(without(&["sub"])), alone);
        assert_eq!(subject_of(without(&["sid"])), user);
        let token = without(&[]).unwrap();
        assert_eq!((token.jti.as_str(), token.iat), ("bWJq", NOW));
    }

    #[test]
    fn a_logout_token_has_one_of_three_types() {
        for typ in [
            None,
            Some("JWT"),
            Some("logout+jwt"),
            Some("application/Logout+JWT"),
        ] {
            assert!(read_as(typ, &claims()).is_ok(), "{typ:?}");
        }
        for typ in ["secevent+jwt", "at+jwt", ""] {
            let read = read_as(Some(typ), &claims());
            assert!(matches!(read, Err(LogoutTokenError::Type)), "{typ}");
        }
    }

    #[test]
    fn each_claim_of_a_logout_token_is_checked() {
        for (name, sound) in [
            ("iat", json!(1_800_000_060)),
            ("aud", json!("app")),
            ("events", json!({ EVENT: { "x": 1 }, "urn:x": {} })),
            ("x", json!(1)),
        ] {
            assert!(with(name, sound).is_ok(), "{name}");
        }
        for (name, faulty) in [
            ("iss", json!("https://other.example.com")),
            ("aud", json!("other")),
            ("exp", json!(1_799_999_940)),
            ("iat", json!(1_800_000_061)),
            ("iat", json!("1800000000")),
            ("jti", json!("")),
            ("events", json!({})),
            ("events", json!([EVENT])),
            ("events", json!({ EVENT: null })),
            ("events", json!({ "urn:x": {} })),
            ("nonce", json!("n")),
            ("nonce", json!(null)),
            ("sub", json!(7)),
            ("sid", json!("")),
        ] {
            assert!(with(name, faulty.clone()).is_err(), "{name} {faulty}");
        }
        for missing in [
            &["aud"][..],
            &["iat"],
            &["jti"],
            &["events"],
            &["sub", "sid"],
        ] {
            assert!(without(missing).is_err(), "{missing:?}");
        }
    }
}

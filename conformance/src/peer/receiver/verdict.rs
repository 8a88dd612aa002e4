//! What a Receiver thinks of a push.

use serde_json::{Value, json};

use super::{Pushed, pushed::BODY_BYTES_MAX};
use crate::{peer::Reply, push::Way};

/// Members of an event that its definition requires.
const REQUIRED: [(&str, &[&str]); 1] = [(
    "https://schemas.openid.net/secevent/caep/event-type/credential-change",
    &["change_type", "credential_type"],
)];

/// What a Receiver thinks of a push.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It is taken.
    Accepted,
    /// It is refused with 400 and this code.
    Refused(&'static str),
    /// It is no push, and is refused with another status.
    Status(u16),
}

impl Verdict {
    /// Judges a push; `issuer`, `audience` and `authorization` are what the Receiver knows.
    pub(in crate::peer) fn of(
        pushed: &Pushed,
        issuer: &str,
        audience: &str,
        authorization: Option<&str>,
    ) -> Self {
        let request = Self::of_request(pushed, authorization);
        let token = request.and_then(|()| Self::of_token(pushed, issuer, audience));
        token.err().unwrap_or(Self::Accepted)
    }

    fn of_request(pushed: &Pushed, authorization: Option<&str>) -> Result<(), Self> {
        if pushed.method != "POST" {
            return Err(Self::Status(405));
        }
        if authorization != pushed.authorization.as_deref() {
            return Err(Self::Refused("authentication_failed"));
        }
        if pushed.media_type != "application/secevent+jwt" {
            return Err(Self::Status(415));
        }
        if pushed.length > BODY_BYTES_MAX {
            return Err(Self::Status(413));
        }
        Ok(())
    }

    fn of_token(pushed: &Pushed, issuer: &str, audience: &str) -> Result<(), Self> {
        require(pushed.is_token, "invalid_request")?;
        require(pushed.header_is("typ", "secevent+jwt"), "invalid_request")?;
        require(!pushed.header.contains_key("crit"), "invalid_request")?;
        require(pushed.header_is("alg", "RS256"), "invalid_key")?;
        require(pushed.is_key_known, "invalid_key")?;
        require(pushed.is_verified, "invalid_key")?;
        require(pushed.claim_is_text("iss"), "invalid_request")?;
        require(pushed.claims["iss"] == issuer, "invalid_issuer")?;
        require(pushed.is_for(audience), "invalid_audience")?;
        for banned in ["exp", "sub"] {
            let is_known = banned == "exp" && pushed.has_way(Way::Exp);
            let is_there = pushed.claims.contains_key(banned);
            require(is_known || !is_there, "invalid_request")?;
        }
        require(pushed.claim_is_text("jti"), "invalid_request")?;
        let is_number = pushed.claims.get("iat").is_some_and(Value::is_number);
        require(is_number, "invalid_request")?;
        require(pushed.subject().is_some(), "invalid_request")?;
        require(has_one_event(pushed), "invalid_request")
    }

    pub(super) fn reply(self) -> Reply {
        match self {
            Self::Accepted => Reply::error(202),
            Self::Status(status) => Reply::error(status),
            Self::Refused(code) => {
                let body = json!({ "err": code, "description": "the push is refused" });
                let mut reply = Reply::with(400, &body);
                reply.set_header("Content-Language", "en");
                reply
            }
        }
    }
}

fn require(holds: bool, code: &'static str) -> Result<(), Verdict> {
    if holds {
        return Ok(());
    }
    Err(Verdict::Refused(code))
}

/// Whether there is one event, as an object with what its definition requires.
fn has_one_event(pushed: &Pushed) -> bool {
    let Some(Value::Object(events)) = pushed.claims.get("events") else {
        return false;
    };
    let fits = |(uri, payload): (&String, &Value)| {
        let required = REQUIRED.iter().find(|(known, _)| known == uri);
        let members = required.map(|(_, members)| *members).unwrap_or_default();
        let has = |name: &&str| payload.get(*name).is_some();
        payload.is_object() && members.iter().all(has)
    };
    events.len() == 1 && events.iter().all(fits)
}

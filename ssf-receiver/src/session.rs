//! What an application knows of one of its sessions.

mod keys;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ssf_types::{subject::SimpleSubject, time::Timestamp, uri::Issuer};

pub use self::keys::{IDENTIFIERS_MAX, SessionKeys};

/// The member that names who signed in (SSF 1.0 §3.3).
pub(crate) const USER: &str = "user";

/// The member that names the session (SSF 1.0 §3.3).
pub(crate) const SESSION: &str = "session";

/// The facts by which revocations find a session, and by which it outlives them.
///
/// An application makes them at sign-in, from the ID Token, and keeps them where it keeps the session: they are
/// serialisable, so a signed cookie will do. The more identifiers are registered, the more revocations find their
/// target: a Transmitter may know the user by `iss_sub`, the address or an opaque string.
///
/// Printing it for debugging shows no identifiers.
///
/// ```
/// use ssf_receiver::Session;
/// use ssf_types::{time::Timestamp, uri::Issuer};
///
/// let session = Session::new(Issuer::parse("https://idp.example.com")?, Timestamp::from_secs(1_615_305_159))
///     .iss_sub("https://idp.example.com", "145234573")
///     .email("alice@example.com")
///     .sid("08a5019c-17e1-4977-8f42-65a12843ea02")
///     .auth_time(Timestamp::from_secs(1_615_300_000));
/// let cookie = serde_json::to_string(&session)?;
/// assert_eq!(serde_json::from_str::<Session>(&cookie)?, session);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Session {
    issuer: Issuer,
    began: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth_time: Option<Timestamp>,
    identifiers: BTreeMap<String, Vec<SimpleSubject>>,
}

impl Session {
    /// Makes a session without identifiers.
    ///
    /// `issuer` is the Transmitter whose SETs may end it: an address in a SET of another one does not reach it.
    /// `began` is the `iat` of the ID Token that started it, so that both sides read the same clock.
    pub fn new(issuer: Issuer, began: Timestamp) -> Self {
        Self {
            issuer,
            began,
            auth_time: None,
            identifiers: BTreeMap::new(),
        }
    }

    /// Adds `iss` and `sub` of the ID Token as an identifier of the user.
    #[must_use]
    pub fn iss_sub(self, iss: impl Into<String>, sub: impl Into<String>) -> Self {
        let (iss, sub) = (iss.into(), sub.into());
        self.identifier(USER, SimpleSubject::IssSub { iss, sub })
    }

    /// Adds an address as an identifier of the user; only one that the identity provider vouches for.
    #[must_use]
    pub fn email(self, email: impl Into<String>) -> Self {
        let email = email.into();
        self.identifier(USER, SimpleSubject::Email { email })
    }

    /// Adds the `sid` of the ID Token as an opaque identifier of the session.
    #[must_use]
    pub fn sid(self, sid: impl Into<String>) -> Self {
        self.identifier(SESSION, SimpleSubject::Opaque { id: sid.into() })
    }

    /// Adds an identifier of `member`: `user`, `session`, `device`, `tenant` or another (SSF 1.0 §3.3).
    ///
    /// Each entry of `aliases` becomes an identifier of its own. One that breaks the rules of its format, such as an
    /// empty string, is left out: no SET can hold it.
    #[must_use]
    pub fn identifier(mut self, member: impl Into<String>, identifier: SimpleSubject) -> Self {
        let alternatives = if let SimpleSubject::Aliases { identifiers } = identifier {
            identifiers
        } else {
            vec![identifier]
        };
        let sound = alternatives
            .into_iter()
            .filter(|identifier| identifier.check().is_ok());
        self.identifiers
            .entry(member.into())
            .or_default()
            .extend(sound);
        self
    }

    /// Tells when the user last proved who they are: the `auth_time` of the ID Token.
    ///
    /// A session without it, once refused until the user signs in afresh, stays refused; so register it, which a
    /// request with `max_age` makes the identity provider send (OpenID Connect Core 1.0 §2).
    #[must_use]
    pub fn auth_time(mut self, auth_time: Timestamp) -> Self {
        self.auth_time = Some(auth_time);
        self
    }

    /// The Transmitter whose SETs may end the session.
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The `iat` of the ID Token that started the session.
    pub fn began(&self) -> Timestamp {
        self.began
    }

    /// When the user last proved who they are, if it is known.
    pub fn authenticated(&self) -> Option<Timestamp> {
        self.auth_time
    }

    /// The identifiers of one member; none if the application does not know it.
    pub fn identifiers_of(&self, member: &str) -> &[SimpleSubject] {
        self.identifiers.get(member).map_or(&[], Vec::as_slice)
    }

    /// All identifiers, each with its member.
    pub fn identifiers(&self) -> impl Iterator<Item = (&str, &SimpleSubject)> {
        self.identifiers.iter().flat_map(|(member, identifiers)| {
            let member = member.as_str();
            identifiers.iter().map(move |one| (member, one))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_become_identifiers_of_their_own() {
        let id = |id: &str| SimpleSubject::Opaque { id: id.into() };
        let session = Session::new(
            Issuer::parse("https://idp.example.com").unwrap(),
            Timestamp::from_secs(1),
        )
        .identifier(
            USER,
            SimpleSubject::Aliases {
                identifiers: vec![id("1"), id("2")],
            },
        );
        assert_eq!(session.identifiers_of(USER), [id("1"), id("2")]);
    }

    #[test]
    fn whatever_was_registered_can_be_read_back() {
        let session = Session::new(
            Issuer::parse("https://idp.example.com").unwrap(),
            Timestamp::from_secs(1),
        )
        .iss_sub("https://idp.example.com", "")
        .email("alice")
        .email("alice@example.com")
        .sid("");
        let kept = serde_json::to_string(&session).unwrap();
        assert_eq!(serde_json::from_str::<Session>(&kept).unwrap(), session);
        let email = SimpleSubject::Email {
            email: "alice@example.com".into(),
        };
        assert_eq!(session.identifiers_of(USER), [email]);
        assert!(session.identifiers_of(SESSION).is_empty());
    }

    #[test]
    fn printing_a_session_for_debugging_hides_who_it_is() {
        let session = Session::new(
            Issuer::parse("https://idp.example.com").unwrap(),
            Timestamp::from_secs(1),
        )
        .email("alice@example.com")
        .sid("s3cret");
        let printed = format!("{session:?}");
        assert!(!printed.contains("alice") && !printed.contains("s3cret"));
    }
}

//! The claims of a SET (RFC 8417 §2.2, SSF 1.0 §4.1).

use serde::{Serialize, Serializer, ser};

use super::{SetError, profile};
use crate::{
    audience::Audience,
    dialect::Dialect,
    event::{Event, Events},
    id::{Jti, Txn},
    json::{Extra, Members},
    subject::Subject,
    time::Timestamp,
    uri::Issuer,
};

/// The claims of a SET.
///
/// Printing them for debugging shows the issuer, the `jti`, and the kinds of subject and event alone.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct SetClaims {
    /// The Transmitter; that of the stream (SSF 1.0 §4.1.6).
    pub iss: Issuer,
    /// Names this SET; the same in every attempt to deliver it.
    pub jti: Jti,
    /// When the SET was made.
    pub iat: Timestamp,
    /// The Receiver.
    pub aud: Audience,
    /// Ties together the SETs that have one cause.
    pub txn: Option<Txn>,
    /// When the event happened (RFC 8417 §2.2).
    pub toe: Option<Timestamp>,
    /// Whom or what the event is about.
    pub sub_id: Subject,
    /// What happened.
    pub event: Event,
    /// Claims that no specification here defines; a SET with one of its own claims among them, or with `sub` or `exp`, is
    /// not written.
    pub extra: Extra,
}

/// Claims that are never among the others: a second one would be believed by some readers, and `sub` and `exp` have no
/// place in a SET (SSF 1.0 §4.1.2, §4.1.7).
const OWN: [&str; 10] = [
    "iss", "jti", "iat", "aud", "txn", "toe", "sub_id", "events", "sub", "exp",
];

impl std::fmt::Debug for SetClaims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SetClaims")
            .field("iss", &self.iss)
            .field("jti", &self.jti)
            .field("sub_id", &self.sub_id)
            .field("event", &self.event.uri())
            .finish_non_exhaustive()
    }
}

impl SetClaims {
    /// Makes the claims that every SET has.
    pub fn new(
        iss: Issuer,
        jti: Jti,
        iat: Timestamp,
        aud: Audience,
        sub_id: Subject,
        event: Event,
    ) -> Self {
        Self {
            iss,
            jti,
            iat,
            aud,
            txn: None,
            toe: None,
            sub_id,
            event,
            extra: Extra::default(),
        }
    }

    /// Checks what claims that were read obey and claims that were put together may not: the subject's format, and that
    /// the subject suits the event.
    ///
    /// # Errors
    /// What a Receiver would refuse them with.
    pub fn check(&self) -> Result<(), SetError> {
        self.sub_id
            .check()
            .map_err(|error| SetError::Claims(error.within("sub_id")))?;
        profile::subject_suits_event(&self.event, &self.sub_id)
    }

    /// Reads claims that were verified before, as [`VerifiedSet::json`](super::VerifiedSet::json) gave them.
    ///
    /// # Errors
    /// They are no claims in this dialect any more.
    pub fn read_verified(
        iss: &Issuer,
        json: &str,
        dialect: &'static Dialect,
    ) -> Result<Self, SetError> {
        let reading = dialect.read_claims(json).map_err(SetError::Claims)?;
        let mut members = Members::parse(&reading.text).map_err(SetError::Claims)?;
        let aud = profile::audience(&mut members)?;
        Self::read(iss, aud, members)
    }

    /// Reads all claims but the two that were checked before.
    pub(crate) fn read(
        iss: &Issuer,
        aud: Audience,
        mut claims: Members<'_>,
    ) -> Result<Self, SetError> {
        claims.take("iss");
        profile::no_sub(&claims)?;
        profile::no_exp(&claims)?;
        let claims = &mut claims;
        let set = Self {
            iss: iss.clone(),
            aud,
            jti: profile::jti(claims)?,
            iat: profile::issued_at(claims)?,
            txn: profile::transaction(claims)?,
            toe: profile::time_of_event(claims)?,
            sub_id: profile::subject(claims)?,
            event: profile::event(claims)?,
            extra: std::mem::take(claims).rest(),
        };
        profile::subject_suits_event(&set.event, &set.sub_id)?;
        Ok(set)
    }
}

impl Serialize for SetClaims {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Wire<'c> {
            iss: &'c Issuer,
            jti: &'c Jti,
            iat: Timestamp,
            aud: &'c Audience,
            #[serde(skip_serializing_if = "Option::is_none")]
            txn: &'c Option<Txn>,
            #[serde(skip_serializing_if = "Option::is_none")]
            toe: Option<Timestamp>,
            sub_id: &'c Subject,
            events: Events<'c>,
            #[serde(flatten)]
            extra: &'c Extra,
        }
        let Self {
            iss,
            jti,
            iat,
            aud,
            txn,
            toe,
            sub_id,
            event,
            extra,
        } = self;
        if let Some(name) = OWN.into_iter().find(|name| extra.json(name).is_some()) {
            let error = format!("{name} is not among the other claims of a SET");
            return Err(ser::Error::custom(error));
        }
        Wire {
            iss,
            jti,
            iat: *iat,
            aud,
            txn,
            toe: *toe,
            sub_id,
            events: Events(event),
            extra,
        }
        .serialize(serializer)
    }
}

//! The guard: whether a session may go on, from memory alone.

#[cfg(feature = "actix")]
mod actix;

use std::sync::Arc;

use ssf_types::event::language::Texts;

#[cfg(feature = "actix")]
pub use self::actix::{Guard, GuardService};
use crate::{
    revocation::{Detail, Index, Kind, Match},
    session::{Session, SessionKeys},
};

/// What is said where the Transmitter gave no reason for the user, always in English.
const REVOKED_TEXT: &str = "Your session was ended. Please sign in again.";
const REAUTHENTICATE_TEXT: &str = "Please confirm that it is you by signing in again.";

/// Whether a session may go on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Decision {
    /// Nothing speaks against it.
    Allow,
    /// It is refused.
    Deny(Denial),
}

/// Why a session is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reason {
    /// It is over; a new sign-in of any kind starts another one.
    Revoked,
    /// The user has to prove afresh who they are: `prompt=login` or `max_age=0`, with the new `auth_time` registered.
    Reauthenticate,
}

impl Reason {
    /// The member `error` of the default answer.
    pub fn error(self) -> &'static str {
        match self {
            Self::Revoked => "session_revoked",
            Self::Reauthenticate => "login_required",
        }
    }

    /// The challenge of the default answer (RFC 6750 §3, RFC 9470 §3).
    pub fn challenge(self) -> &'static str {
        match self {
            Self::Revoked => r#"Bearer error="invalid_token""#,
            Self::Reauthenticate => r#"Bearer error="insufficient_user_authentication", max_age=0"#,
        }
    }

    /// The label of the decision in metrics.
    #[cfg(feature = "client")]
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Reauthenticate => "reauthenticate",
        }
    }
}

/// A refusal, with what the user may be told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Denial {
    reason: Reason,
    detail: Option<Arc<Detail>>,
}

impl Denial {
    /// Why the session is refused.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// URI of the type of the event that ended it; `None` if nobody can tell whether it was ended, or if there was no room
    /// for that.
    pub fn event(&self) -> Option<&str> {
        self.detail.as_ref().map(|detail| &*detail.event)
    }

    /// Language tag and text for the user: the Transmitter's `reason_user` that suits `accept_language` best, or else
    /// an English sentence.
    pub fn message(&self, accept_language: Option<&str>) -> (&str, &str) {
        let reason = self
            .detail
            .as_ref()
            .and_then(|detail| detail.reason.as_ref());
        match reason {
            Some(texts) => Texts::choose(texts, accept_language),
            None => match self.reason {
                Reason::Revoked => ("en", REVOKED_TEXT),
                Reason::Reauthenticate => ("en", REAUTHENTICATE_TEXT),
            },
        }
    }

    /// The body of the default answer: a JSON object with `error` and `reason`.
    pub fn to_json(&self, accept_language: Option<&str>) -> serde_json::Value {
        let (_, text) = self.message(accept_language);
        serde_json::json!({ "error": self.reason.error(), "reason": text })
    }
}

/// What a guard is shown of a session: the facts, or their hashes alone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Presented {
    /// The facts, which are hashed with each decision.
    Session(Session),
    /// Their hashes.
    Keys(SessionKeys),
}

impl From<Session> for Presented {
    fn from(session: Session) -> Self {
        Self::Session(session)
    }
}

impl From<SessionKeys> for Presented {
    fn from(keys: SessionKeys) -> Self {
        Self::Keys(keys)
    }
}

/// Decides from the hashes of a session and what was revoked, in whole seconds: the same second is still before.
///
/// A session that is over is not asked for a fresh sign-in as well. Among several causes the latest is told. Where keys were
/// made by another receiver, nobody can tell whether the session was ended: it is over.
pub fn decide(session: &SessionKeys, index: &Index) -> Decision {
    let Some(matches) = index.matches(session) else {
        return deny(Reason::Revoked, None);
    };
    let latest = |kind, refuses: &dyn Fn(&Match) -> bool| {
        matches
            .iter()
            .filter(|found| found.kind == kind && refuses(found))
            .max_by_key(|found| (found.moment, &found.detail))
    };
    let ends = |found: &Match| found.named || session.began <= found.moment;
    if let Some(found) = latest(Kind::Ended, &ends) {
        return deny(Reason::Revoked, Some(found));
    }
    let asks = |found: &Match| session.authenticated.is_none_or(|at| at <= found.moment);
    match latest(Kind::Unproven, &asks) {
        Some(found) => deny(Reason::Reauthenticate, Some(found)),
        None => Decision::Allow,
    }
}

fn deny(reason: Reason, found: Option<&Match>) -> Decision {
    let detail = found.and_then(|found| found.detail.clone());
    Decision::Deny(Denial { reason, detail })
}

#[cfg(test)]
mod tests;

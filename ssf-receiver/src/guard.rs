//! The guard: whether a session may go on, from memory alone.

#[cfg(feature = "actix")]
mod actix;

use ssf_types::event::language::Texts;

#[cfg(feature = "actix")]
pub use self::actix::{Guard, GuardService};
use crate::{
    revocation::{Cut, Index},
    session::Session,
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
    cut: Cut,
}

impl Denial {
    /// Why the session is refused.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// URI of the type of the event that ended it.
    pub fn event(&self) -> &str {
        &self.cut.event
    }

    /// Language tag and text for the user: the Transmitter's `reason_user` that suits `accept_language` best, or else
    /// an English sentence.
    pub fn message(&self, accept_language: Option<&str>) -> (&str, &str) {
        match &self.cut.reason {
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

/// Decides from the facts of a session and what was revoked, in whole seconds: the same second is still before.
///
/// A session that is over is not asked for a fresh sign-in as well. Among several causes the latest is told.
pub fn decide(session: &Session, index: &Index) -> Decision {
    let matches = index.matches(session);
    let began = session.began().as_secs();
    let ended = matches
        .iter()
        .filter_map(|found| {
            let cut = found.thresholds.began_before.as_ref()?;
            (found.named || began <= cut.before).then_some(cut)
        })
        .max();
    let stale = || {
        matches
            .iter()
            .filter_map(|found| found.thresholds.authenticated_before.as_ref())
            .filter(|cut| {
                session
                    .authenticated()
                    .is_none_or(|moment| moment.as_secs() <= cut.before)
            })
            .max()
    };
    let deny = |reason, cut: &Cut| {
        let cut = cut.clone();
        Decision::Deny(Denial { reason, cut })
    };
    if let Some(cut) = ended {
        return deny(Reason::Revoked, cut);
    }
    stale().map_or(Decision::Allow, |cut| deny(Reason::Reauthenticate, cut))
}

#[cfg(test)]
mod tests;

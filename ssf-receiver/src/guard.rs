//! The guard: whether a session may go on, from memory alone.

#[cfg(feature = "actix")]
mod actix;
#[cfg(feature = "client")]
mod renew;
#[cfg(feature = "tower")]
mod tower;

use std::{cmp::Reverse, sync::Arc};

use ssf_types::event::language::Texts;

#[cfg(feature = "actix")]
pub use self::actix::{Guard, GuardService};
#[cfg(feature = "client")]
pub(crate) use self::renew::Renewals;
#[cfg(feature = "client")]
pub use self::renew::Renewed;
#[cfg(feature = "tower")]
pub use self::tower::{
    DefaultAnswer, Denying, GuardLayer, Guarded, OwnAnswer, Renewing, WithoutRenewal,
};
use crate::{
    revocation::{Detail, Effect, Index, Kind, Match, Watermarks},
    session::{Session, SessionKeys},
};

/// What is said where the Transmitter gave no reason for the user, always in English.
const REVOKED_TEXT: &str = "Your session was ended. Please sign in again.";
const BLOCKED_TEXT: &str = "Access is suspended. Please ask your administrator.";
const REAUTHENTICATE_TEXT: &str = "Please confirm that it is you by signing in again.";
const STEP_UP_TEXT: &str = "Please sign in again in a stronger way.";
const RENEW_TEXT: &str = "It is too long ago that you signed in. Please sign in again.";
const UNCONFIRMED_TEXT: &str =
    "Your session cannot be confirmed right now. Please try again in a moment.";

/// After how many seconds a request may come again whose session could not be renewed.
const RENEWAL_RETRY_AFTER: &str = "5";

/// Whether a session may go on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Decision {
    /// Nothing speaks against it.
    Allow,
    /// It is refused.
    Deny(Denial),
}

/// Why a session is refused; the gravest first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Reason {
    /// It is over; a new sign-in of any kind starts another one.
    Revoked,
    /// The account, or the device, is not served for now; a new sign-in does not help.
    Blocked,
    /// The user has to prove afresh who they are: `prompt=login` or `max_age=0`, with the new `auth_time` registered.
    Reauthenticate,
    /// The user has to sign in in a stronger way: with the `acr_values` that the application wants, and the new `auth_time`
    /// registered.
    StepUp,
    /// It may have been ended: what was revoked when it was that young has been forgotten. A new sign-in of any kind starts
    /// another one, and a renewal lets it go on.
    Renew,
    /// The same, and whoever could renew it does not answer. It is not over: the request may come again.
    Unconfirmed,
}

impl Reason {
    /// The status of the default answer: 401, or 403 where a new sign-in would not help, or 503 where time may.
    pub fn status(self) -> u16 {
        match self {
            Self::Revoked | Self::Reauthenticate | Self::StepUp | Self::Renew => 401,
            Self::Blocked => 403,
            Self::Unconfirmed => 503,
        }
    }

    /// The member `error` of the default answer.
    pub fn error(self) -> &'static str {
        match self {
            Self::Revoked => "session_revoked",
            Self::Blocked => "session_blocked",
            Self::Reauthenticate => "login_required",
            Self::StepUp => "insufficient_user_authentication",
            Self::Renew => "renewal_required",
            Self::Unconfirmed => "renewal_unavailable",
        }
    }

    /// The challenge of the default answer (RFC 6750 §3, RFC 9470 §3); none where a new sign-in would not help.
    pub fn challenge(self) -> Option<&'static str> {
        match self {
            Self::Revoked | Self::Renew => Some(r#"Bearer error="invalid_token""#),
            Self::Blocked | Self::Unconfirmed => None,
            Self::Reauthenticate => {
                Some(r#"Bearer error="insufficient_user_authentication", max_age=0"#)
            }
            Self::StepUp => Some(r#"Bearer error="insufficient_user_authentication""#),
        }
    }

    /// Whether the session is over for good, and can be deleted wherever it is kept.
    ///
    /// Only one that was revoked is. What is blocked goes on when that is lifted, what has to prove who it is, or be renewed, does so
    /// and goes on, and about the last nobody can tell yet.
    pub fn is_final(self) -> bool {
        match self {
            Self::Revoked => true,
            Self::Blocked
            | Self::Reauthenticate
            | Self::StepUp
            | Self::Renew
            | Self::Unconfirmed => false,
        }
    }

    /// The label of the decision in metrics.
    #[cfg(feature = "client")]
    fn label(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Blocked => "blocked",
            Self::Reauthenticate => "reauthenticate",
            Self::StepUp => "step_up",
            Self::Renew => "renew",
            Self::Unconfirmed => "unconfirmed",
        }
    }
}

/// A refusal, with what the user may be told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Denial {
    reason: Reason,
    detail: Option<Arc<Detail>>,
}

#[cfg(feature = "client")]
impl Decision {
    /// The label in metrics.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny(denial) => denial.reason.label(),
        }
    }

    /// Whether the session is over for good.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Deny(denial) if denial.reason.is_final())
    }

    /// Whether a renewal is all that the session needs to go on.
    pub(crate) fn asks_for_renewal(&self) -> bool {
        matches!(self, Self::Deny(denial) if denial.reason == Reason::Renew)
    }

    /// The session may have been ended.
    pub(crate) fn renewal() -> Self {
        deny(Reason::Renew, None)
    }

    /// Nobody can tell now whether the session goes on.
    pub(crate) fn unconfirmed() -> Self {
        deny(Reason::Unconfirmed, None)
    }

    /// What follows from what is known of a session that may have been ended.
    pub(crate) fn after(self, renewed: Option<Renewed>) -> Self {
        match renewed {
            None => self,
            Some(Renewed::Confirmed) => Self::Allow,
            Some(Renewed::Refused) => deny(Reason::Revoked, None),
            Some(Renewed::Unreachable) => Self::unconfirmed(),
        }
    }
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
                Reason::Blocked => ("en", BLOCKED_TEXT),
                Reason::Reauthenticate => ("en", REAUTHENTICATE_TEXT),
                Reason::StepUp => ("en", STEP_UP_TEXT),
                Reason::Renew => ("en", RENEW_TEXT),
                Reason::Unconfirmed => ("en", UNCONFIRMED_TEXT),
            },
        }
    }

    /// The headers of the default answer.
    pub fn headers(&self, accept_language: Option<&str>) -> Vec<(&'static str, String)> {
        let (language, _) = self.message(accept_language);
        let mut headers = vec![
            ("Content-Type", "application/json".to_owned()),
            ("Content-Language", language.to_owned()),
            ("Vary", "Accept-Language".to_owned()),
            ("Cache-Control", "no-store".to_owned()),
        ];
        if let Some(challenge) = self.reason.challenge() {
            headers.push(("WWW-Authenticate", challenge.to_owned()));
        }
        if self.reason == Reason::Unconfirmed {
            headers.push(("Retry-After", RENEWAL_RETRY_AFTER.to_owned()));
        }
        headers
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
/// The gravest reason is told, as [`Reason`] lists them, and among several causes of it the latest. Where keys were made by
/// another receiver, nobody can tell whether the session was ended: it is over.
pub fn decide(session: &SessionKeys, index: &Index) -> Decision {
    let Some((matches, watermarks)) = index.matches(session) else {
        return deny(Reason::Revoked, None);
    };
    let refusals = matches
        .iter()
        .filter_map(|found| Some((refusal(session, found)?, found)));
    let gravest = refusals
        .min_by_key(|(reason, found)| (*reason, Reverse(found.moment), Reverse(&found.detail)));
    let forgotten = forgotten(session, watermarks);
    if let Some((reason, found)) = gravest
        && forgotten.is_none_or(|forgotten| reason <= forgotten)
    {
        return deny(reason, Some(found));
    }
    forgotten.map_or(Decision::Allow, |reason| deny(reason, None))
}

/// What may have been revoked and forgotten.
fn forgotten(session: &SessionKeys, watermarks: Watermarks) -> Option<Reason> {
    if watermarks.may_be_unproven(session.authenticated) {
        return Some(Reason::Reauthenticate);
    }
    watermarks
        .may_have_ended(session.began)
        .then_some(Reason::Renew)
}

/// What a revocation that selects a session says against it.
fn refusal(session: &SessionKeys, found: &Match) -> Option<Reason> {
    let is_unproven = || session.authenticated.is_none_or(|at| at <= found.moment);
    match (found.kind, found.effect) {
        (Kind::Ended, _) => {
            (found.named || session.began <= found.moment).then_some(Reason::Revoked)
        }
        (_, Some(Effect::Block)) => Some(Reason::Blocked),
        (Kind::Unproven, _) | (_, Some(Effect::Reauthenticate)) => {
            is_unproven().then_some(Reason::Reauthenticate)
        }
        // A sign-in since then is one that the identity provider knew to have to be a stronger one.
        (_, Some(Effect::StepUp)) => is_unproven().then_some(Reason::StepUp),
        (_, Some(Effect::Lifted) | None) => None,
    }
}

fn deny(reason: Reason, found: Option<&Match>) -> Decision {
    let detail = found.and_then(|found| found.detail.clone());
    Decision::Deny(Denial { reason, detail })
}

#[cfg(test)]
mod tests;

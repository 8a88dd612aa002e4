//! `actions`: what follows from an event, where it is not what follows by default.

use ssf_types::{event::Family, uri::EventTypeUri};

use super::layers::Value;
use crate::actions::{Action, Trigger};

/// What events say, by the names of the documentation.
const TRIGGERS: [(&str, Trigger); 15] = [
    (
        "account_credential_change_required",
        Trigger::AccountCredentialChangeRequired,
    ),
    ("account_disabled", Trigger::AccountDisabled),
    ("account_purged", Trigger::AccountPurged),
    ("assurance_decreased", Trigger::AssuranceDecreased),
    ("credential_compromise", Trigger::CredentialCompromise),
    ("credential_lost", Trigger::CredentialLost),
    ("device_not_compliant", Trigger::DeviceNotCompliant),
    ("identifier_recycled", Trigger::IdentifierRecycled),
    ("recovery_activated", Trigger::RecoveryActivated),
    ("risk_high", Trigger::RiskHigh),
    ("risk_medium", Trigger::RiskMedium),
    ("secret_changed", Trigger::SecretChanged),
    ("session_revoked", Trigger::SessionRevoked),
    ("sessions_revoked", Trigger::SessionsRevoked),
    ("token_claims_changed", Trigger::TokenClaimsChanged),
];

/// Types of which it depends on what they say: they are named by that, not by their URI.
const TYPES_WITH_TRIGGERS: [&str; 15] = [
    "account-credential-change-required",
    "account-disabled",
    "account-enabled",
    "account-purged",
    "assurance-level-change",
    "credential-change",
    "credential-compromise",
    "device-compliance-change",
    "identifier-recycled",
    "recovery-activated",
    "risk-level-change",
    "session-revoked",
    "sessions-revoked",
    "stream-updated",
    "verification",
];

/// What follows from them.
const ACTIONS: [(&str, Action); 6] = [
    ("block", Action::Block),
    ("end", Action::End),
    ("end_and_block", Action::EndAndBlock),
    ("note", Action::Note),
    ("reauthenticate", Action::Reauthenticate),
    ("step_up", Action::StepUp),
];

/// Most events that something else follows from.
const ACTIONS_MAX: usize = 64;

/// Reads which actions follow from what.
pub(super) fn read(value: &Value) -> Result<Vec<(Trigger, Action)>, String> {
    let entries = value.texts().filter(|entries| entries.len() <= ACTIONS_MAX);
    let entries = entries.ok_or_else(|| {
        format!("must be at most {ACTIONS_MAX} lines EVENT = ACTION, such as risk_high = \"end\"")
    })?;
    let read = |(event, action): (String, String)| Ok((trigger(&event)?, self::action(&action)?));
    entries.into_iter().map(read).collect()
}

fn trigger(name: &str) -> Result<Trigger, String> {
    let mut triggers = TRIGGERS.into_iter();
    if let Some((_, trigger)) = triggers.find(|(one, _)| *one == name) {
        return Ok(trigger);
    }
    let names = TRIGGERS.map(|(name, _)| name).join(", ");
    let expected = || {
        format!("must name events by one of {names}, or by the URI of a type that is none of these")
    };
    let uri = EventTypeUri::parse(name).map_err(|_| expected())?;
    let (_, last) = uri.as_str().rsplit_once('/').unwrap_or_default();
    if Family::of(uri.as_str()).is_some() && TYPES_WITH_TRIGGERS.contains(&last) {
        return Err(expected());
    }
    Ok(Trigger::Other(uri))
}

fn action(name: &str) -> Result<Action, String> {
    let mut actions = ACTIONS.into_iter();
    let found = actions.find(|(one, _)| *one == name);
    found.map(|(_, action)| action).ok_or_else(|| {
        let names = ACTIONS.map(|(name, _)| name).join(", ");
        format!("must have actions among {names}")
    })
}

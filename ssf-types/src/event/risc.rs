//! The events of RISC 1.0: what happened to accounts and to the identifiers that lead to them.

use serde::{Deserialize, Serialize};

use super::{
    EventPayload,
    common::CommonClaims,
    language::Texts,
    table::{bare_events, hide_values, open_list},
};
use crate::json::{Extra, JsonError, Members};

/// Longest `new-value` of [`IdentifierChanged`] that is accepted, in bytes; any address or number fits.
pub const NEW_VALUE_BYTES_MAX: usize = 2048;

const REASON: &str =
    "a string, or an object of language tags (BCP 47) and texts of at most 4096 bytes";

bare_events! {
    /// The account has to change a credential, such as its password (RISC 1.0 §2.1).
    AccountCredentialChangeRequired =
        "https://schemas.openid.net/secevent/risc/event-type/account-credential-change-required";
    /// The account was deleted for good (RISC 1.0 §2.2).
    AccountPurged = "https://schemas.openid.net/secevent/risc/event-type/account-purged";
    /// The account was enabled (RISC 1.0 §2.4).
    AccountEnabled = "https://schemas.openid.net/secevent/risc/event-type/account-enabled";
    /// The identifier in the subject now belongs to somebody else (RISC 1.0 §2.6).
    ///
    /// The subject is an `email` or a `phone_number`.
    IdentifierRecycled = "https://schemas.openid.net/secevent/risc/event-type/identifier-recycled";
    /// The account takes part in the exchange of RISC events (RISC 1.0 §2.8.1).
    OptIn = "https://schemas.openid.net/secevent/risc/event-type/opt-in";
    /// The account asked to be left out; for a while events still flow (RISC 1.0 §2.8.2).
    OptOutInitiated = "https://schemas.openid.net/secevent/risc/event-type/opt-out-initiated";
    /// The account took back its wish to be left out (RISC 1.0 §2.8.3).
    OptOutCancelled = "https://schemas.openid.net/secevent/risc/event-type/opt-out-cancelled";
    /// The account is left out from now on (RISC 1.0 §2.8.4).
    OptOutEffective = "https://schemas.openid.net/secevent/risc/event-type/opt-out-effective";
    /// The user began to recover the account (RISC 1.0 §2.9).
    RecoveryActivated = "https://schemas.openid.net/secevent/risc/event-type/recovery-activated";
    /// What the account is recovered with was changed (RISC 1.0 §2.10).
    RecoveryInformationChanged =
        "https://schemas.openid.net/secevent/risc/event-type/recovery-information-changed";
    /// All sessions of the account ended (RISC 1.0 §2.11).
    ///
    /// Deprecated by RISC 1.0: read it, but send CAEP's [`SessionRevoked`](super::caep::SessionRevoked).
    SessionsRevoked = "https://schemas.openid.net/secevent/risc/event-type/sessions-revoked";
}

hide_values!(AccountDisabled, IdentifierChanged, CredentialCompromise);

/// The account was disabled and may be enabled again (RISC 1.0 §2.3).
#[derive(Clone, Default, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AccountDisabled {
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<DisabledReason>,
    /// Members that RISC 1.0 does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

impl AccountDisabled {
    /// Tells why.
    pub fn because(reason: DisabledReason) -> Self {
        Self {
            reason: Some(reason),
            ..Self::default()
        }
    }
}

impl EventPayload for AccountDisabled {
    const URI: &'static str =
        "https://schemas.openid.net/secevent/risc/event-type/account-disabled";

    fn read(mut members: Members<'_>) -> Result<Self, JsonError> {
        Ok(Self {
            reason: members.optional("reason", "a string")?,
            extra: members.rest(),
        })
    }
}

open_list! {
    /// Why an account was disabled (RISC 1.0 §2.3).
    pub enum DisabledReason {
        /// `hijacking`: somebody else had got hold of it.
        Hijacking = "hijacking",
        /// `bulk-account`: it is one of many that were made to do harm.
        BulkAccount = "bulk-account",
    }
}

/// The identifier in the subject was replaced by another one (RISC 1.0 §2.5).
///
/// The subject is an `email` or a `phone_number` and holds the old value. Only who is in charge of that identifier sends
/// the event; others send [`RecoveryInformationChanged`].
#[derive(Clone, Default, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct IdentifierChanged {
    /// `new-value`: the identifier that came in its place, at most [`NEW_VALUE_BYTES_MAX`].
    #[serde(rename = "new-value", skip_serializing_if = "Option::is_none")]
    pub new_value: Option<String>,
    /// Members that RISC 1.0 does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

impl IdentifierChanged {
    /// Tells the identifier that came in place of the subject's.
    pub fn to(new_value: impl Into<String>) -> Self {
        Self {
            new_value: Some(new_value.into()),
            ..Self::default()
        }
    }
}

impl EventPayload for IdentifierChanged {
    const URI: &'static str =
        "https://schemas.openid.net/secevent/risc/event-type/identifier-changed";

    fn read(mut members: Members<'_>) -> Result<Self, JsonError> {
        let expected = "a string of at most 2048 bytes";
        let new_value: Option<String> = members.optional("new-value", expected)?;
        let fits = |value: &String| value.len() <= NEW_VALUE_BYTES_MAX;
        if !new_value.as_ref().is_none_or(fits) {
            return Err(JsonError::invalid("new-value", expected));
        }
        Ok(Self {
            new_value,
            extra: members.rest(),
        })
    }
}

/// A credential of the account was found where it should not be (RISC 1.0 §2.7).
#[derive(Clone, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CredentialCompromise {
    /// As in CAEP's [`CredentialChange`](super::caep::CredentialChange).
    pub credential_type: String,
    /// `event_timestamp`, here the time of discovery, `reason_admin` and `reason_user`.
    ///
    /// RISC 1.0 leaves the type of the reasons open: objects as in CAEP are written, and plain strings are read too, as
    /// texts in an undetermined language (`und`). It does not define `initiating_entity`, which stays in `extra`.
    #[serde(flatten)]
    pub common: CommonClaims,
    /// Members that RISC 1.0 does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

impl CredentialCompromise {
    /// Tells the one thing that must be told.
    pub fn new(credential_type: impl Into<String>) -> Self {
        Self {
            credential_type: credential_type.into(),
            common: CommonClaims::default(),
            extra: Extra::default(),
        }
    }
}

impl EventPayload for CredentialCompromise {
    const URI: &'static str =
        "https://schemas.openid.net/secevent/risc/event-type/credential-compromise";

    fn read(mut members: Members<'_>) -> Result<Self, JsonError> {
        Ok(Self {
            credential_type: members.required("credential_type", "a string")?,
            common: CommonClaims {
                event_timestamp: members
                    .optional("event_timestamp", "a number of seconds since 1970")?,
                reason_admin: reason(&mut members, "reason_admin")?,
                reason_user: reason(&mut members, "reason_user")?,
                ..CommonClaims::default()
            },
            extra: members.rest(),
        })
    }
}

/// Takes out a reason: a string, whose language nobody knows, or texts in several languages.
fn reason(members: &mut Members<'_>, name: &str) -> Result<Option<Texts>, JsonError> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Reason {
        Plain(String),
        Tagged(Texts),
    }
    let reason: Option<Reason> = members.optional(name, REASON)?;
    let texts = reason.map(|reason| match reason {
        Reason::Plain(text) => Texts::new([("und", text)]),
        Reason::Tagged(texts) => Ok(texts),
    });
    texts
        .transpose()
        .map_err(|_| JsonError::invalid(name, REASON))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn read<E: EventPayload>(json: &str) -> Result<E, JsonError> {
        Members::parse(json).and_then(E::read)
    }

    #[test]
    fn the_reason_of_a_disabled_account_is_named_or_kept() {
        let reason = |value: &str| {
            let json = format!(r#"{{"reason":"{value}"}}"#);
            read::<AccountDisabled>(&json).unwrap().reason.unwrap()
        };
        assert_eq!(reason("hijacking"), DisabledReason::Hijacking);
        assert_eq!(reason("bulk-account"), DisabledReason::BulkAccount);
        assert_eq!(reason("whim"), DisabledReason::Other("whim".into()));
        assert!(read::<AccountDisabled>(r#"{"reason":7}"#).is_err());
    }

    #[test]
    fn the_new_value_is_written_with_a_hyphen() {
        let event = IdentifierChanged::to("john.roe@example.com");
        assert_eq!(
            serde_json::to_string(&event).unwrap(),
            r#"{"new-value":"john.roe@example.com"}"#
        );
    }

    #[test]
    fn a_new_value_with_an_underscore_is_a_member_nobody_defines() {
        let event: IdentifierChanged = read(r#"{"new_value":"john.roe@example.com"}"#).unwrap();
        assert_eq!(event.new_value, None);
        assert_eq!(
            event.extra.json("new_value"),
            Some(r#""john.roe@example.com""#)
        );
    }

    #[test]
    fn a_new_value_has_at_most_2048_bytes() {
        let json = |length| format!(r#"{{"new-value":"{}"}}"#, "x".repeat(length));
        assert!(read::<IdentifierChanged>(&json(2048)).is_ok());
        assert_eq!(
            read::<IdentifierChanged>(&json(2049))
                .unwrap_err()
                .to_string(),
            "new-value must be a string of at most 2048 bytes"
        );
    }

    #[test]
    fn a_compromised_credential_tells_when_it_was_discovered_and_why() {
        let event: CredentialCompromise = read(
            r#"{"credential_type":"password","event_timestamp":1508184800,"reason_user":{"en":"Found in a dump"},"reason_admin":"dump 7"}"#,
        )
        .unwrap();
        assert_eq!(
            event.common.event_timestamp,
            Some(Timestamp::from_secs(1_508_184_800))
        );
        assert_eq!(
            event.common.reason_user.unwrap().choose(None),
            ("en", "Found in a dump")
        );
        assert_eq!(
            event.common.reason_admin.unwrap().choose(None),
            ("und", "dump 7")
        );
    }

    #[test]
    fn who_caused_a_compromise_is_not_defined_and_therefore_not_judged() {
        let json = r#"{"credential_type":"password","initiating_entity":7}"#;
        let event: CredentialCompromise = read(json).unwrap();
        assert_eq!(event.common.initiating_entity, None);
        assert_eq!(serde_json::to_string(&event).unwrap(), json);
    }

    #[test]
    fn a_reason_that_is_neither_text_nor_texts_is_refused() {
        for reason in ["7", "[]", "{}", r#"{"en":7}"#] {
            let json = format!(r#"{{"credential_type":"password","reason_user":{reason}}}"#);
            assert!(read::<CredentialCompromise>(&json).is_err(), "{json}");
        }
    }
}

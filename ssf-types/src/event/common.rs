//! Claims that any CAEP event may carry (CAEP 1.0 §2).

use serde::Serialize;

use super::{
    language::{TEXTS, Texts},
    table::{hide_values, open_list},
};
use crate::{
    json::{JsonError, Members},
    time::Timestamp,
};

/// The optional claims of CAEP 1.0 §2; they stand inside the event, beside its own.
#[derive(Clone, Default, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CommonClaims {
    /// When it happened, as opposed to `iat`, when the SET was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_timestamp: Option<Timestamp>,
    /// Who caused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initiating_entity: Option<InitiatingEntity>,
    /// Why, for administrators and logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason_admin: Option<Texts>,
    /// Why, for the end user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason_user: Option<Texts>,
}

hide_values!(CommonClaims);

impl CommonClaims {
    pub(crate) fn read(members: &mut Members<'_>) -> Result<Self, JsonError> {
        Ok(Self {
            event_timestamp: members
                .optional("event_timestamp", "a number of seconds since 1970")?,
            initiating_entity: members.optional("initiating_entity", "a string")?,
            reason_admin: members.optional("reason_admin", TEXTS)?,
            reason_user: members.optional("reason_user", TEXTS)?,
        })
    }
}

open_list! {
    /// Who caused an event (CAEP 1.0 §2).
    pub enum InitiatingEntity {
        /// `admin`: an administrator.
        Admin = "admin",
        /// `user`: the end user.
        User = "user",
        /// `policy`: a rule that was broken or fired.
        Policy = "policy",
        /// `system`: the system itself, as by an expiry.
        System = "system",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<CommonClaims, JsonError> {
        CommonClaims::read(&mut Members::parse(json).unwrap())
    }

    #[test]
    fn all_common_claims_are_read() {
        let claims = read(
            r#"{"event_timestamp":1615304991,"initiating_entity":"policy","reason_admin":{"en":"Policy 41"},"reason_user":{"en":"Sign in again"}}"#,
        )
        .unwrap();
        assert_eq!(
            claims.event_timestamp,
            Some(Timestamp::from_secs(1_615_304_991))
        );
        assert_eq!(claims.initiating_entity, Some(InitiatingEntity::Policy));
        assert_eq!(claims.reason_user.unwrap().choose(None).1, "Sign in again");
    }

    #[test]
    fn an_unknown_initiating_entity_does_not_lose_the_event() {
        assert_eq!(
            read(r#"{"initiating_entity":"robot"}"#)
                .unwrap()
                .initiating_entity,
            Some(InitiatingEntity::Other("robot".into()))
        );
    }

    #[test]
    fn wrongly_typed_claims_are_refused() {
        for json in [
            r#"{"event_timestamp":"1615304991"}"#,
            r#"{"initiating_entity":7}"#,
            r#"{"reason_admin":"text"}"#,
            r#"{"reason_user":{}}"#,
            r#"{"reason_user":{"en":7}}"#,
        ] {
            assert!(read(json).is_err(), "{json}");
        }
    }
}

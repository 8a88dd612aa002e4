//! The events of OAuth Event Types 1.0, a draft of 2018 that never became a standard.
//!
//! Google still sends some of them. Under SSF 1.0 their subject is the `sub_id` of the SET; the draft had it inside the
//! event (SSF 1.0 §3.1.2). The events about a client mean the client that `aud` names.

use serde::Serialize;

use super::{
    EventPayload,
    table::{bare_events, hide_values, open_list},
};
use crate::{
    json::{Extra, JsonError, Members},
    subject::Subject,
};

bare_events! {
    /// The client was disabled and may be enabled again (OAuth Event Types §3.4).
    ClientDisabled = "https://schemas.openid.net/secevent/oauth/event-type/client-disabled";
    /// The client was enabled (OAuth Event Types §3.5).
    ClientEnabled = "https://schemas.openid.net/secevent/oauth/event-type/client-enabled";
    /// A credential of the client, such as its secret, was changed (OAuth Event Types §3.6).
    ClientCredentialChanged =
        "https://schemas.openid.net/secevent/oauth/event-type/client-credential-changed";
}

hide_values!(TokenIssued, TokenRevoked, TokensRevoked);

/// A token was issued; the subject, an `oauth_token`, tells which (OAuth Event Types §3.1).
#[derive(Clone, Default, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TokenIssued {
    /// The account that the token is for, where the subject alone does not pin the token down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_subject: Option<Subject>,
    /// Members that the draft does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

impl EventPayload for TokenIssued {
    const URI: &'static str = "https://schemas.openid.net/secevent/oauth/event-type/token-issued";

    fn read(mut members: Members<'_>) -> Result<Self, JsonError> {
        Ok(Self {
            token_subject: members.optional_with("token_subject", Subject::read)?,
            extra: members.rest(),
        })
    }
}

/// A token was revoked; the subject, an `oauth_token`, tells which (OAuth Event Types §3.2).
#[derive(Clone, Default, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TokenRevoked {
    /// The account that the token was for, where the subject alone does not pin the token down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_subject: Option<Subject>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<RevocationReason>,
    /// Members that the draft does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

impl EventPayload for TokenRevoked {
    const URI: &'static str = "https://schemas.openid.net/secevent/oauth/event-type/token-revoked";

    fn read(mut members: Members<'_>) -> Result<Self, JsonError> {
        Ok(Self {
            token_subject: members.optional_with("token_subject", Subject::read)?,
            reason: members.optional("reason", "a string")?,
            extra: members.rest(),
        })
    }
}

/// All tokens of the account in the subject were revoked (OAuth Event Types §3.3).
#[derive(Clone, Default, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TokensRevoked {
    /// Why: the draft names [`RevocationReason::User`] and [`RevocationReason::Issuer`] here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<RevocationReason>,
    /// Members that the draft does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

impl EventPayload for TokensRevoked {
    const URI: &'static str = "https://schemas.openid.net/secevent/oauth/event-type/tokens-revoked";

    fn read(mut members: Members<'_>) -> Result<Self, JsonError> {
        Ok(Self {
            reason: members.optional("reason", "a string")?,
            extra: members.rest(),
        })
    }
}

open_list! {
    /// Why tokens were revoked; the draft meant to let others add to the list (OAuth Event Types §3.2, §3.3).
    pub enum RevocationReason {
        /// `inactive`: nobody had used the token.
        Inactive = "inactive",
        /// `too_many`: a limit of the issuer was reached.
        TooMany = "too_many",
        /// `api`: somebody called an API, such as that of RFC 7009.
        Api = "api",
        /// `user`: the user wanted it.
        User = "user",
        /// `issuer`: the issuer had another reason.
        Issuer = "issuer",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<E: EventPayload>(json: &str) -> Result<E, JsonError> {
        Members::parse(json).and_then(E::read)
    }

    #[test]
    fn the_account_of_a_token_is_a_subject() {
        let json = r#"{"token_subject":{"format":"iss_sub","iss":"https://idp.example.com/","sub":"75736572206964"},"reason":"inactive"}"#;
        let event: TokenRevoked = read(json).unwrap();
        assert_eq!(event.token_subject.as_ref().unwrap().format(), "iss_sub");
        assert_eq!(event.reason, Some(RevocationReason::Inactive));
        assert_eq!(serde_json::to_string(&event).unwrap(), json);
    }

    #[test]
    fn a_broken_account_of_a_token_is_refused() {
        let json = r#"{"token_subject":{"format":"iss_sub","iss":"https://idp.example.com/"}}"#;
        assert_eq!(
            read::<TokenIssued>(json).unwrap_err().to_string(),
            "token_subject.sub is missing"
        );
    }

    #[test]
    fn a_reason_that_the_draft_does_not_name_is_kept() {
        let event: TokensRevoked = read(r#"{"reason":"moon"}"#).unwrap();
        assert_eq!(event.reason, Some(RevocationReason::Other("moon".into())));
        assert!(read::<TokensRevoked>(r#"{"reason":["user"]}"#).is_err());
    }
}

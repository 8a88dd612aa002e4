//! What an administrator, or the person, does at the provider, and how the transmitter hears of it.

use std::{
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use crate::{BoxError, http_client, transmitter::Transmitter};

/// Something that happens at the provider.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Deed {
    /// One session of the person ends.
    EndSession,
    /// The password changes: every session that began before it is void.
    ChangePassword,
    /// A passkey is enrolled: good news, and nobody is logged out.
    EnrolPasskey,
}

impl Deed {
    /// The deed that a path names.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "end-session" => Some(Self::EndSession),
            "change-password" => Some(Self::ChangePassword),
            "enrol-passkey" => Some(Self::EnrolPasskey),
            _ => None,
        }
    }

    fn event(self) -> (&'static str, Value) {
        match self {
            Self::EndSession => (
                "https://schemas.openid.net/secevent/caep/event-type/session-revoked",
                json!({
                    "initiating_entity": "admin",
                    "reason_user": {
                        "en": "Your session was ended by your administrator.",
                        "de": "Ihre Sitzung wurde von Ihrer Administration beendet.",
                    },
                }),
            ),
            Self::ChangePassword => (
                "https://schemas.openid.net/secevent/caep/event-type/credential-change",
                json!({
                    "credential_type": "password",
                    "change_type": "update",
                    "initiating_entity": "user",
                    "reason_user": {
                        "en": "Your password was changed. Please sign in with the new one.",
                        "de": "Ihr Passwort wurde geändert. Bitte melden Sie sich mit dem neuen an.",
                    },
                }),
            ),
            Self::EnrolPasskey => (
                "https://schemas.openid.net/secevent/caep/event-type/credential-change",
                json!({
                    "credential_type": "fido2-platform",
                    "change_type": "create",
                    "friendly_name": "Laptop",
                    "initiating_entity": "user",
                }),
            ),
        }
    }
}

/// The provider's line to the transmitter.
#[derive(Clone)]
pub(crate) struct Console {
    client: reqwest::Client,
    ingest: String,
    operator_token: Arc<str>,
    provider_issuer: String,
}

impl Console {
    pub(crate) fn new(transmitter: &Transmitter, provider_issuer: &str) -> Result<Self, BoxError> {
        Ok(Self {
            client: http_client()?,
            ingest: format!("{}/ingest/events", transmitter.issuer()),
            operator_token: transmitter.operator_token().into(),
            provider_issuer: provider_issuer.to_owned(),
        })
    }

    /// Reports a deed, and returns the moment at which the transmitter had accepted it for good.
    pub(crate) async fn report(
        &self,
        deed: Deed,
        person: &str,
        sid: Option<&str>,
    ) -> Result<Instant, BoxError> {
        let user = json!({
            "format": "aliases",
            "identifiers": [
                { "format": "iss_sub", "iss": self.provider_issuer, "sub": subject_of(person) },
                { "format": "email", "email": email_of(person) },
            ],
        });
        let sub_id = match (deed, sid) {
            (Deed::EndSession, Some(sid)) => json!({
                "format": "complex", "user": user, "session": { "format": "opaque", "id": sid },
            }),
            (Deed::EndSession | Deed::ChangePassword | Deed::EnrolPasskey, _) => user,
        };
        let (uri, mut payload) = deed.event();
        payload["event_timestamp"] = json!(now());
        let answer = self
            .client
            .post(&self.ingest)
            .bearer_auth(&self.operator_token)
            .json(&json!({ "sub_id": sub_id, "events": { uri: payload } }))
            .send()
            .await?;
        let accepted = Instant::now();
        if answer.status() != 202 {
            return Err(format!(
                "the transmitter answered {}: {}",
                answer.status(),
                answer.text().await?
            )
            .into());
        }
        Ok(accepted)
    }
}

/// A person's `sub` at the provider.
pub(crate) fn subject_of(person: &str) -> String {
    format!("{person}-4711")
}

/// A person's address.
pub(crate) fn email_of(person: &str) -> String {
    format!("{person}@example.com")
}

/// Seconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "the demo's provider is where the time comes from"
)]
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}

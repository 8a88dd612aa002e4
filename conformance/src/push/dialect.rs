//! How SETs look in older drafts and at vendors: what the tester writes where it judges a Receiver by one of them.
//!
//! A case says what a SET says, in the words of SSF 1.0; a dialect says how that is written. The table is written from the drafts
//! and from what vendors document, and shares nothing with `ssf-types`, so that a fault there cannot hide.

use serde_json::{Map, Value, json};

use super::set::SESSION_REVOKED;
use crate::event_types::VERIFICATION;

/// The verification event of SSE draft 1 (§7.1.4.1).
const SSE_VERIFICATION: &str = "https://schemas.openid.net/secevent/sse/event-type/verification";

/// The same in the RISC profile of 2018 (§4.1.4.1).
const RISC_VERIFICATION: &str = "https://schemas.openid.net/secevent/risc/event-type/verification";

/// What ends sessions where there is no CAEP.
pub(crate) const SESSIONS_REVOKED: &str =
    "https://schemas.openid.net/secevent/risc/event-type/sessions-revoked";

/// For how long a SET counts where it says, in seconds.
const COUNTS_FOR: u64 = 3600;

/// An older draft, or a vendor that is a Transmitter.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// SSF draft 3 and CAEP draft 2 (2024).
    SsfId3,
    /// SSF draft 2 (2023).
    SsfId2,
    /// SSE draft 1 and CAEP draft 1 (2021).
    SseId1,
    /// The RISC profile of 2018.
    #[serde(rename = "risc-2018")]
    Risc2018,
    /// Google's Cross-Account Protection.
    GoogleRisc,
    /// Okta.
    Okta,
    /// Keycloak with the profile `SSE_CAEP`.
    KeycloakSse,
    /// authentik.
    Authentik,
}

/// One way in which SETs of a dialect are written, that SSF 1.0 does not have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// The subject stands in the event, and there is no `sub_id`.
    SubjectInEvent,
    /// It stands in both places.
    SubjectInBoth,
    /// A simple subject is the member `user` of an object.
    SubjectUnderUser,
    /// A complex subject has no `format`.
    ComplexWithoutFormat,
    /// The discriminator of a subject is `subject_type`.
    SubjectType,
    /// `iss_sub` is spelled `iss-sub`.
    IssSubHyphen,
    /// `phone_number` is called `phone`.
    PhoneFormat,
    /// A verification has the URI of SSE, and no subject.
    SseVerification,
    /// It has the URI of RISC, and no subject.
    RiscVerification,
    /// A `state` that nobody set is `null`.
    NullState,
    /// What ends sessions is RISC's event.
    RiscSessions,
    /// `reason_admin` and `reason_user` are texts.
    ReasonAsText,
    /// Moments are told in milliseconds.
    Milliseconds,
    /// `txn` is a number.
    NumericTxn,
    /// The type of changed claims is spelled `token-claims-changed`.
    TokenClaimsChanged,
    /// Those claims stand in the event itself.
    ClaimsUnwrapped,
    /// The levels of `assurance-level-change` are NIST's, and it does not say so.
    AssuranceWithoutNamespace,
    /// `amr` is a text.
    AmrAsText,
    /// SETs have an `exp`.
    Exp,
}

impl Dialect {
    /// All dialects.
    pub const ALL: [Self; 8] = [
        Self::SsfId3,
        Self::SsfId2,
        Self::SseId1,
        Self::Risc2018,
        Self::GoogleRisc,
        Self::Okta,
        Self::KeycloakSse,
        Self::Authentik,
    ];

    /// Its name in target files and options.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SsfId3 => "ssf-id3",
            Self::SsfId2 => "ssf-id2",
            Self::SseId1 => "sse-id1",
            Self::Risc2018 => "risc-2018",
            Self::GoogleRisc => "google-risc",
            Self::Okta => "okta",
            Self::KeycloakSse => "keycloak-sse",
            Self::Authentik => "authentik",
        }
    }

    /// Reads the name of a dialect.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|dialect| dialect.as_str() == name)
    }

    fn ways(self) -> &'static [Way] {
        match self {
            Self::SsfId3 => &[
                Way::ReasonAsText,
                Way::Milliseconds,
                Way::NumericTxn,
                Way::TokenClaimsChanged,
                Way::AmrAsText,
            ],
            Self::SsfId2 => &[
                Way::SubjectInBoth,
                Way::ReasonAsText,
                Way::Milliseconds,
                Way::TokenClaimsChanged,
                Way::ClaimsUnwrapped,
            ],
            Self::SseId1 => &[
                Way::SubjectInEvent,
                Way::ComplexWithoutFormat,
                Way::SseVerification,
                Way::ReasonAsText,
                Way::Milliseconds,
                Way::TokenClaimsChanged,
                Way::ClaimsUnwrapped,
                Way::AssuranceWithoutNamespace,
            ],
            Self::Risc2018 => &[
                Way::SubjectInEvent,
                Way::SubjectType,
                Way::IssSubHyphen,
                Way::PhoneFormat,
                Way::RiscVerification,
                Way::RiscSessions,
            ],
            Self::GoogleRisc => &[
                Way::SubjectInEvent,
                Way::SubjectType,
                Way::IssSubHyphen,
                Way::RiscVerification,
                Way::RiscSessions,
                Way::Exp,
            ],
            Self::Okta | Self::KeycloakSse => &[
                Way::SubjectInEvent,
                Way::SubjectUnderUser,
                Way::ComplexWithoutFormat,
            ],
            Self::Authentik => &[Way::SubjectInEvent, Way::NullState],
        }
    }

    /// Whether its SETs are written in this way.
    pub fn has(self, way: Way) -> bool {
        self.ways().contains(&way)
    }

    /// The URI under which it has a type of events of SSF 1.0.
    pub(super) fn uri(self, uri: &str) -> &str {
        match uri {
            VERIFICATION if self.has(Way::SseVerification) => SSE_VERIFICATION,
            VERIFICATION if self.has(Way::RiscVerification) => RISC_VERIFICATION,
            SESSION_REVOKED if self.has(Way::RiscSessions) => SESSIONS_REVOKED,
            _ => uri,
        }
    }

    /// Whether a type of events is about the one stream that there is, and has no subject.
    pub(crate) fn is_without_subject(self, uri: &str) -> bool {
        (uri == SSE_VERIFICATION && self.has(Way::SseVerification))
            || (uri == RISC_VERIFICATION && self.has(Way::RiscVerification))
    }

    /// The claims of SSF 1.0 as it writes them.
    pub(super) fn write(self, mut claims: Map<String, Value>) -> Map<String, Value> {
        let in_event = self.has(Way::SubjectInEvent);
        let subject = if in_event {
            claims.remove("sub_id")
        } else {
            claims.get("sub_id").cloned()
        };
        if let Some(Value::Object(events)) = claims.get_mut("events") {
            let renamed = std::mem::take(events).into_iter();
            *events = renamed
                .map(|(uri, event)| (self.uri(&uri).to_owned(), event))
                .collect();
            for (uri, event) in events.iter_mut() {
                if (in_event || self.has(Way::SubjectInBoth))
                    && !self.is_without_subject(uri)
                    && let (Some(subject), Value::Object(event)) = (&subject, event)
                {
                    event.insert("subject".to_owned(), self.subject(subject.clone()));
                }
            }
        }
        let issued = claims.get("iat").and_then(Value::as_u64);
        if let Some(issued) = issued.filter(|_| self.has(Way::Exp)) {
            claims.insert("exp".to_owned(), json!(issued + COUNTS_FOR));
        }
        claims
    }

    /// A subject of SSF 1.0 as it writes it. What is no subject stays as it is.
    fn subject(self, subject: Value) -> Value {
        let Value::Object(mut members) = subject else {
            return subject;
        };
        let format = members.get("format").and_then(Value::as_str);
        let is_complex = format == Some("complex");
        if is_complex {
            if self.has(Way::ComplexWithoutFormat) {
                members.remove("format");
            }
            return Value::Object(members);
        }
        match format {
            Some("iss_sub") if self.has(Way::IssSubHyphen) => {
                members.insert("format".to_owned(), json!("iss-sub"));
            }
            Some("phone_number") if self.has(Way::PhoneFormat) => {
                members.insert("format".to_owned(), json!("phone"));
            }
            _ => {}
        }
        if self.has(Way::SubjectType)
            && let Some(format) = members.remove("format")
        {
            members.insert("subject_type".to_owned(), format);
        }
        let simple = Value::Object(members);
        if self.has(Way::SubjectUnderUser) && format_of(&simple).is_some() {
            return json!({ "user": simple });
        }
        simple
    }
}

fn format_of(subject: &Value) -> Option<&str> {
    subject.get("format")?.as_str()
}

#[cfg(test)]
mod tests;

//! The events of CAEP 1.0, of RISC 1.0 and of the draft OAuth Event Types 1.0, besides those of streams: what each says, and what the tester has the adapter emit.
//!
//! The table is written from the specifications and shares nothing with `ssf-types`, so that a fault there cannot hide.

mod form;

use serde_json::{Map, Value, json};

pub use self::form::{Fit, Form, seconds};

/// The type of the events that verify a stream (SSF 1.0 §8.1.4.1).
pub const VERIFICATION: &str = "https://schemas.openid.net/secevent/ssf/event-type/verification";

/// The type of the events that announce a status (SSF 1.0 §8.1.5).
pub const STREAM_UPDATED: &str =
    "https://schemas.openid.net/secevent/ssf/event-type/stream-updated";

/// One type of event.
#[derive(Debug)]
pub struct EventType {
    /// Its URI.
    pub uri: &'static str,
    /// Where it is defined.
    pub section: &'static str,
    /// What it says, besides what all events of its profile may say.
    pub members: &'static [Member],
    /// What the adapter is given for it, in JSON.
    example: &'static str,
}

/// Which document has a type.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Family {
    /// CAEP 1.0.
    Caep,
    /// RISC 1.0.
    Risc,
    /// OAuth Event Types 1.0, a draft of 2018.
    Oauth,
}

/// Whom an event is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum About {
    /// An account.
    Account,
    /// One of which nothing is told afterwards (RISC 1.0 §2.8.4).
    AccountThatLeft,
    /// An address or number itself, and not whose it is (RISC 1.0 §2.5, §2.6).
    Identifier,
    /// A token (OAuth Event Types §2.1).
    Token,
    /// A client (OAuth Event Types §2.2).
    Client,
}

/// A member of an event.
#[derive(Debug)]
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// Whether it has to be there.
    pub presence: Presence,
    /// What it holds.
    pub form: Form,
}

/// Whether a member has to be there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Presence {
    /// It has to, or should.
    Expected,
    /// It may be missing.
    Optional,
}

/// What every event of CAEP may say (CAEP 1.0 §2).
pub const COMMON: &[Member] = &[
    optional("event_timestamp", Form::Moment),
    optional(
        "initiating_entity",
        Form::OneOf(&["admin", "user", "policy", "system"]),
    ),
    optional("reason_admin", Form::Languages),
    optional("reason_user", Form::Languages),
];

const fn expected(name: &'static str, form: Form) -> Member {
    Member {
        name,
        presence: Presence::Expected,
        form,
    }
}

const fn optional(name: &'static str, form: Form) -> Member {
    Member {
        name,
        presence: Presence::Optional,
        form,
    }
}

/// What credentials there are (CAEP 1.0 §3.3.1).
pub(crate) const CREDENTIAL_TYPES: &[&str] = &[
    "password",
    "pin",
    "x509",
    "fido2-platform",
    "fido2-roaming",
    "fido-u2f",
    "verifiable-credential",
    "phone-voice",
    "phone-sms",
    "app",
];

/// What can happen to a credential (CAEP 1.0 §3.3.1).
pub(crate) const CHANGE_TYPES: &[&str] = &["create", "revoke", "update", "delete"];

const NAMESPACES: &[&str] = &[
    "RFC8176",
    "RFC6711",
    "ISO-IEC-29115",
    "NIST-IAL",
    "NIST-AAL",
    "NIST-FAL",
];

const PRINCIPALS: &[&str] = &["USER", "DEVICE", "SESSION", "TENANT", "ORG_UNIT", "GROUP"];

const RISK_LEVELS: &[&str] = &["LOW", "MEDIUM", "HIGH"];

const COMPLIANCE: &[&str] = &["compliant", "not-compliant"];

/// A session ended.
pub static SESSION_REVOKED: EventType = EventType {
    uri: "https://schemas.openid.net/secevent/caep/event-type/session-revoked",
    section: "CAEP 1.0 §3.1",
    members: &[],
    example: "{}",
};

/// Claims of a token changed.
pub static TOKEN_CLAIMS_CHANGE: EventType = EventType {
    uri: "https://schemas.openid.net/secevent/caep/event-type/token-claims-change",
    section: "CAEP 1.0 §3.2.1",
    members: &[expected("claims", Form::Claims)],
    example: r#"{"claims":{"role":"auditor","groups":["a","b"],"trusted":false}}"#,
};

/// A credential changed.
pub static CREDENTIAL_CHANGE: EventType = EventType {
    uri: "https://schemas.openid.net/secevent/caep/event-type/credential-change",
    section: "CAEP 1.0 §3.3.1",
    members: &[
        expected("credential_type", Form::Known(CREDENTIAL_TYPES)),
        expected("change_type", Form::OneOf(CHANGE_TYPES)),
        optional("friendly_name", Form::Text),
        optional("x509_issuer", Form::Text),
        optional("x509_serial", Form::Text),
        optional("fido2_aaguid", Form::Text),
    ],
    example: r#"{"credential_type":"x509","change_type":"revoke","friendly_name":"Work laptop","x509_issuer":"CN=Example CA",
        "x509_serial":"1234","fido2_aaguid":"accced6a-63f5-490a-9eea-e59bc1896cfc"}"#,
};

/// The assurance of a login changed.
pub static ASSURANCE_LEVEL_CHANGE: EventType = EventType {
    uri: "https://schemas.openid.net/secevent/caep/event-type/assurance-level-change",
    section: "CAEP 1.0 §3.4.1",
    members: &[
        expected("namespace", Form::Known(NAMESPACES)),
        expected("current_level", Form::Text),
        optional("previous_level", Form::Text),
        optional("change_direction", Form::OneOf(&["increase", "decrease"])),
    ],
    example: r#"{"namespace":"NIST-AAL","current_level":"nist-aal2","previous_level":"nist-aal1","change_direction":"increase"}"#,
};

/// A device came to be compliant, or no longer is.
pub static DEVICE_COMPLIANCE_CHANGE: EventType = EventType {
    uri: "https://schemas.openid.net/secevent/caep/event-type/device-compliance-change",
    section: "CAEP 1.0 §3.5.1",
    members: &[
        expected("previous_status", Form::OneOf(COMPLIANCE)),
        expected("current_status", Form::OneOf(COMPLIANCE)),
    ],
    example: r#"{"previous_status":"compliant","current_status":"not-compliant"}"#,
};

/// A session began.
pub static SESSION_ESTABLISHED: EventType = EventType {
    uri: "https://schemas.openid.net/secevent/caep/event-type/session-established",
    section: "CAEP 1.0 §3.6.1",
    members: &[
        optional("fp_ua", Form::Text),
        optional("acr", Form::Text),
        optional("amr", Form::Texts),
        optional("ext_id", Form::Text),
    ],
    example: r#"{"fp_ua":"abb0b6e7da81a42233f8f2b1a8ddb1b9a4c81611","acr":"AAL2","amr":["otp","pwd"],"ext_id":"12345"}"#,
};

/// A session was seen.
pub static SESSION_PRESENTED: EventType = EventType {
    uri: "https://schemas.openid.net/secevent/caep/event-type/session-presented",
    section: "CAEP 1.0 §3.7.1",
    members: &[
        optional("fp_ua", Form::Text),
        optional("ext_id", Form::Text),
    ],
    example: r#"{"fp_ua":"abb0b6e7da81a42233f8f2b1a8ddb1b9a4c81611","ext_id":"12345"}"#,
};

/// A risk changed.
pub static RISK_LEVEL_CHANGE: EventType = EventType {
    uri: "https://schemas.openid.net/secevent/caep/event-type/risk-level-change",
    section: "CAEP 1.0 §3.8.1",
    members: &[
        expected("risk_reason", Form::Text),
        expected("principal", Form::Known(PRINCIPALS)),
        expected("current_level", Form::OneOf(RISK_LEVELS)),
        optional("previous_level", Form::OneOf(RISK_LEVELS)),
    ],
    example: r#"{"risk_reason":"PASSWORD_FOUND_IN_DATA_BREACH","principal":"USER","current_level":"HIGH","previous_level":"LOW"}"#,
};

/// The types of CAEP 1.0.
pub static CAEP: [&EventType; 8] = [
    &SESSION_REVOKED,
    &TOKEN_CLAIMS_CHANGE,
    &CREDENTIAL_CHANGE,
    &ASSURANCE_LEVEL_CHANGE,
    &DEVICE_COMPLIANCE_CHANGE,
    &SESSION_ESTABLISHED,
    &SESSION_PRESENTED,
    &RISK_LEVEL_CHANGE,
];

macro_rules! bare {
    ($(#[$doc:meta])* $name:ident $family:literal $last:literal $section:literal) => {
        $(#[$doc])*
        pub static $name: EventType = EventType {
            uri: concat!("https://schemas.openid.net/secevent/", $family, "/event-type/", $last),
            section: $section,
            members: &[],
            example: "{}",
        };
    };
}

bare!(/** A credential has to be changed. */ ACCOUNT_CREDENTIAL_CHANGE_REQUIRED "risc" "account-credential-change-required" "RISC 1.0 §2.1");
bare!(/** An account is gone. */ ACCOUNT_PURGED "risc" "account-purged" "RISC 1.0 §2.2");
bare!(/** An account is active again. */ ACCOUNT_ENABLED "risc" "account-enabled" "RISC 1.0 §2.4");
bare!(/** An address or number has another owner. */ IDENTIFIER_RECYCLED "risc" "identifier-recycled" "RISC 1.0 §2.6");
bare!(/** A user takes part. */ OPT_IN "risc" "opt-in" "RISC 1.0 §2.8.1");
bare!(/** A user wants to leave. */ OPT_OUT_INITIATED "risc" "opt-out-initiated" "RISC 1.0 §2.8.2");
bare!(/** A user stays. */ OPT_OUT_CANCELLED "risc" "opt-out-cancelled" "RISC 1.0 §2.8.3");
bare!(/** A user has left. */ OPT_OUT_EFFECTIVE "risc" "opt-out-effective" "RISC 1.0 §2.8.4");
bare!(/** A recovery began. */ RECOVERY_ACTIVATED "risc" "recovery-activated" "RISC 1.0 §2.9");
bare!(/** What a recovery relies on changed. */ RECOVERY_INFORMATION_CHANGED "risc" "recovery-information-changed" "RISC 1.0 §2.10");

/// An account cannot be used.
pub static ACCOUNT_DISABLED: EventType = EventType {
    uri: "https://schemas.openid.net/secevent/risc/event-type/account-disabled",
    section: "RISC 1.0 §2.3",
    members: &[optional(
        "reason",
        Form::Known(&["hijacking", "bulk-account"]),
    )],
    example: r#"{"reason":"hijacking"}"#,
};

/// An address or number was given up for another.
pub static IDENTIFIER_CHANGED: EventType = EventType {
    uri: "https://schemas.openid.net/secevent/risc/event-type/identifier-changed",
    section: "RISC 1.0 §2.5",
    members: &[optional("new-value", Form::Text)],
    example: r#"{"new-value":"new@ssf-conformance.example.com"}"#,
};

/// A credential is in the hands of others.
pub static CREDENTIAL_COMPROMISE: EventType = EventType {
    uri: "https://schemas.openid.net/secevent/risc/event-type/credential-compromise",
    section: "RISC 1.0 §2.7",
    members: &[
        expected("credential_type", Form::Known(CREDENTIAL_TYPES)),
        optional("event_timestamp", Form::Moment),
        optional("reason_admin", Form::Reason),
        optional("reason_user", Form::Reason),
    ],
    example: r#"{"credential_type":"password","reason_admin":{"en":"found in a breach"},"reason_user":{"en":"choose another"}}"#,
};

/// The types of RISC 1.0 that are not deprecated.
pub static RISC: [&EventType; 13] = [
    &ACCOUNT_CREDENTIAL_CHANGE_REQUIRED,
    &ACCOUNT_PURGED,
    &ACCOUNT_DISABLED,
    &ACCOUNT_ENABLED,
    &IDENTIFIER_CHANGED,
    &IDENTIFIER_RECYCLED,
    &CREDENTIAL_COMPROMISE,
    &OPT_IN,
    &OPT_OUT_INITIATED,
    &OPT_OUT_CANCELLED,
    &OPT_OUT_EFFECTIVE,
    &RECOVERY_ACTIVATED,
    &RECOVERY_INFORMATION_CHANGED,
];

/// Why a token was revoked (OAuth Event Types §3.2).
const REASONS: &[&str] = &["inactive", "too_many", "api", "user", "issuer"];

/// A token was issued.
pub static TOKEN_ISSUED: EventType = EventType {
    uri: "https://schemas.openid.net/secevent/oauth/event-type/token-issued",
    section: "OAuth Event Types §3.1",
    members: &[optional("token_subject", Form::Subject)],
    example: r#"{"token_subject":{"format":"iss_sub","iss":"https://ssf-conformance.example.com","sub":"owner"}}"#,
};

/// A token was revoked.
pub static TOKEN_REVOKED: EventType = EventType {
    uri: "https://schemas.openid.net/secevent/oauth/event-type/token-revoked",
    section: "OAuth Event Types §3.2",
    members: &[
        optional("token_subject", Form::Subject),
        optional("reason", Form::Known(REASONS)),
    ],
    example: r#"{"token_subject":{"format":"iss_sub","iss":"https://ssf-conformance.example.com","sub":"owner"},"reason":"inactive"}"#,
};

/// All tokens of an account were revoked.
pub static TOKENS_REVOKED: EventType = EventType {
    uri: "https://schemas.openid.net/secevent/oauth/event-type/tokens-revoked",
    section: "OAuth Event Types §3.3",
    members: &[optional("reason", Form::Known(&["user", "issuer"]))],
    example: r#"{"reason":"issuer"}"#,
};

bare!(/** A client cannot be used. */ CLIENT_DISABLED "oauth" "client-disabled" "OAuth Event Types §3.4");
bare!(/** A client can be used again. */ CLIENT_ENABLED "oauth" "client-enabled" "OAuth Event Types §3.5");
bare!(/** A client has another credential. */ CLIENT_CREDENTIAL_CHANGED "oauth" "client-credential-changed" "OAuth Event Types §3.6");

/// The types of OAuth Event Types 1.0.
pub static OAUTH: [&EventType; 6] = [
    &TOKEN_ISSUED,
    &TOKEN_REVOKED,
    &TOKENS_REVOKED,
    &CLIENT_DISABLED,
    &CLIENT_ENABLED,
    &CLIENT_CREDENTIAL_CHANGED,
];

/// The type that is superseded by `session-revoked` of CAEP (RISC 1.0 §2.11).
pub const SESSIONS_REVOKED: &str =
    "https://schemas.openid.net/secevent/risc/event-type/sessions-revoked";

/// The types of the specifications that were published.
pub fn published() -> impl Iterator<Item = &'static EventType> {
    CAEP.into_iter().chain(RISC)
}

/// All types of the table.
pub fn all() -> impl Iterator<Item = &'static EventType> {
    published().chain(OAUTH)
}

impl EventType {
    /// The last segment of the URI.
    pub fn name(&self) -> &'static str {
        self.uri.rsplit('/').next().unwrap_or(self.uri)
    }

    /// Which document has it.
    pub fn family(&self) -> Family {
        match self.section.split(' ').next() {
            Some("CAEP") => Family::Caep,
            Some("OAuth") => Family::Oauth,
            Some(_) | None => Family::Risc,
        }
    }

    /// Whether it is one of CAEP, whose events have members in common.
    fn is_caep(&self) -> bool {
        self.family() == Family::Caep
    }

    /// Whom it is about.
    pub fn about(&self) -> About {
        match self.name() {
            "opt-out-effective" => About::AccountThatLeft,
            "identifier-changed" | "identifier-recycled" => About::Identifier,
            "token-issued" | "token-revoked" => About::Token,
            "client-disabled" | "client-enabled" | "client-credential-changed" => About::Client,
            _ => About::Account,
        }
    }

    /// The member of this name.
    pub fn member(&self, name: &str) -> Option<&'static Member> {
        let common = if self.is_caep() { COMMON } else { &[] };
        let mut members = self.members.iter().chain(common);
        members.find(|member| member.name == name)
    }

    /// What the adapter is given: all members that there are, as of `now` in seconds since the epoch.
    pub fn payload(&self, now: u64) -> Value {
        let mut payload: Map<String, Value> =
            serde_json::from_str(self.example).unwrap_or_default();
        if self.member("event_timestamp").is_some() {
            payload.insert("event_timestamp".to_owned(), json!(now));
        }
        if self.is_caep() {
            payload.insert("initiating_entity".to_owned(), json!("policy"));
            let reasons =
                json!({ "en": "a test of conformance", "es-419": "una prueba de conformidad" });
            payload.insert("reason_admin".to_owned(), reasons.clone());
            payload.insert("reason_user".to_owned(), reasons);
        }
        Value::Object(payload)
    }
}

/// What the adapter is given for an event of this type; a type that is not in the table says nothing.
pub fn payload_of(uri: &str, now: u64) -> Value {
    let known = all().find(|known| known.uri == uri);
    known.map_or_else(|| json!({}), |known| known.payload(now))
}

#[cfg(test)]
mod tests;

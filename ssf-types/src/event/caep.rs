//! The events of CAEP 1.0.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::{EventPayload, common::CommonClaims, table::hide_values};
use crate::json::{Extra, JsonError, Members, closed_list};

hide_values!(
    SessionRevoked,
    TokenClaimsChange,
    CredentialChange,
    AssuranceLevelChange,
    DeviceComplianceChange,
    SessionEstablished,
    SessionPresented,
    RiskLevelChange,
);

/// A session ended; the subject tells which (CAEP 1.0 §3.1).
#[derive(Clone, Default, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SessionRevoked {
    /// The claims that any CAEP event may carry.
    #[serde(flatten)]
    pub common: CommonClaims,
    /// Members that CAEP 1.0 does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

impl EventPayload for SessionRevoked {
    const URI: &'static str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

    fn read(mut members: Members<'_>) -> Result<Self, JsonError> {
        Ok(Self {
            common: CommonClaims::read(&mut members)?,
            extra: members.rest(),
        })
    }
}

const CLAIMS_EXPECTED: &str = "an object with at least one claim";

/// Claims of a token changed after it was issued (CAEP 1.0 §3.2).
#[derive(Clone, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TokenClaimsChange {
    /// The changed claims with their new values; at least one.
    pub claims: BTreeMap<String, Value>,
    /// The claims that any CAEP event may carry.
    #[serde(flatten)]
    pub common: CommonClaims,
    /// Members that CAEP 1.0 does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

impl TokenClaimsChange {
    /// Tells the changed claims.
    ///
    /// # Errors
    /// No claim is given.
    pub fn new<N: Into<String>>(
        claims: impl IntoIterator<Item = (N, Value)>,
    ) -> Result<Self, JsonError> {
        let claims: BTreeMap<String, Value> = claims
            .into_iter()
            .map(|(name, value)| (name.into(), value))
            .collect();
        if claims.is_empty() {
            return Err(JsonError::invalid("claims", CLAIMS_EXPECTED));
        }
        Ok(Self {
            claims,
            common: CommonClaims::default(),
            extra: Extra::default(),
        })
    }
}

impl EventPayload for TokenClaimsChange {
    const URI: &'static str =
        "https://schemas.openid.net/secevent/caep/event-type/token-claims-change";

    fn read(mut members: Members<'_>) -> Result<Self, JsonError> {
        let claims: BTreeMap<String, Value> = members.required("claims", CLAIMS_EXPECTED)?;
        Ok(Self {
            common: CommonClaims::read(&mut members)?,
            extra: members.rest(),
            ..Self::new(claims)?
        })
    }
}

/// A credential was created, changed, revoked or deleted (CAEP 1.0 §3.3).
#[derive(Clone, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CredentialChange {
    /// `password`, `pin`, `x509`, `fido2-platform`, `fido2-roaming`, `fido-u2f`, `verifiable-credential`,
    /// `phone-voice`, `phone-sms`, `app`, or a type that both sides know.
    pub credential_type: String,
    /// What happened to it.
    pub change_type: ChangeType,
    /// Its name as the user knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub friendly_name: Option<String>,
    /// Issuer of an X.509 certificate (RFC 5280).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x509_issuer: Option<String>,
    /// Serial number of an X.509 certificate (RFC 5280), as a string.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x509_serial: Option<String>,
    /// The model of a FIDO2 authenticator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fido2_aaguid: Option<String>,
    /// The claims that any CAEP event may carry.
    #[serde(flatten)]
    pub common: CommonClaims,
    /// Members that CAEP 1.0 does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

impl CredentialChange {
    /// Tells the two things that must be told.
    pub fn new(credential_type: impl Into<String>, change_type: ChangeType) -> Self {
        Self {
            credential_type: credential_type.into(),
            change_type,
            friendly_name: None,
            x509_issuer: None,
            x509_serial: None,
            fido2_aaguid: None,
            common: CommonClaims::default(),
            extra: Extra::default(),
        }
    }
}

impl EventPayload for CredentialChange {
    const URI: &'static str =
        "https://schemas.openid.net/secevent/caep/event-type/credential-change";

    fn read(mut members: Members<'_>) -> Result<Self, JsonError> {
        Ok(Self {
            credential_type: members.required("credential_type", "a string")?,
            change_type: members.required("change_type", "create, revoke, update or delete")?,
            friendly_name: members.optional("friendly_name", "a string")?,
            x509_issuer: members.optional("x509_issuer", "a string")?,
            x509_serial: members.optional("x509_serial", "a string")?,
            fido2_aaguid: members.optional("fido2_aaguid", "a string")?,
            common: CommonClaims::read(&mut members)?,
            extra: members.rest(),
        })
    }
}

closed_list! {
    /// What happened to a credential: a closed list (CAEP 1.0 §3.3.1).
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    pub enum ChangeType {
        /// It was enrolled.
        Create = "create",
        /// It may no longer be used.
        Revoke = "revoke",
        /// It was changed, as a password is.
        Update = "update",
        /// It was removed.
        Delete = "delete",
    }
}

/// The assurance of a sign-in rose or fell (CAEP 1.0 §3.4).
#[derive(Clone, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AssuranceLevelChange {
    /// What the levels mean: `RFC8176`, `RFC6711`, `ISO-IEC-29115`, `NIST-IAL`, `NIST-AAL`, `NIST-FAL` or another.
    pub namespace: String,
    /// The level now.
    pub current_level: String,
    /// The level before; absent if the Transmitter does not know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_level: Option<String>,
    /// Which way it went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_direction: Option<ChangeDirection>,
    /// The claims that any CAEP event may carry.
    #[serde(flatten)]
    pub common: CommonClaims,
    /// Members that CAEP 1.0 does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

impl AssuranceLevelChange {
    /// Tells the two things that must be told.
    pub fn new(namespace: impl Into<String>, current_level: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            current_level: current_level.into(),
            previous_level: None,
            change_direction: None,
            common: CommonClaims::default(),
            extra: Extra::default(),
        }
    }
}

impl EventPayload for AssuranceLevelChange {
    const URI: &'static str =
        "https://schemas.openid.net/secevent/caep/event-type/assurance-level-change";

    fn read(mut members: Members<'_>) -> Result<Self, JsonError> {
        Ok(Self {
            namespace: members.required("namespace", "a string")?,
            current_level: members.required("current_level", "a string")?,
            previous_level: members.optional("previous_level", "a string")?,
            change_direction: members.optional("change_direction", "increase or decrease")?,
            common: CommonClaims::read(&mut members)?,
            extra: members.rest(),
        })
    }
}

closed_list! {
    /// Which way an assurance level went: a closed list (CAEP 1.0 §3.4.1).
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    pub enum ChangeDirection {
        /// It rose.
        Increase = "increase",
        /// It fell.
        Decrease = "decrease",
    }
}

/// A device began or ceased to comply (CAEP 1.0 §3.5).
#[derive(Clone, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DeviceComplianceChange {
    /// The status before.
    pub previous_status: ComplianceStatus,
    /// The status now.
    pub current_status: ComplianceStatus,
    /// The claims that any CAEP event may carry.
    #[serde(flatten)]
    pub common: CommonClaims,
    /// Members that CAEP 1.0 does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

impl DeviceComplianceChange {
    /// Tells the two things that must be told.
    pub fn new(previous_status: ComplianceStatus, current_status: ComplianceStatus) -> Self {
        Self {
            previous_status,
            current_status,
            common: CommonClaims::default(),
            extra: Extra::default(),
        }
    }
}

impl EventPayload for DeviceComplianceChange {
    const URI: &'static str =
        "https://schemas.openid.net/secevent/caep/event-type/device-compliance-change";

    fn read(mut members: Members<'_>) -> Result<Self, JsonError> {
        Ok(Self {
            previous_status: members.required("previous_status", "compliant or not-compliant")?,
            current_status: members.required("current_status", "compliant or not-compliant")?,
            common: CommonClaims::read(&mut members)?,
            extra: members.rest(),
        })
    }
}

closed_list! {
    /// Whether a device complies: a closed list (CAEP 1.0 §3.5.1).
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    pub enum ComplianceStatus {
        /// It complies.
        Compliant = "compliant",
        /// It does not.
        NotCompliant = "not-compliant",
    }
}

/// A session began (CAEP 1.0 §3.6).
#[derive(Clone, Default, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SessionEstablished {
    /// Fingerprint of the user agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fp_ua: Option<String>,
    /// As in an ID Token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// As in an ID Token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amr: Option<Vec<String>>,
    /// Ties the session to those of other systems.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ext_id: Option<String>,
    /// The claims that any CAEP event may carry.
    #[serde(flatten)]
    pub common: CommonClaims,
    /// Members that CAEP 1.0 does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

impl EventPayload for SessionEstablished {
    const URI: &'static str =
        "https://schemas.openid.net/secevent/caep/event-type/session-established";

    fn read(mut members: Members<'_>) -> Result<Self, JsonError> {
        Ok(Self {
            fp_ua: members.optional("fp_ua", "a string")?,
            acr: members.optional("acr", "a string")?,
            amr: members.optional("amr", "an array of strings")?,
            ext_id: members.optional("ext_id", "a string")?,
            common: CommonClaims::read(&mut members)?,
            extra: members.rest(),
        })
    }
}

/// A session was seen in use (CAEP 1.0 §3.7).
#[derive(Clone, Default, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SessionPresented {
    /// Fingerprint of the user agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fp_ua: Option<String>,
    /// Ties the session to those of other systems.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ext_id: Option<String>,
    /// The claims that any CAEP event may carry.
    #[serde(flatten)]
    pub common: CommonClaims,
    /// Members that CAEP 1.0 does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

impl EventPayload for SessionPresented {
    const URI: &'static str =
        "https://schemas.openid.net/secevent/caep/event-type/session-presented";

    fn read(mut members: Members<'_>) -> Result<Self, JsonError> {
        Ok(Self {
            fp_ua: members.optional("fp_ua", "a string")?,
            ext_id: members.optional("ext_id", "a string")?,
            common: CommonClaims::read(&mut members)?,
            extra: members.rest(),
        })
    }
}

/// A risk rose or fell (CAEP 1.0 §3.8).
#[derive(Clone, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RiskLevelChange {
    /// Whose risk: `USER`, `DEVICE`, `SESSION`, `TENANT`, `ORG_UNIT`, `GROUP` or another.
    pub principal: String,
    /// The level now.
    pub current_level: RiskLevel,
    /// The level before; absent if the Transmitter does not know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_level: Option<RiskLevel>,
    /// Why; recommended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk_reason: Option<String>,
    /// The claims that any CAEP event may carry.
    #[serde(flatten)]
    pub common: CommonClaims,
    /// Members that CAEP 1.0 does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

impl RiskLevelChange {
    /// Tells the two things that must be told.
    pub fn new(principal: impl Into<String>, current_level: RiskLevel) -> Self {
        Self {
            principal: principal.into(),
            current_level,
            previous_level: None,
            risk_reason: None,
            common: CommonClaims::default(),
            extra: Extra::default(),
        }
    }
}

impl EventPayload for RiskLevelChange {
    const URI: &'static str =
        "https://schemas.openid.net/secevent/caep/event-type/risk-level-change";

    fn read(mut members: Members<'_>) -> Result<Self, JsonError> {
        Ok(Self {
            principal: members.required("principal", "a string")?,
            current_level: members.required("current_level", "LOW, MEDIUM or HIGH")?,
            previous_level: members.optional("previous_level", "LOW, MEDIUM or HIGH")?,
            risk_reason: members.optional("risk_reason", "a string")?,
            common: CommonClaims::read(&mut members)?,
            extra: members.rest(),
        })
    }
}

closed_list! {
    /// How high a risk is: a closed list (CAEP 1.0 §3.8.1).
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    pub enum RiskLevel {
        /// Low.
        Low = "LOW",
        /// Medium.
        Medium = "MEDIUM",
        /// High.
        High = "HIGH",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<E: EventPayload>(json: &str) -> Result<E, JsonError> {
        Members::parse(json).and_then(E::read)
    }

    #[test]
    fn what_is_built_has_the_members_that_must_be_there() {
        let written = |event: crate::event::Event| serde_json::to_string(&event).unwrap();
        let claims = TokenClaimsChange::new([("role", Value::from("ro-admin"))]).unwrap();
        assert_eq!(written(claims.into()), r#"{"claims":{"role":"ro-admin"}}"#);
        assert_eq!(
            written(CredentialChange::new("password", ChangeType::Update).into()),
            r#"{"credential_type":"password","change_type":"update"}"#
        );
        assert_eq!(
            written(AssuranceLevelChange::new("NIST-AAL", "nist-aal2").into()),
            r#"{"namespace":"NIST-AAL","current_level":"nist-aal2"}"#
        );
        let (before, now) = (ComplianceStatus::Compliant, ComplianceStatus::NotCompliant);
        assert_eq!(
            written(DeviceComplianceChange::new(before, now).into()),
            r#"{"previous_status":"compliant","current_status":"not-compliant"}"#
        );
        assert_eq!(
            written(RiskLevelChange::new("USER", RiskLevel::High).into()),
            r#"{"principal":"USER","current_level":"HIGH"}"#
        );
        let none: [(&str, Value); 0] = [];
        assert_eq!(
            TokenClaimsChange::new(none).unwrap_err().to_string(),
            "claims must be an object with at least one claim"
        );
    }

    #[test]
    fn change_types_other_than_the_four_are_refused() {
        let payload =
            |change: &str| format!(r#"{{"credential_type":"password","change_type":"{change}"}}"#);
        for change in ["create", "revoke", "update", "delete"] {
            assert!(read::<CredentialChange>(&payload(change)).is_ok());
        }
        assert_eq!(
            read::<CredentialChange>(&payload("UPDATE"))
                .unwrap_err()
                .to_string(),
            "change_type must be create, revoke, update or delete"
        );
    }

    #[test]
    fn unknown_credential_types_are_accepted() {
        let json = r#"{"credential_type":"retina","change_type":"create"}"#;
        assert_eq!(
            read::<CredentialChange>(json).unwrap().credential_type,
            "retina"
        );
    }

    #[test]
    fn closed_lists_are_exact() {
        assert!(
            read::<DeviceComplianceChange>(
                r#"{"previous_status":"compliant","current_status":"non-compliant"}"#
            )
            .is_err()
        );
        assert!(read::<RiskLevelChange>(r#"{"principal":"USER","current_level":"high"}"#).is_err());
        assert!(
            read::<AssuranceLevelChange>(
                r#"{"namespace":"NIST-AAL","current_level":"2","change_direction":"up"}"#
            )
            .is_err()
        );
    }

    #[test]
    fn an_object_is_no_value_of_a_closed_list() {
        let payload = r#"{"credential_type":"password","change_type":{"create":null}}"#;
        assert_eq!(
            read::<CredentialChange>(payload).unwrap_err().to_string(),
            "change_type must be create, revoke, update or delete"
        );
        let payload = r#"{"principal":"USER","current_level":{"LOW":null}}"#;
        assert!(read::<RiskLevelChange>(payload).is_err());
        let payload = r#"{"previous_status":"compliant","current_status":{"not-compliant":null}}"#;
        assert!(read::<DeviceComplianceChange>(payload).is_err());
        let payload =
            r#"{"namespace":"x","current_level":"1","change_direction":{"increase":null}}"#;
        assert!(read::<AssuranceLevelChange>(payload).is_err());
    }

    #[test]
    fn a_previous_level_is_never_invented() {
        let event: RiskLevelChange =
            read(r#"{"principal":"USER","current_level":"HIGH"}"#).unwrap();
        assert_eq!(event.previous_level, None);
    }

    #[test]
    fn token_claims_may_have_any_json_type_and_must_not_be_empty() {
        let json = r#"{"claims":{"a":true,"b":[1],"c":{"d":null}}}"#;
        assert_eq!(read::<TokenClaimsChange>(json).unwrap().claims.len(), 3);
        assert!(read::<TokenClaimsChange>(r#"{"claims":{}}"#).is_err());
    }

    #[test]
    fn amr_is_an_array_of_strings() {
        assert!(read::<SessionEstablished>(r#"{"amr":["pwd","otp"]}"#).is_ok());
        assert!(read::<SessionEstablished>(r#"{"amr":"pwd"}"#).is_err());
    }

    #[test]
    fn a_serial_number_is_a_string() {
        assert!(
            read::<CredentialChange>(
                r#"{"credential_type":"x509","change_type":"revoke","x509_serial":7}"#
            )
            .is_err()
        );
    }
}

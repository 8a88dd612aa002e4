//! What events say, before it is asked what follows from it.

use ssf_types::{
    event::{
        Event,
        caep::{ChangeType, ComplianceStatus, CredentialChange, RiskLevel, RiskLevelChange},
    },
    subject::{SimpleSubject, Subject},
    uri::EventTypeUri,
};

use super::assurance::{Assurance, Change};
use crate::revocation::Kind;

/// Something that an event may say against sessions: a line of the table of actions.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Trigger {
    /// CAEP session-revoked.
    SessionRevoked,
    /// RISC sessions-revoked.
    SessionsRevoked,
    /// RISC account-purged.
    AccountPurged,
    /// RISC account-disabled. It holds until account-enabled.
    AccountDisabled,
    /// RISC account-credential-change-required.
    AccountCredentialChangeRequired,
    /// RISC credential-compromise.
    CredentialCompromise,
    /// RISC identifier-recycled.
    IdentifierRecycled,
    /// RISC recovery-activated.
    RecoveryActivated,
    /// CAEP credential-change: a password or PIN was updated, revoked or deleted.
    SecretChanged,
    /// CAEP credential-change: a credential of any other type was revoked or deleted.
    CredentialLost,
    /// CAEP token-claims-change of a token that the subject names (`jwt_id`).
    TokenClaimsChanged,
    /// CAEP assurance-level-change: a decrease, or a level below the least that is wanted. It holds until an increase.
    AssuranceDecreased,
    /// CAEP device-compliance-change: not compliant. It holds until the device is compliant.
    DeviceNotCompliant,
    /// CAEP risk-level-change of a user, session or device: HIGH. It holds until another level.
    RiskHigh,
    /// CAEP risk-level-change of a user, session or device: MEDIUM. It holds until another level.
    RiskMedium,
    /// An event of another type.
    Other(EventTypeUri),
}

impl Trigger {
    /// The state that it belongs to, if it is one.
    pub(super) fn state(&self) -> Option<Kind> {
        match self {
            Self::AccountDisabled => Some(Kind::Disabled),
            Self::AssuranceDecreased => Some(Kind::Assurance),
            Self::DeviceNotCompliant => Some(Kind::NotCompliant),
            Self::RiskHigh | Self::RiskMedium => Some(Kind::Risk),
            Self::SessionRevoked
            | Self::SessionsRevoked
            | Self::AccountPurged
            | Self::AccountCredentialChangeRequired
            | Self::CredentialCompromise
            | Self::IdentifierRecycled
            | Self::RecoveryActivated
            | Self::SecretChanged
            | Self::CredentialLost
            | Self::TokenClaimsChanged
            | Self::Other(_) => None,
        }
    }
}

/// What an event says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Said {
    /// Something against sessions.
    Against(Trigger),
    /// That a state is over.
    Lifts(Kind),
    /// Nothing for or against a session.
    Nothing,
}

impl Said {
    /// Reads what an event says about its subject.
    pub(super) fn of(event: &Event, subject: &Subject, assurance: &Assurance) -> Self {
        match event {
            Event::SessionRevoked(_) => Self::Against(Trigger::SessionRevoked),
            Event::SessionsRevoked(_) => Self::Against(Trigger::SessionsRevoked),
            Event::AccountPurged(_) => Self::Against(Trigger::AccountPurged),
            Event::AccountDisabled(_) => Self::Against(Trigger::AccountDisabled),
            Event::AccountEnabled(_) => Self::Lifts(Kind::Disabled),
            Event::AccountCredentialChangeRequired(_) => {
                Self::Against(Trigger::AccountCredentialChangeRequired)
            }
            Event::CredentialCompromise(_) => Self::Against(Trigger::CredentialCompromise),
            Event::IdentifierRecycled(_) => Self::Against(Trigger::IdentifierRecycled),
            Event::RecoveryActivated(_) => Self::Against(Trigger::RecoveryActivated),
            Event::CredentialChange(change) => of_credential(change),
            Event::TokenClaimsChange(_) if names_token(subject) => {
                Self::Against(Trigger::TokenClaimsChanged)
            }
            Event::AssuranceLevelChange(change) => match assurance.judge(change) {
                Change::Worse => Self::Against(Trigger::AssuranceDecreased),
                Change::Better => Self::Lifts(Kind::Assurance),
                Change::Unknown => Self::Nothing,
            },
            Event::DeviceComplianceChange(change) => match change.current_status {
                ComplianceStatus::Compliant => Self::Lifts(Kind::NotCompliant),
                ComplianceStatus::NotCompliant => Self::Against(Trigger::DeviceNotCompliant),
            },
            Event::RiskLevelChange(change) => of_risk(change),
            Event::Verification(_)
            | Event::StreamUpdated(_)
            | Event::TokenClaimsChange(_)
            | Event::SessionEstablished(_)
            | Event::SessionPresented(_)
            | Event::IdentifierChanged(_)
            | Event::OptIn(_)
            | Event::OptOutInitiated(_)
            | Event::OptOutCancelled(_)
            | Event::OptOutEffective(_)
            | Event::RecoveryInformationChanged(_)
            | Event::TokenIssued(_)
            | Event::TokenRevoked(_)
            | Event::TokensRevoked(_)
            | Event::ClientDisabled(_)
            | Event::ClientEnabled(_)
            | Event::ClientCredentialChanged(_)
            | Event::Other(_)
            | _ => Self::Against(Trigger::Other(event.uri())),
        }
    }
}

/// A secret that somebody knew, a key that is lost; a new one is none of both.
fn of_credential(change: &CredentialChange) -> Said {
    let memorised = matches!(change.credential_type.as_str(), "password" | "pin");
    match (change.change_type, memorised) {
        (ChangeType::Create, _) | (ChangeType::Update, false) => Said::Nothing,
        (ChangeType::Update | ChangeType::Revoke | ChangeType::Delete, true) => {
            Said::Against(Trigger::SecretChanged)
        }
        (ChangeType::Revoke | ChangeType::Delete, false) => Said::Against(Trigger::CredentialLost),
    }
}

/// The risk of a tenant or a group is no reason to act against everybody in it.
fn of_risk(change: &RiskLevelChange) -> Said {
    if !concerns_individual(change) {
        return Said::Nothing;
    }
    match change.current_level {
        RiskLevel::High => Said::Against(Trigger::RiskHigh),
        RiskLevel::Medium => Said::Against(Trigger::RiskMedium),
        RiskLevel::Low => Said::Lifts(Kind::Risk),
    }
}

/// Whether a risk is one of a user, a session or a device.
pub(super) fn concerns_individual(change: &RiskLevelChange) -> bool {
    matches!(change.principal.as_str(), "USER" | "SESSION" | "DEVICE")
}

fn names_token(subject: &Subject) -> bool {
    let is_token = |one: &SimpleSubject| matches!(one, SimpleSubject::JwtId { .. });
    if let Subject::Simple(simple) = subject {
        return simple.alternatives().iter().all(is_token);
    }
    false
}

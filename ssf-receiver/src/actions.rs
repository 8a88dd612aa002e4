//! What an event means for sessions: one table, pure.

use std::{sync::Arc, time::Duration};

use ssf_types::{
    event::{
        Event,
        caep::{ChangeType, CredentialChange},
    },
    set::SetClaims,
    time::Timestamp,
};

use crate::revocation::{Detail, Kind};

/// How far a Transmitter's clock may be ahead; a moment beyond counts as the time of receipt, or of the SET's issue if that
/// is later.
pub const CLOCK_SKEW_MAX: Duration = ssf_types::set::LEEWAY;

/// From this many seconds on (the year 5138) a number was meant to be milliseconds.
const MILLISECONDS_FROM: u64 = 100_000_000_000;

/// What is to be done about an event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Action {
    /// End the sessions that began before.
    End,
    /// Refuse the sessions whose user has not signed in afresh since.
    Reauthenticate,
    /// Acknowledge and count it.
    Note,
}

/// The action for an event.
#[expect(
    clippy::match_same_arms,
    reason = "every event that there is has its line; the last one is for those to come"
)]
pub fn action(event: &Event) -> Action {
    match event {
        Event::SessionRevoked(_)
        | Event::SessionsRevoked(_)
        | Event::AccountPurged(_)
        | Event::AccountDisabled(_)
        | Event::AccountCredentialChangeRequired(_)
        | Event::CredentialCompromise(_)
        | Event::IdentifierRecycled(_) => Action::End,
        Event::CredentialChange(change) => credential_action(change),
        Event::RecoveryActivated(_) => Action::Reauthenticate,
        Event::Verification(_)
        | Event::StreamUpdated(_)
        | Event::TokenClaimsChange(_)
        | Event::AssuranceLevelChange(_)
        | Event::DeviceComplianceChange(_)
        | Event::SessionEstablished(_)
        | Event::SessionPresented(_)
        | Event::RiskLevelChange(_)
        | Event::AccountEnabled(_)
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
        | Event::Other(_) => Action::Note,
        _ => Action::Note,
    }
}

/// A secret that somebody knew ends sessions; a lost key asks for a fresh sign-in; a new one must log nobody out.
fn credential_action(change: &CredentialChange) -> Action {
    let memorised = matches!(change.credential_type.as_str(), "password" | "pin");
    match (change.change_type, memorised) {
        (ChangeType::Create, _) | (ChangeType::Update, false) => Action::Note,
        (ChangeType::Update | ChangeType::Revoke | ChangeType::Delete, true) => Action::End,
        (ChangeType::Revoke | ChangeType::Delete, false) => Action::Reauthenticate,
    }
}

/// What an event says about the sessions that it selects.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Meaning {
    /// What is compared.
    pub kind: Kind,
    /// With what.
    pub moment: Timestamp,
    /// What is told.
    pub detail: Arc<Detail>,
}

/// What the claims say about the sessions they select; `None` if they end none.
pub fn meaning(claims: &SetClaims, received_at: Timestamp) -> Option<Meaning> {
    let kind = match action(&claims.event) {
        Action::End => Kind::Ended,
        Action::Reauthenticate => Kind::Unproven,
        Action::Note => return None,
    };
    let common = claims.event.common();
    let reason = common.and_then(|common| common.reason_user.clone());
    let event = claims.event.uri().as_str().into();
    Some(Meaning {
        kind,
        moment: moment(claims, received_at),
        detail: Arc::new(Detail {
            event,
            reason: reason.map(Arc::new),
        }),
    })
}

/// When it happened: `event_timestamp`, else `toe`, else `iat`; but never long after it was received.
pub fn moment(claims: &SetClaims, received_at: Timestamp) -> Timestamp {
    let told = claims
        .event
        .event_timestamp()
        .or(claims.toe)
        .unwrap_or(claims.iat);
    let told = if told.as_secs() >= MILLISECONDS_FROM {
        Timestamp::from_millis(told.as_secs())
    } else {
        told
    };
    if told > received_at.after(CLOCK_SKEW_MAX) {
        // Where our own clock is behind, the receipt would lie before the event.
        return received_at.max(claims.iat);
    }
    told
}

#[cfg(test)]
mod tests {
    use ssf_types::{
        audience::Audience,
        event::{caep::SessionRevoked, language::Texts},
        id::Jti,
        subject::SimpleSubject,
        uri::{EventTypeUri, Issuer},
    };

    use super::*;

    const NOW: u64 = 1_615_305_159;

    fn read(name: &str, payload: &str) -> Event {
        let uri = format!("https://schemas.openid.net/secevent/{name}");
        Event::read(&EventTypeUri::parse(uri).unwrap(), payload).unwrap()
    }

    fn claims(event: Event) -> SetClaims {
        SetClaims::new(
            Issuer::parse("https://tr.example.com").unwrap(),
            Jti::parse("1").unwrap(),
            Timestamp::from_secs(NOW - 10),
            Audience::new(["https://rp.example.com"]).unwrap(),
            SimpleSubject::Opaque { id: "7".into() }.into(),
            event,
        )
    }

    fn credential(kind: &str, change: &str) -> Action {
        let payload = format!(r#"{{"credential_type":"{kind}","change_type":"{change}"}}"#);
        action(&read("caep/event-type/credential-change", &payload))
    }

    #[test]
    fn a_revoked_session_ends() {
        assert_eq!(
            action(&read("caep/event-type/session-revoked", "{}")),
            Action::End
        );
    }

    #[test]
    fn a_changed_or_lost_secret_ends_sessions() {
        for kind in ["password", "pin"] {
            for change in ["update", "revoke", "delete"] {
                assert_eq!(credential(kind, change), Action::End, "{kind} {change}");
            }
        }
    }

    #[test]
    fn any_other_lost_credential_asks_for_a_fresh_sign_in() {
        for kind in ["x509", "fido2-platform", "app", "retina"] {
            for change in ["revoke", "delete"] {
                assert_eq!(
                    credential(kind, change),
                    Action::Reauthenticate,
                    "{kind} {change}"
                );
            }
        }
    }

    #[test]
    fn a_new_credential_logs_nobody_out() {
        for kind in ["password", "pin", "fido2-platform", "fido2-roaming"] {
            assert_eq!(credential(kind, "create"), Action::Note, "{kind}");
        }
        assert_eq!(credential("phone-sms", "update"), Action::Note);
    }

    #[test]
    fn every_other_event_is_noted() {
        for (name, payload) in [
            ("ssf/event-type/verification", "{}"),
            ("ssf/event-type/stream-updated", r#"{"status":"paused"}"#),
            (
                "caep/event-type/token-claims-change",
                r#"{"claims":{"a":1}}"#,
            ),
            (
                "caep/event-type/assurance-level-change",
                r#"{"namespace":"NIST-AAL","current_level":"nist-aal1","change_direction":"decrease"}"#,
            ),
            (
                "caep/event-type/device-compliance-change",
                r#"{"previous_status":"compliant","current_status":"not-compliant"}"#,
            ),
            ("caep/event-type/session-established", "{}"),
            ("caep/event-type/session-presented", "{}"),
            (
                "caep/event-type/risk-level-change",
                r#"{"principal":"USER","current_level":"HIGH"}"#,
            ),
            ("risc/event-type/account-enabled", "{}"),
            ("risc/event-type/identifier-changed", "{}"),
            ("risc/event-type/opt-in", "{}"),
            ("risc/event-type/opt-out-initiated", "{}"),
            ("risc/event-type/opt-out-cancelled", "{}"),
            ("risc/event-type/opt-out-effective", "{}"),
            ("risc/event-type/recovery-information-changed", "{}"),
            ("oauth/event-type/token-issued", "{}"),
            ("oauth/event-type/token-revoked", "{}"),
            ("oauth/event-type/tokens-revoked", "{}"),
            ("oauth/event-type/client-disabled", "{}"),
            ("oauth/event-type/client-enabled", "{}"),
            ("oauth/event-type/client-credential-changed", "{}"),
            ("risc/event-type/verification", "{}"),
        ] {
            assert_eq!(action(&read(name, payload)), Action::Note, "{name}");
        }
    }

    #[test]
    fn an_account_that_is_gone_disabled_or_compromised_ends_its_sessions() {
        for (name, payload) in [
            ("account-purged", "{}"),
            ("account-disabled", r#"{"reason":"hijacking"}"#),
            ("account-credential-change-required", "{}"),
            ("credential-compromise", r#"{"credential_type":"password"}"#),
            ("identifier-recycled", "{}"),
            ("sessions-revoked", "{}"),
        ] {
            let event = read(&format!("risc/event-type/{name}"), payload);
            assert_eq!(action(&event), Action::End, "{name}");
        }
    }

    #[test]
    fn an_account_under_recovery_asks_for_a_fresh_sign_in() {
        assert_eq!(
            action(&read("risc/event-type/recovery-activated", "{}")),
            Action::Reauthenticate
        );
    }

    fn moment_of(event_timestamp: Option<u64>, toe: Option<u64>) -> Timestamp {
        let mut event = SessionRevoked::default();
        event.common.event_timestamp = event_timestamp.map(Timestamp::from_secs);
        let mut claims = claims(event.into());
        claims.toe = toe.map(Timestamp::from_secs);
        moment(&claims, Timestamp::from_secs(NOW))
    }

    #[test]
    fn the_events_own_time_counts_before_toe_and_toe_before_iat() {
        assert_eq!(
            moment_of(Some(NOW - 30), Some(NOW - 20)),
            Timestamp::from_secs(NOW - 30)
        );
        assert_eq!(
            moment_of(None, Some(NOW - 20)),
            Timestamp::from_secs(NOW - 20)
        );
        assert_eq!(moment_of(None, None), Timestamp::from_secs(NOW - 10));
    }

    #[test]
    fn a_time_in_the_future_counts_as_the_time_of_receipt() {
        assert_eq!(
            moment_of(Some(NOW + 60), None),
            Timestamp::from_secs(NOW + 60)
        );
        assert_eq!(moment_of(Some(NOW + 61), None), Timestamp::from_secs(NOW));
    }

    #[test]
    fn a_time_in_the_future_is_never_before_the_sets_own() {
        let mut event = SessionRevoked::default();
        event.common.event_timestamp = Some(Timestamp::from_secs(NOW + 3600));
        let mut claims = claims(event.into());
        claims.iat = Timestamp::from_secs(NOW + 30);
        let found = moment(&claims, Timestamp::from_secs(NOW));
        assert_eq!(found, Timestamp::from_secs(NOW + 30));
    }

    #[test]
    fn a_number_too_large_for_seconds_is_read_as_milliseconds() {
        assert_eq!(
            moment_of(Some(100_000_000_000), None),
            Timestamp::from_secs(100_000_000)
        );
        let thirteen_digits = (NOW - 30) * 1000 + 643;
        assert_eq!(
            moment_of(Some(thirteen_digits), None),
            Timestamp::from_millis(thirteen_digits)
        );
    }

    #[test]
    fn the_reason_for_the_user_travels_with_the_revocation() {
        let mut event = SessionRevoked::default();
        event.common.reason_user = Some(Texts::new([("en", "Signed out")]).unwrap());
        let found = meaning(&claims(event.into()), Timestamp::from_secs(NOW)).unwrap();
        assert_eq!(found.kind, Kind::Ended);
        assert_eq!(found.moment, Timestamp::from_secs(NOW - 10));
        let reason = found.detail.reason.clone().unwrap();
        assert_eq!(reason.choose(None), ("en", "Signed out"));
    }
}

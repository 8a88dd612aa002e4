//! What an event means for sessions: one table, pure.

mod assurance;
mod table;
mod trigger;

use std::{sync::Arc, time::Duration};

use ssf_types::{event::Event, set::SetClaims, time::Timestamp};

pub use self::{
    assurance::{Assurance, UnknownLevel},
    table::{Action, ActionTable},
    trigger::Trigger,
};
use self::{table::effects, trigger::Said};
use crate::revocation::{Detail, Effect, Kind};

/// How far a Transmitter's clock may be ahead; a moment beyond counts as the time of receipt, or of the SET's issue if that
/// is later.
pub const CLOCK_SKEW_MAX: Duration = ssf_types::set::LEEWAY;

/// From this many seconds on (the year 5138) a number was meant to be milliseconds.
const MILLISECONDS_FROM: u64 = 100_000_000_000;

/// What the application wants to follow from events.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Actions {
    /// The table.
    pub table: ActionTable,
    /// The levels of assurance that it wants.
    pub assurance: Assurance,
}

/// What an event says about the sessions that it selects.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Meaning {
    /// What is compared, and for a state what it does.
    pub kinds: Vec<(Kind, Option<Effect>)>,
    /// The namespace of the level that it is about, if it is about one: each has states of its own.
    pub about: Option<String>,
    /// When it happened.
    pub moment: Timestamp,
    /// What is told.
    pub detail: Arc<Detail>,
}

impl Actions {
    /// What the claims say about the sessions that they select; `None` if nothing follows from it.
    pub fn meaning(&self, claims: &SetClaims, received_at: Timestamp) -> Option<Meaning> {
        let event = &claims.event;
        let kinds = match Said::of(event, &claims.sub_id, &self.assurance) {
            Said::Against(trigger) => effects(&trigger, self.table.action(&trigger)),
            Said::Lifts(kind) => vec![(kind, Some(Effect::Lifted))],
            Said::Nothing => Vec::new(),
        };
        if kinds.is_empty() {
            return None;
        }
        let mut about = None;
        if let Event::AssuranceLevelChange(change) = event {
            about = Some(change.namespace.clone());
        }
        let common = event.common();
        let reason = common.and_then(|common| common.reason_user.clone());
        Some(Meaning {
            kinds,
            about,
            moment: moment(claims, received_at),
            detail: Arc::new(Detail {
                event: event.uri().as_str().into(),
                reason: reason.map(Arc::new),
            }),
        })
    }
}

/// Whether an event is about a device rather than whoever uses it.
#[cfg(feature = "client")]
pub(crate) fn concerns_device(event: &Event) -> bool {
    if let Event::RiskLevelChange(change) = event {
        return change.principal == "DEVICE";
    }
    matches!(event, Event::DeviceComplianceChange(_))
}

/// Whether an event is about so many that nothing follows from it, although a person should know.
#[cfg(feature = "client")]
pub(crate) fn concerns_many(event: &Event) -> bool {
    matches!(event, Event::RiskLevelChange(change) if !trigger::concerns_individual(change))
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

    /// What follows by default.
    fn kinds(event: Event) -> Vec<(Kind, Option<Effect>)> {
        let meaning = Actions::default().meaning(&claims(event), Timestamp::from_secs(NOW));
        meaning.map(|meaning| meaning.kinds).unwrap_or_default()
    }

    fn credential(kind: &str, change: &str) -> Vec<(Kind, Option<Effect>)> {
        let payload = format!(r#"{{"credential_type":"{kind}","change_type":"{change}"}}"#);
        kinds(read("caep/event-type/credential-change", &payload))
    }

    const ENDED: (Kind, Option<Effect>) = (Kind::Ended, None);
    const UNPROVEN: (Kind, Option<Effect>) = (Kind::Unproven, None);

    #[test]
    fn a_changed_or_lost_secret_ends_sessions() {
        for kind in ["password", "pin"] {
            for change in ["update", "revoke", "delete"] {
                assert_eq!(credential(kind, change), [ENDED], "{kind} {change}");
            }
        }
    }

    #[test]
    fn any_other_lost_credential_asks_for_a_fresh_sign_in() {
        for kind in ["x509", "fido2-platform", "app", "retina"] {
            for change in ["revoke", "delete"] {
                assert_eq!(credential(kind, change), [UNPROVEN], "{kind} {change}");
            }
        }
    }

    #[test]
    fn a_new_credential_logs_nobody_out() {
        for kind in ["password", "pin", "fido2-platform", "fido2-roaming"] {
            assert_eq!(credential(kind, "create"), [], "{kind}");
        }
        assert_eq!(credential("phone-sms", "update"), []);
    }

    #[test]
    fn whoever_is_gone_compromised_or_recycled_loses_the_sessions() {
        for (name, payload) in [
            ("caep/event-type/session-revoked", "{}"),
            ("risc/event-type/sessions-revoked", "{}"),
            ("risc/event-type/account-purged", "{}"),
            ("risc/event-type/account-credential-change-required", "{}"),
            (
                "risc/event-type/credential-compromise",
                r#"{"credential_type":"password"}"#,
            ),
            ("risc/event-type/identifier-recycled", "{}"),
        ] {
            assert_eq!(kinds(read(name, payload)), [ENDED], "{name}");
        }
        let recovery = read("risc/event-type/recovery-activated", "{}");
        assert_eq!(kinds(recovery), [UNPROVEN]);
    }

    #[test]
    fn a_disabled_account_is_ended_and_blocked_and_an_enabled_one_is_not_blocked_any_more() {
        let disabled = read(
            "risc/event-type/account-disabled",
            r#"{"reason":"hijacking"}"#,
        );
        let blocked = (Kind::Disabled, Some(Effect::Block));
        assert_eq!(kinds(disabled), [ENDED, blocked]);
        let enabled = read("risc/event-type/account-enabled", "{}");
        assert_eq!(kinds(enabled), [(Kind::Disabled, Some(Effect::Lifted))]);
    }

    #[test]
    fn a_device_is_blocked_while_it_does_not_comply() {
        let change = |before, now| {
            let payload = format!(r#"{{"previous_status":"{before}","current_status":"{now}"}}"#);
            kinds(read("caep/event-type/device-compliance-change", &payload))
        };
        let state = |effect| [(Kind::NotCompliant, Some(effect))];
        assert_eq!(change("compliant", "not-compliant"), state(Effect::Block));
        assert_eq!(change("not-compliant", "compliant"), state(Effect::Lifted));
    }

    #[test]
    fn the_risk_of_somebody_asks_for_more_and_that_of_many_for_nothing() {
        let change = |principal, level| {
            let payload = format!(r#"{{"principal":"{principal}","current_level":"{level}"}}"#);
            let event = read("caep/event-type/risk-level-change", &payload);
            (kinds(event.clone()), concerns_many(&event))
        };
        for principal in ["USER", "SESSION", "DEVICE"] {
            for (level, effect) in [
                ("HIGH", Effect::Reauthenticate),
                ("MEDIUM", Effect::StepUp),
                ("LOW", Effect::Lifted),
            ] {
                let expected = (vec![(Kind::Risk, Some(effect))], false);
                assert_eq!(change(principal, level), expected, "{principal} {level}");
            }
        }
        for principal in ["TENANT", "GROUP", "ORG_UNIT", "another"] {
            assert_eq!(change(principal, "HIGH"), (vec![], true), "{principal}");
        }
    }

    #[test]
    fn a_level_of_assurance_that_fell_asks_for_more_until_it_rises() {
        let change = |direction: &str| {
            let payload =
                format!(r#"{{"namespace":"NIST-AAL","current_level":"nist-aal1"{direction}}}"#);
            let event = read("caep/event-type/assurance-level-change", &payload);
            Actions::default().meaning(&claims(event), Timestamp::from_secs(NOW))
        };
        let fell = change(r#","change_direction":"decrease""#).unwrap();
        assert_eq!(fell.kinds, [(Kind::Assurance, Some(Effect::StepUp))]);
        assert_eq!(fell.about.as_deref(), Some("NIST-AAL"));
        let rose = change(r#","change_direction":"increase""#).unwrap();
        assert_eq!(rose.kinds, [(Kind::Assurance, Some(Effect::Lifted))]);
        assert_eq!(change(""), None);
    }

    #[test]
    fn a_token_with_other_claims_is_refused_and_nobody_else_is() {
        let event = || {
            read(
                "caep/event-type/token-claims-change",
                r#"{"claims":{"a":1}}"#,
            )
        };
        assert_eq!(kinds(event()), []);
        let mut of_token = claims(event());
        of_token.sub_id = SimpleSubject::JwtId {
            iss: "https://tr.example.com".into(),
            jti: "7".into(),
        }
        .into();
        let meaning = Actions::default().meaning(&of_token, Timestamp::from_secs(NOW));
        assert_eq!(meaning.unwrap().kinds, [ENDED]);
    }

    #[test]
    fn every_other_event_is_noted() {
        for (name, payload) in [
            ("ssf/event-type/verification", "{}"),
            ("ssf/event-type/stream-updated", r#"{"status":"paused"}"#),
            ("caep/event-type/session-established", "{}"),
            ("caep/event-type/session-presented", "{}"),
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
            assert_eq!(kinds(read(name, payload)), [], "{name}");
        }
    }

    #[test]
    fn an_application_may_act_upon_an_event_of_its_own() {
        let uri = EventTypeUri::parse("urn:example:fired").unwrap();
        let event = Event::read(&uri, "{}").unwrap();
        let mut actions = Actions::default();
        let meaning =
            |actions: &Actions| actions.meaning(&claims(event.clone()), Timestamp::from_secs(NOW));
        assert_eq!(meaning(&actions), None);
        actions.table.set(Trigger::Other(uri), Action::End);
        assert_eq!(meaning(&actions).unwrap().kinds, [ENDED]);
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
        let found = Actions::default().meaning(&claims(event.into()), Timestamp::from_secs(NOW));
        let found = found.unwrap();
        assert_eq!(found.kinds, [ENDED]);
        assert_eq!(found.moment, Timestamp::from_secs(NOW - 10));
        let reason = found.detail.reason.clone().unwrap();
        assert_eq!(reason.choose(None), ("en", "Signed out"));
    }
}

//! What a verified SET does to the index: a pure function of the claims, the policy and the time of receipt.

use ssf_types::{error::ErrCode, push::PushError, set::SetClaims, time::Timestamp};

use crate::{
    actions::{Actions, Meaning, concerns_device},
    revocation::{
        Effect, IndexKey, Policy, Revocation, ScopeId, Selection, State, Unselected, seconds,
        select,
    },
};

/// What a SET does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Plan {
    /// What it is stored and counted as.
    pub(crate) outcome: Outcome,
    /// What is revoked.
    pub(crate) revocations: Vec<Revocation>,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// It revokes.
    Revoked,
    /// It is acknowledged and has no effect on sessions.
    Noted,
    /// Its subject names nobody that this application knows of.
    NotApplicable,
    /// A critical member of its subject is not known here (SSF 1.0 §7.1).
    Discarded,
}

impl Outcome {
    /// The label in metrics, logs and the inbox.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Noted => "noted",
            Self::NotApplicable => "not_applicable",
            Self::Discarded => "discarded",
        }
    }
}

/// Plans what a SET does; the same claims and the same time of receipt give the same plan.
///
/// # Errors
/// The SET is to be refused.
pub(crate) fn plan(
    claims: &SetClaims,
    (policy, actions): (&Policy, &Actions),
    (key, scope): (&IndexKey, ScopeId),
    received_at: Timestamp,
) -> Result<Plan, PushError> {
    let without_effect = |outcome| Plan {
        outcome,
        revocations: Vec::new(),
    };
    let Some(meaning) = actions.meaning(claims, received_at) else {
        return Ok(without_effect(Outcome::Noted));
    };
    let selections = match selected(claims, policy) {
        Ok(selections) => selections,
        Err(Unselected::CriticalMember) => return Ok(without_effect(Outcome::Discarded)),
        Err(Unselected::NotApplicable) => return Ok(without_effect(Outcome::NotApplicable)),
        Err(error @ Unselected::TooManyCombinations) => {
            return Err(PushError::new(ErrCode::InvalidRequest, error.to_string()));
        }
    };
    let mut revocations = Vec::with_capacity(selections.len() * meaning.kinds.len());
    for mut selection in selections {
        for (kind, effect) in &meaning.kinds {
            // States are of one namespace; that a session ended is not.
            selection.mask.about = effect.and(meaning.about.clone());
            let moment = seconds(meaning.moment);
            revocations.push(Revocation {
                scope,
                key: key.selection(&claims.iss, &selection),
                mask: selection.mask.clone(),
                kind: *kind,
                state: effect.map(|effect| state(claims, &meaning, received_at, effect)),
                moment,
                until: seconds(received_at).max(moment),
                detail: meaning.detail.clone(),
            });
        }
    }
    Ok(Plan {
        outcome: Outcome::Revoked,
        revocations,
    })
}

/// The sessions that an event is about; a device that is not known is no reason to act upon its user.
fn selected(claims: &SetClaims, policy: &Policy) -> Result<Vec<Selection>, Unselected> {
    if !concerns_device(&claims.event) {
        return select(&claims.sub_id, policy);
    }
    let policy = Policy {
        unknown: policy.unknown_of_device,
        ..policy.clone()
    };
    select(&claims.sub_id, &policy)
}

fn state(claims: &SetClaims, meaning: &Meaning, received_at: Timestamp, effect: Effect) -> State {
    State {
        occurred: meaning.moment.as_millis(),
        toe: claims.toe.map_or(0, Timestamp::as_millis),
        arrived: received_at.as_millis(),
        effect,
    }
}

#[cfg(test)]
mod tests {
    use ssf_types::{
        audience::Audience,
        event::{
            Event,
            caep::{
                AssuranceLevelChange, ChangeDirection, ComplianceStatus, DeviceComplianceChange,
                SessionRevoked,
            },
            risc::AccountDisabled,
            ssf::Verification,
        },
        id::Jti,
        subject::{ComplexSubject, SimpleSubject, Subject},
        uri::Issuer,
    };

    use super::*;
    use crate::revocation::Kind;

    fn opaque(id: &str) -> SimpleSubject {
        SimpleSubject::Opaque { id: id.into() }
    }

    fn planned(subject: Subject, event: Event) -> Result<Plan, PushError> {
        let claims = SetClaims::new(
            Issuer::parse("https://tr.example.com").unwrap(),
            Jti::parse("1").unwrap(),
            Timestamp::from_secs(9),
            Audience::new(["https://rp.example.com"]).unwrap(),
            subject,
            event,
        );
        let policy = Policy {
            critical: ["device".to_owned()].into(),
            ..Policy::default()
        };
        let key = IndexKey::new([7; 16]);
        let of = (&key, ScopeId::default());
        let wanted = (&policy, &Actions::default());
        plan(&claims, wanted, of, Timestamp::from_secs(10))
    }

    fn verification(state: Option<&str>) -> Event {
        let mut event = Verification::default();
        event.state = state.map(str::to_owned);
        event.into()
    }

    #[test]
    fn a_verification_without_a_state_is_noted() {
        let plan = planned(opaque("stream").into(), verification(None)).unwrap();
        assert_eq!(plan.outcome, Outcome::Noted);
    }

    #[test]
    fn a_subject_with_an_unknown_critical_member_is_discarded() {
        let members = [("user", opaque("1")), ("device", opaque("2"))];
        let subject = ComplexSubject::new(members).unwrap().into();
        let plan = planned(subject, SessionRevoked::default().into()).unwrap();
        assert_eq!(plan.outcome, Outcome::Discarded);
        assert!(plan.revocations.is_empty());
    }

    #[test]
    fn a_tenant_alone_is_not_applicable() {
        let subject = ComplexSubject::new([("tenant", opaque("1"))]).unwrap();
        let plan = planned(subject.into(), SessionRevoked::default().into()).unwrap();
        assert_eq!(plan.outcome, Outcome::NotApplicable);
    }

    #[test]
    fn a_revoked_session_is_one_revocation_for_each_alias() {
        let identifiers = vec![opaque("1"), opaque("2")];
        let subject = SimpleSubject::Aliases { identifiers };
        let plan = planned(subject.into(), SessionRevoked::default().into()).unwrap();
        assert_eq!(plan.outcome, Outcome::Revoked);
        assert_eq!(plan.revocations.len(), 2);
    }

    #[test]
    fn a_device_that_is_not_known_is_no_reason_to_act_upon_its_user() {
        let change = DeviceComplianceChange::new(
            ComplianceStatus::Compliant,
            ComplianceStatus::NotCompliant,
        );
        let members = [("user", opaque("1")), ("session", opaque("2"))];
        let known = ComplexSubject::new(members).unwrap();
        let plan = planned(known.into(), change.clone().into()).unwrap();
        let masks: Vec<usize> = plan
            .revocations
            .iter()
            .map(|one| one.mask.has.len())
            .collect();
        assert_eq!(masks, [2]);
        let members = [("user", opaque("1")), ("tenant", opaque("2"))];
        let unknown = ComplexSubject::new(members).unwrap();
        let plan = planned(unknown.into(), change.into()).unwrap();
        assert_eq!(plan.outcome, Outcome::NotApplicable);
    }

    #[test]
    fn a_disabled_account_is_both_ended_and_blocked() {
        let plan = planned(opaque("1").into(), AccountDisabled::default().into()).unwrap();
        let kinds: Vec<_> = plan
            .revocations
            .iter()
            .map(|one| (one.kind, one.state.map(|state| state.effect)))
            .collect();
        let blocked = (Kind::Disabled, Some(Effect::Block));
        assert_eq!(kinds, [(Kind::Ended, None), blocked]);
    }

    #[test]
    fn states_of_two_namespaces_have_two_keys() {
        let key = |namespace: &str| {
            let mut change = AssuranceLevelChange::new(namespace, "low");
            change.change_direction = Some(ChangeDirection::Decrease);
            planned(opaque("1").into(), change.into())
                .unwrap()
                .revocations[0]
                .key
        };
        assert_eq!(key("NIST-AAL"), key("NIST-AAL"));
        assert_ne!(key("NIST-AAL"), key("RFC8176"));
    }
}

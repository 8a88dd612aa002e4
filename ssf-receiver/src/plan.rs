//! What a verified SET does to the index: a pure function of the claims, the policy and the time of receipt.

use ssf_types::{
    error::ErrCode,
    event::{Event, ssf::Verification},
    push::PushError,
    set::SetClaims,
    time::Timestamp,
};

use crate::{
    actions,
    revocation::{IndexKey, Policy, Revocation, ScopeId, Unselected, seconds, select},
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
    policy: &Policy,
    (key, scope): (&IndexKey, ScopeId),
    received_at: Timestamp,
) -> Result<Plan, PushError> {
    if let Event::Verification(Verification { state: Some(_), .. }) = &claims.event {
        return Err(PushError::new(
            ErrCode::InvalidState,
            "no verification with this state was asked for",
        ));
    }
    let without_effect = |outcome| Plan {
        outcome,
        revocations: Vec::new(),
    };
    let Some(meaning) = actions::meaning(claims, received_at) else {
        return Ok(without_effect(Outcome::Noted));
    };
    let selections = match select(&claims.sub_id, policy) {
        Ok(selections) => selections,
        Err(Unselected::CriticalMember) => return Ok(without_effect(Outcome::Discarded)),
        Err(Unselected::NotApplicable) => return Ok(without_effect(Outcome::NotApplicable)),
        Err(error @ Unselected::TooManyCombinations) => {
            return Err(PushError::new(ErrCode::InvalidRequest, error.to_string()));
        }
    };
    let moment = seconds(meaning.moment);
    let revocations = selections
        .into_iter()
        .map(|selection| Revocation {
            scope,
            key: key.selection(&claims.iss, &selection),
            mask: selection.mask,
            kind: meaning.kind,
            moment,
            until: seconds(received_at).max(moment),
            detail: meaning.detail.clone(),
        })
        .collect();
    Ok(Plan {
        outcome: Outcome::Revoked,
        revocations,
    })
}

#[cfg(test)]
mod tests {
    use ssf_types::{
        audience::Audience,
        event::caep::SessionRevoked,
        id::Jti,
        subject::{ComplexSubject, SimpleSubject, Subject},
        uri::Issuer,
    };

    use super::*;

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
        plan(&claims, &policy, of, Timestamp::from_secs(10))
    }

    fn verification(state: Option<&str>) -> Event {
        let mut event = Verification::default();
        event.state = state.map(str::to_owned);
        event.into()
    }

    #[test]
    fn a_verification_with_a_state_that_nobody_asked_for_is_refused() {
        let error = planned(opaque("stream").into(), verification(Some("x"))).unwrap_err();
        assert_eq!(error.err, ErrCode::InvalidState);
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
}

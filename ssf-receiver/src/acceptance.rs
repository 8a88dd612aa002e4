//! Accepting a verified SET: durable, then in effect, then acknowledged, in this order.

use ssf_types::{
    error::{Chain, ErrCode},
    event::Event,
    push::PushError,
    set::{Sequence, SetClaims, VerifiedSet},
    time::Timestamp,
};

use crate::{
    actions::{Actions, concerns_many},
    answer::Answer,
    failpoint::{Failpoint, reached},
    inbox::{Arriving, Inbox, ReceivedSet, Retained},
    keys::RETRY_AFTER,
    plan::{Outcome, Plan, plan},
    revocation::{Index, Policy, Revocation, ScopeId},
};

/// Counts what became of events.
const EVENTS: &str = "ssf_receiver_events_total";

/// Takes verified SETs: the step that a [`Receiver`](crate::Receiver) takes with each of them, for whoever keeps an inbox
/// and an index of their own. It is borrowed from whoever serves.
///
/// One that stops in the midst of the step leaves the SET in the inbox at most. So whoever starts with an inbox that is
/// there puts [`Inbox::watermarks`] and [`Inbox::revocations`] into the index first; and a peer that hangs up must not break the step off.
#[derive(Clone, Copy, Debug)]
pub struct Acceptance<'a, I> {
    /// Where SETs are safe.
    pub inbox: &'a I,
    /// What decisions are made by.
    pub index: &'a Index,
    /// What the application knows of its sessions.
    pub policy: &'a Policy,
    /// What it wants to follow from events.
    pub actions: &'a Actions,
}

impl<I: Inbox> Acceptance<'_, I> {
    /// Makes a verified SET durable, then effective, then answers. A SET that came before is applied again as of then.
    #[tracing::instrument(name = "accept", skip_all, fields(set.jti = %set.claims().jti, event.r#type = %set.claims().event.uri()))]
    pub async fn accept(&self, set: &VerifiedSet, received_at: Timestamp) -> Answer {
        self.take((set.claims(), set.json()), received_at).await
    }

    /// The same with claims that somebody vouches for, and their text.
    pub(crate) async fn take(
        &self,
        (claims, json): (&SetClaims, &str),
        received_at: Timestamp,
    ) -> Answer {
        let Some(scope) = self.index.scope(&claims.iss) else {
            return Answer::refused(PushError::new(
                ErrCode::InvalidIssuer,
                "iss is not one whose SETs are taken here",
            ));
        };
        let planned = match self.plan(claims, scope, received_at) {
            Ok(planned) => planned,
            Err(refusal) => return Answer::refused(refusal),
        };
        if let Err(full) = self.index.has_room(&planned.revocations) {
            metrics::counter!(EVENTS, "outcome" => "no_room").increment(1);
            tracing::error!(error = %full, "the SET is not acknowledged");
            return Answer::unavailable(RETRY_AFTER);
        }
        let received = ReceivedSet {
            issuer: claims.iss.clone(),
            jti: claims.jti.clone(),
            claims: json.to_owned(),
            fingerprint: self.index.key().claims(json),
            received_at,
            // One that cannot be read is told by whoever compares them.
            sequence: Sequence::among(&claims.extra).ok().flatten(),
            outcome: planned.outcome.label(),
        };
        let arriving = Arriving {
            set: received,
            revocations: planned.revocations,
        };
        let retained = self.inbox.retain(std::slice::from_ref(&arriving)).await;
        reached(Failpoint::AfterCommit);
        match retained.map(|retained| retained.first().copied()) {
            Ok(Some(Retained::New)) => {
                report(&claims.event, planned.outcome);
                self.acknowledge(&arriving.revocations)
            }
            Ok(Some(Retained::Duplicate { received_at })) => {
                self.repeat(claims, scope, received_at)
            }
            Ok(Some(Retained::Conflict)) => {
                tracing::error!("suspicious: a SET came before with other claims");
                Answer::refused(PushError::new(
                    ErrCode::InvalidRequest,
                    "a SET with this iss and jti and other claims came before",
                ))
            }
            Ok(None) => {
                tracing::error!("the inbox does not answer for the SET");
                Answer::unavailable(RETRY_AFTER)
            }
            Err(error) => {
                tracing::error!(error = %Chain(&error), "the SET is not acknowledged");
                Answer::unavailable(RETRY_AFTER)
            }
        }
    }

    fn plan(
        &self,
        claims: &SetClaims,
        scope: ScopeId,
        received_at: Timestamp,
    ) -> Result<Plan, PushError> {
        let wanted = (self.policy, self.actions);
        plan(claims, wanted, (self.index.key(), scope), received_at)
    }

    /// Acknowledges a SET that came before, and applies it again as of then.
    ///
    /// The first time may have ended between the database and the index; otherwise this changes nothing.
    fn repeat(&self, claims: &SetClaims, scope: ScopeId, received_at: Timestamp) -> Answer {
        match self.plan(claims, scope, received_at) {
            Ok(planned) => {
                metrics::counter!(EVENTS, "outcome" => "duplicate").increment(1);
                tracing::info!(outcome = "duplicate", "the SET came before");
                self.acknowledge(&planned.revocations)
            }
            Err(refusal) => Answer::refused(refusal),
        }
    }

    /// Puts what is on disk into effect; only then there is a 202.
    fn acknowledge(&self, revocations: &[Revocation]) -> Answer {
        for revocation in revocations {
            self.index.apply(revocation);
        }
        Answer::accepted()
    }
}

/// Counts and logs what became of an event.
fn report(event: &Event, outcome: Outcome) {
    let label = outcome.label();
    metrics::counter!(EVENTS, "outcome" => label).increment(1);
    match outcome {
        Outcome::Revoked | Outcome::Noted => {
            tracing::info!(outcome = label, "the SET is acknowledged");
        }
        Outcome::NotApplicable | Outcome::Discarded => {
            tracing::warn!(
                outcome = label,
                "the SET is acknowledged and ends no session"
            );
        }
    }
    if concerns_many(event) {
        tracing::warn!(
            "the event is about so many that nothing follows from it: a person should look"
        );
    }
    if let Event::StreamUpdated(updated) = event {
        let status = updated.status.as_str();
        tracing::warn!(stream.status = status, "the transmitter changed the stream");
    }
}

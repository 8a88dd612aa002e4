//! Verifying a SET: it is sound, or refused for good, or kept until that can be told.

use std::time::Duration;

use ssf_types::{
    audience::Audience,
    error::Chain,
    push::PushError,
    set::{Expectation, SET_BYTES_MAX, SetError, UnverifiedSet, VerifiedSet},
    time::Timestamp,
};

use crate::{
    answer::Answer,
    clock,
    inbox::Quarantine,
    keys::{RETRY_AFTER, Unverified},
    quarantine::{self, Admitted, WaitsFor},
    revocation::Fingerprint,
    transmitter::Shared,
};

/// How far ahead an `iat` may lie for the clocks to be the likely cause; beyond, the number is wrong.
const CLOCK_DIFFERENCE_MAX: Duration = Duration::from_hours(24);

/// A SET that was verified.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) set: VerifiedSet,
    /// When it came first, as far as that is known.
    pub(crate) received_at: Timestamp,
    /// Its name in quarantine, if it waits there.
    waited: Option<Fingerprint>,
}

impl Shared {
    /// What SETs have to be; `None` while there is no stream.
    pub(crate) fn expectation(&self) -> Option<Expectation> {
        let audience = self.audience.load_full()?;
        let expected = Expectation::new(self.issuer.clone(), Audience::clone(&audience));
        Some(expected.with_dialect(self.dialect))
    }

    /// Verifies a token, whichever way it came. One that may be verified later is kept.
    ///
    /// # Errors
    /// The answer to it: why it is refused for good, or when it may come again.
    pub(crate) async fn verified(
        &self,
        token: &[u8],
        received_at: Timestamp,
    ) -> Result<Arrived, Answer> {
        if token.len() > SET_BYTES_MAX {
            return Err(Answer::too_long());
        }
        let set = UnverifiedSet::parse(token).map_err(|error| refused(&error))?;
        let expected = self.expectation();
        let expected = expected.ok_or_else(|| Answer::unavailable(RETRY_AFTER))?;
        // What was parsed is text.
        let token = std::str::from_utf8(token).unwrap_or_default();
        let fingerprint = self.core.index.key().token(token);
        let waiting_since = self.quarantined.arrived_at(fingerprint);
        let received_at = waiting_since.unwrap_or(received_at);
        let verified = if self.quarantined.was_given_up(fingerprint) {
            self.keys.verify_now(&set, &expected, clock::now())
        } else {
            self.keys.verify(&set, &expected, clock::now()).await
        };
        let (waits_for, retry_after) = match verified {
            Ok(set) => {
                return Ok(Arrived {
                    set,
                    received_at,
                    waited: waiting_since.map(|_| fingerprint),
                });
            }
            Err(Unverified::Never(error)) => match self.due_at(&set, &expected, &error) {
                Some(time) => {
                    tracing::error!("the clock is behind that of the transmitter");
                    (WaitsFor::Time(time), RETRY_AFTER)
                }
                None => return Err(refused(&error)),
            },
            Err(Unverified::WithoutKey(error)) => {
                let fetched_at = self.keys.fetched_at();
                if self.quarantined.is_too_late(fingerprint, fetched_at) {
                    Box::pin(self.give_up(&[fingerprint])).await;
                    return Err(refused(&error));
                }
                (WaitsFor::Keys, RETRY_AFTER)
            }
            Err(Unverified::NotNow { retry_after }) => (WaitsFor::Keys, retry_after),
        };
        // It is rare, and would make each SET's task larger; so would what follows from one that waited.
        Box::pin(self.keep(fingerprint, (token, received_at), waits_for)).await;
        Err(Answer::unavailable(retry_after))
    }

    /// From when on a SET is none from the future, if it is sound but for that: then our clock may be wrong, and refusing
    /// it for good would lose it.
    pub(crate) fn due_at(
        &self,
        set: &UnverifiedSet,
        expected: &Expectation,
        error: &SetError,
    ) -> Option<Timestamp> {
        if *error != SetError::IssuedInFuture {
            return None;
        }
        let mut lenient = expected.clone();
        lenient.leeway = CLOCK_DIFFERENCE_MAX;
        let set = self.keys.verify_now(set, &lenient, clock::now()).ok()?;
        let leeway = u64::try_from(expected.leeway.as_millis()).unwrap_or(u64::MAX);
        let iat = set.claims().iat.as_millis();
        Some(Timestamp::from_millis(iat.saturating_sub(leeway)))
    }

    /// Makes a SET that is sound durable and effective, and answers; if it waited, it does no longer.
    pub(crate) async fn take(&self, arrived: &Arrived) -> Answer {
        let answer = self.apply(&arrived.set, arrived.received_at).await;
        if answer.is_acknowledgement() {
            self.acknowledged();
        }
        if let Some(fingerprint) = arrived.waited.filter(|_| answer.is_settled()) {
            Box::pin(self.let_go(&[fingerprint])).await;
        }
        answer
    }

    /// Keeps a SET that cannot be verified now. It is not acknowledged, so that it comes again if that fails.
    async fn keep(&self, fingerprint: Fingerprint, token: (&str, Timestamp), waits_for: WaitsFor) {
        match self.quarantined.admit(fingerprint, token, waits_for) {
            Admitted::New(waiting) => {
                quarantine::count("kept");
                tracing::warn!(?waits_for, "a SET cannot be verified now, and is kept");
                if let Err(error) = self.core.inbox.keep_waiting(&[waiting]).await {
                    tracing::error!(error = %Chain(&error), "a SET that cannot be verified now is not kept");
                    self.quarantined.let_go(&[fingerprint]);
                }
            }
            Admitted::Known => {}
            Admitted::Full => {
                quarantine::count("full");
                tracing::error!(
                    sets = self.quarantined.count(),
                    "so many SETs cannot be verified that no more are kept"
                );
            }
        }
        self.hearing.quarantined_are(self.quarantined.count());
    }

    /// Lets SETs go that waited and are settled.
    pub(crate) async fn let_go(&self, fingerprints: &[Fingerprint]) {
        if fingerprints.is_empty() {
            return;
        }
        self.quarantined.let_go(fingerprints);
        self.hearing.quarantined_are(self.quarantined.count());
        let scope = self.quarantined.scope();
        if let Err(error) = self.core.inbox.let_go(scope, fingerprints).await {
            // They are tried once more at the next start, and known.
            tracing::warn!(error = %Chain(&error), "SETs that are settled stay in quarantine");
        }
    }

    /// Gives up SETs whose key did not come, and remembers that.
    pub(crate) async fn give_up(&self, fingerprints: &[Fingerprint]) {
        let fresh = fingerprints.iter().copied();
        let fresh = fresh.filter(|one| !self.quarantined.was_given_up(*one));
        let (memories, forgotten): (Vec<_>, Vec<_>) =
            fresh.map(|one| self.quarantined.give_up(one)).unzip();
        let memories: Vec<_> = memories.into_iter().flatten().collect();
        let forgotten: Vec<_> = forgotten.into_iter().flatten().collect();
        if memories.is_empty() {
            return;
        }
        for _ in &memories {
            quarantine::count("given_up");
        }
        tracing::error!(
            sets = memories.len(),
            "the transmitter has not published the key of SETs that waited for it: they are given up"
        );
        self.hearing.quarantined_are(self.quarantined.count());
        let kept = self.core.inbox.keep_waiting(&memories).await;
        let scope = self.quarantined.scope();
        let kept = match kept {
            Ok(()) => self.core.inbox.let_go(scope, &forgotten).await,
            Err(error) => Err(error),
        };
        if let Err(error) = kept {
            // They are tried once more after the next start.
            tracing::warn!(error = %Chain(&error), "that SETs were given up is not remembered");
        }
    }
}

fn refused(error: &SetError) -> Answer {
    Answer::refused(PushError::from(error))
}

//! The handler that deletes the sessions that a SET has ended.

use std::{collections::HashSet, sync::Arc};

use ssf_types::{
    set::SetClaims,
    subject::{SimpleSubject, Subject},
};

use super::{SessionId, SessionStore, SessionStoreError};
use crate::{
    plan::plan,
    receiver::Receiver,
    revocation::{COLLECTIVE, Fingerprint, Kind, Policy, Revocation},
    transmitter::Shared,
    work::{HandedSet, HandleError},
};

/// Counts sessions by store.
const DELETED: &str = "ssf_receiver_sessions_deleted_total";

/// Sessions that a store is asked to delete at once: it does nothing else meanwhile.
const AT_ONCE_MAX: usize = 256;

/// The sessions that a SET has ended are not deleted yet.
#[derive(Debug, thiserror::Error)]
enum DeletionError {
    /// Which members are critical is not known, so that nobody can tell what the SET means.
    #[error("the transmitter's metadata is not known yet")]
    Metadata,
    #[error(transparent)]
    Store(#[from] SessionStoreError),
}

impl Receiver {
    /// Has the sessions in `store` deleted that SETs end from now on, after the guard refuses them.
    ///
    /// It is a [handler](Receiver::handle) called `name`: a store that is away is asked again, and what a process did not get to its
    /// successor does. Only sessions are deleted that are over for good ([`Reason::is_final`](crate::guard::Reason::is_final)).
    ///
    /// ```no_run
    /// # use ssf_receiver::{Receiver, sessions::MemorySessions};
    /// # async fn run(receiver: Receiver) -> Result<(), Box<dyn std::error::Error>> {
    /// let sessions = MemorySessions::default();
    /// receiver.delete_sessions("sessions", sessions.clone()).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As those of a handler.
    pub async fn delete_sessions<S: SessionStore>(
        &self,
        name: &str,
        store: S,
    ) -> Result<(), HandleError> {
        let shared = self.transmitters().map(|one| Arc::clone(one.shared()));
        let (shared, store) = (shared.collect::<Vec<_>>(), Arc::new(store));
        let label = name.to_owned();
        let delete = move |set: HandedSet| {
            let shared = shared.iter().find(|one| one.issuer == set.claims.iss);
            let (shared, store) = (shared.cloned(), Arc::clone(&store));
            let label = label.clone();
            async move {
                // Nothing is decided any more by what a Transmitter said that is served no longer.
                if let Some(shared) = shared {
                    let deleted = shared.delete_ended(&set, &*store).await?;
                    metrics::counter!(DELETED, "store" => label).increment(deleted);
                }
                Ok::<_, DeletionError>(())
            }
        };
        self.handle(name, delete).await
    }
}

impl Shared {
    /// Deletes the sessions that a SET names and that are over; returns with how many.
    async fn delete_ended(
        &self,
        set: &HandedSet,
        store: &impl SessionStore,
    ) -> Result<u64, DeletionError> {
        let ending = self.ending(set)?;
        if ending.is_empty() {
            return Ok(0);
        }
        // The SET may be on disk and not in the index yet, and a session is denied first. Once more changes nothing.
        for revocation in &ending {
            self.core.index.apply(revocation);
        }
        let mut deleted = HashSet::new();
        for fingerprint in self.named(&set.claims) {
            let found = store.find(fingerprint).await?.into_iter();
            let ended: Vec<SessionId> = found
                .filter(|one| {
                    !deleted.contains(&one.id) && self.core.decide(&one.keys).decision.is_final()
                })
                .map(|one| one.id)
                .collect();
            for ids in ended.chunks(AT_ONCE_MAX) {
                store.end(ids).await?;
            }
            deleted.extend(ended);
        }
        Ok(deleted.len() as u64)
    }

    /// What of a SET ends sessions, as of when it came.
    fn ending(&self, set: &HandedSet) -> Result<Vec<Revocation>, DeletionError> {
        let Some(scope) = self.core.index.scope(&set.claims.iss) else {
            return Ok(Vec::new());
        };
        if self.keys.metadata().is_none() {
            return Err(DeletionError::Metadata);
        }
        let policy = Policy {
            critical: self.keys.critical_subject_members(),
            ..self.policy.clone()
        };
        let wanted = (&policy, &self.actions);
        let planned = plan(
            &set.claims,
            wanted,
            (self.core.index.key(), scope),
            set.received_at,
        );
        let mut revocations = planned.map(|plan| plan.revocations).unwrap_or_default();
        revocations.retain(|one| one.kind == Kind::Ended);
        Ok(revocations)
    }

    /// The identifiers of whoever a SET is about, each once, but for what many have in common: see [`SessionKeys::fingerprints`].
    ///
    /// [`SessionKeys::fingerprints`]: crate::SessionKeys::fingerprints
    fn named(&self, claims: &SetClaims) -> HashSet<Fingerprint> {
        let key = self.core.index.key();
        let fingerprint = |identifier: &SimpleSubject| key.fingerprint(&claims.iss, identifier);
        match &claims.sub_id {
            Subject::Simple(simple) => simple.alternatives().iter().map(fingerprint).collect(),
            Subject::Complex(complex) => complex
                .members()
                .filter(|(name, _)| !COLLECTIVE.contains(name))
                .flat_map(|(_, identifier)| identifier.alternatives())
                .map(fingerprint)
                .collect(),
            _ => HashSet::new(),
        }
    }
}

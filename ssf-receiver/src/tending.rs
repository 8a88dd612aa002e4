//! Upkeep of what was revoked: what is over is forgotten, and the database drops what the index has forgotten. So are SETs.

use std::{convert::Infallible, sync::Arc, time::Duration};

use ssf_types::error::Chain;
use tokio::{task::spawn_blocking, time::sleep};

use crate::{
    inbox::{
        Inbox, InboxError,
        forgetting::{Forgetting, Over},
    },
    revocation::{Index, ScopeId, Watermarks},
    transmitter::Shared,
};

/// How often to look.
const INTERVAL: Duration = Duration::from_mins(1);

/// How often something is over at most, by the clock that [`Expiry`](crate::expiry::Expiry) goes by: each time, sessions that
/// are older are renewed.
const EXPIRY_INTERVAL_SECONDS: u32 = 60 * 60;

/// Most rows that go in one transaction, which others wait for.
const ROWS_MAX: u32 = 10_000;

/// How long others have the database to themselves between two of those.
const PAUSE: Duration = Duration::from_millis(100);

/// Tends to a receiver's revocations. Never returns.
pub(crate) async fn keep(shared: Arc<Shared>) -> Infallible {
    let mut tending = Tending::default();
    loop {
        if let Err(error) = tending.turn(&shared).await {
            tracing::error!(error = %Chain(&error), "what was forgotten stays in the database");
        }
        sleep(INTERVAL).await;
    }
}

#[derive(Debug, Default)]
struct Tending {
    /// When something was over last, by the same clock.
    expired_at: u32,
    /// Whether something was over before in this process: an application that starts has not told of all its handlers yet, which may
    /// not be done with what came long ago.
    has_begun: bool,
    /// What the database has.
    stored: Watermarks,
}

impl Tending {
    async fn turn(&mut self, shared: &Arc<Shared>) -> Result<(), InboxError> {
        let scope = shared.quarantined.scope();
        let is_due = self.is_due(shared.expiry.told());
        if is_due {
            expire(shared, scope).await;
        }
        self.store(&shared.core.index, &shared.core.inbox, scope)
            .await?;
        if self.forgets_sets(is_due) {
            let over = Over {
                issuer: shared.issuer.clone(),
                before: shared.expiry.sets_over(),
                handlers: shared.core.handlers.names(),
            };
            forget_sets(&shared.core.inbox, &over).await?;
        }
        Ok(())
    }

    /// Whether something may be over; not again within the interval.
    fn is_due(&mut self, told: u32) -> bool {
        let is_due = told >= self.expired_at.saturating_add(EXPIRY_INTERVAL_SECONDS);
        if is_due {
            self.expired_at = told;
        }
        is_due
    }

    /// Whether SETs may be forgotten.
    fn forgets_sets(&mut self, is_due: bool) -> bool {
        is_due && std::mem::replace(&mut self.has_begun, true)
    }

    /// Has the database drop what the index has forgotten, unless it has.
    async fn store(
        &mut self,
        index: &Index,
        inbox: &impl Inbox,
        scope: ScopeId,
    ) -> Result<(), InboxError> {
        let watermarks = index.watermarks(scope);
        if watermarks == self.stored {
            return Ok(());
        }
        while inbox.forget(scope, watermarks, ROWS_MAX).await? == ROWS_MAX {
            sleep(PAUSE).await;
        }
        self.stored = watermarks;
        Ok(())
    }
}

/// Has the index forget what is over, which takes it some milliseconds for a million revocations.
async fn expire(shared: &Arc<Shared>, scope: ScopeId) {
    let shared = Arc::clone(shared);
    let forgotten = spawn_blocking(move || shared.core.index.forget(scope, shared.expiry.over()));
    if forgotten.await.is_err() {
        tracing::error!("what is over could not be forgotten");
    }
}

/// Has the inbox forget SETs.
async fn forget_sets(inbox: &impl Forgetting, over: &Over) -> Result<(), InboxError> {
    let (mut after, mut sets) = (0, 0);
    loop {
        let forgotten = inbox.forget_sets(over, after).await?;
        sets += forgotten.sets;
        let Some(row) = forgotten.go_on else { break };
        after = row;
        sleep(PAUSE).await;
    }
    if sets > 0 {
        tracing::info!(sets, "SETs that came long ago were forgotten");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ssf_types::{id::Jti, time::Timestamp, uri::Issuer};

    use super::*;
    use crate::{
        guard::{Decision, Reason, decide},
        inbox::{Arriving, MemoryInbox, ReceivedSet},
        revocation::{Detail, IndexKey, Kind, Limits, Mask, Revocation, RevocationKey, Scope},
        session::{Session, SessionKeys},
    };

    fn secret() -> IndexKey {
        IndexKey::new([7; 16])
    }

    fn issuer() -> Issuer {
        Issuer::parse("https://idp.example.com").unwrap()
    }

    fn ended(number: u8) -> Revocation {
        Revocation {
            scope: ScopeId::default(),
            key: RevocationKey::from_bytes([number; 16]),
            mask: Mask::default(),
            kind: Kind::Ended,
            state: None,
            moment: u32::from(number),
            until: u32::from(number),
            detail: Arc::new(Detail {
                event: "urn:example:event".into(),
                reason: None,
            }),
        }
    }

    fn arriving(number: u8) -> Arriving {
        let claims = format!("{{\"jti\":\"{number}\"}}");
        Arriving {
            set: ReceivedSet {
                issuer: issuer(),
                jti: Jti::parse(number.to_string()).unwrap(),
                fingerprint: secret().claims(&claims),
                claims,
                received_at: Timestamp::from_secs(number.into()),
                sequence: None,
                outcome: "revoked",
            },
            revocations: vec![ended(number)],
        }
    }

    /// An index as a process has it that starts.
    async fn started(inbox: &impl Inbox) -> (Index, ScopeId) {
        let scopes: Vec<Scope> = inbox.scopes(&[issuer()]).await.unwrap();
        let id = scopes[0].id;
        let limits = Limits {
            room_for: 0,
            most: 8,
        };
        let index = Index::with_limits(limits, secret(), scopes);
        for (scope, watermarks) in inbox.watermarks().await.unwrap() {
            index.raise(scope, watermarks);
        }
        let each = |revocation| index.apply(&revocation);
        inbox.revocations(each).await.unwrap();
        index.settled();
        (index, id)
    }

    fn session(began: u64) -> SessionKeys {
        secret().keys(&Session::new(issuer(), Timestamp::from_secs(began)).sid("s1"))
    }

    fn is_let_in(index: &Index, began: u64) -> bool {
        match decide(&session(began), index) {
            Decision::Allow => true,
            Decision::Deny(denial) => {
                assert_eq!(denial.reason(), Reason::Renew);
                false
            }
        }
    }

    /// Whatever the database drops, those who may have been ended stay out, also after a start.
    async fn drops_what_is_forgotten(inbox: &impl Inbox) {
        for number in 1..=40 {
            inbox.retain(&[arriving(number)]).await.unwrap();
        }
        let (index, scope) = started(inbox).await;
        let watermark = index.watermarks(scope).ended;
        assert!((32..40).contains(&watermark), "{watermark}");
        // A crash here: nothing is lost yet.
        assert_eq!(inbox.revocation_count().await.unwrap(), 40);
        let mut tending = Tending::default();
        tending.store(&index, inbox, scope).await.unwrap();
        let mut rows = Vec::new();
        inbox.revocations(|row| rows.push(row)).await.unwrap();
        assert!(rows.iter().all(|row| row.until > watermark));
        assert_eq!(rows.len(), 40 - watermark as usize);
        let (again, _) = started(inbox).await;
        assert_eq!(again.watermarks(scope), index.watermarks(scope));
        for index in [index, again] {
            assert!(!is_let_in(&index, u64::from(watermark) + 60));
            assert!(is_let_in(&index, u64::from(watermark) + 61));
        }
    }

    #[tokio::test]
    async fn what_is_forgotten_leaves_the_memory_and_those_it_may_have_ended_stay_out() {
        drops_what_is_forgotten(&MemoryInbox::default()).await;
    }

    #[cfg(feature = "sqlite")]
    #[tokio::test]
    async fn what_is_forgotten_leaves_the_database_and_those_it_may_have_ended_stay_out() {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("inbox.db").display());
        let inbox = crate::store::SqlInbox::open(&url, Duration::ZERO).await;
        drops_what_is_forgotten(&inbox.unwrap()).await;
    }

    #[test]
    fn something_is_over_once_an_hour_at_most() {
        let mut tending = Tending::default();
        let told = [0, 3_599, 3_600, 3_601, 7_199, 7_200, 90_000, 90_001];
        let due = told.map(|told| tending.is_due(told));
        assert_eq!(due, [false, false, true, false, false, true, true, false]);
    }

    #[test]
    fn no_set_is_forgotten_while_an_application_may_still_be_starting() {
        let mut tending = Tending::default();
        let forgets = [false, true, false, true, true].map(|due| tending.forgets_sets(due));
        assert_eq!(forgets, [false, false, false, true, true]);
    }
}

//! Keeps the snapshot right, and the keys in step with their schedule.

use std::time::Duration;

use ssf_types::{error::Chain, time::Timestamp};
use tokio::time::{Instant, timeout};
use tracing::{error, info};

use super::{SigningKeys, snapshot::Snapshot};
use crate::{
    app::keys::{self, ChangeKeysError, KeyPlan, MakesKeys},
    ports::{Clock, KeyStore},
};

/// How often the store is asked whether keys have changed: often enough that a snapshot is still fresh after two
/// questions that were not answered.
const LOOK_INTERVAL: Duration = Duration::from_millis(300);

/// How often keys that should be changed are. It bounds how often a key is made in vain.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Looks for changes of the keys, and changes them as `plan` says, for as long as it is let.
pub async fn keep<S: KeyStore>(keys: &SigningKeys, store: &S, clock: &impl Clock, plan: &KeyPlan) {
    let mut is_failing = false;
    let mut upkeep_at = Instant::now();
    loop {
        match keys.look(store, clock).await {
            Ok(snapshot) => {
                if is_failing {
                    info!("the signing keys are confirmed again");
                }
                is_failing = false;
                if Instant::now() >= upkeep_at {
                    upkeep_at = Instant::now() + UPKEEP_INTERVAL;
                    maintain(store, &snapshot, plan, clock.now()).await;
                }
            }
            // Three times a second would be too often.
            Err(_) if is_failing => {}
            Err(error) => {
                is_failing = true;
                error!(error = %Chain(&error), "the signing keys cannot be confirmed, and nothing is signed meanwhile");
            }
        }
        // A time-out is the usual end of the wait.
        let _ = timeout(LOOK_INTERVAL, keys.0.wanted.notified()).await;
    }
}

async fn maintain(store: &impl KeyStore, snapshot: &Snapshot, plan: &KeyPlan, now: Timestamp) {
    for (issuer, ring) in snapshot.rings() {
        if ring.has_remains(now) {
            report(keys::forget(store, issuer, now).await);
        }
        match plan.makes(issuer) {
            MakesKeys::Yes => {}
            MakesKeys::No => continue,
        }
        for algorithm in ring.due_for_rotation(&plan.policy, now) {
            report(keys::rotate_if_due(store, issuer, algorithm, &plan.policy, now).await);
        }
    }
}

fn report(changed: Result<(), ChangeKeysError>) {
    if let Err(error) = changed {
        error!(error = %Chain(&error), "the signing keys cannot be kept in step with their schedule");
    }
}

//! Trying anew what waits: whenever keys were fetched, and whenever the time of a SET has come.

use std::{convert::Infallible, sync::Arc};

use ssf_types::{
    error::Chain,
    set::{Expectation, SetError, UnverifiedSet, VerifiedSet},
};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout_at},
};

use super::WaitsFor;
use crate::{
    budget::REFILL,
    clock,
    inbox::{Inbox, InboxError, Waiting},
    keys::Unverified,
    revocation::Fingerprint,
    transmitter::Shared,
};

/// Most SETs that are put into effect together.
const SETS_TOGETHER: usize = 64;

/// What became of a SET that waited.
enum Judgement {
    Sound(Box<VerifiedSet>),
    /// It is refused for good.
    Never(SetError),
    /// Its key did not come in time.
    TooLate,
    NotYet,
}

/// Tries what waits, and remembers keys that were fetched; never returns.
///
/// While there are SETs that wait for keys, they are asked for as often as the budget allows in the long run.
pub(crate) async fn keep_trying(shared: Arc<Shared>) -> Infallible {
    let mut fetches = shared.keys.fetches();
    let mut remembered = 0;
    let mut ask_at = Instant::now() + REFILL;
    loop {
        let latest = *fetches.borrow_and_update();
        if latest != remembered {
            remembered = latest;
            if let Err(error) = remember(&shared).await {
                tracing::warn!(error = %Chain(&error), "the transmitter's keys are not remembered");
            }
        }
        try_again(&shared).await;
        tokio::select! {
            biased;
            _ = fetches.changed() => {}
            () = until_due(&shared, ask_at) => {}
        }
        if ask_at <= Instant::now() {
            ask_at = Instant::now() + REFILL;
            if shared.quarantined.want_keys() {
                // What came of it is told to whoever waits, and seen above.
                let _ = shared.keys.refresh().await;
            }
        }
    }
}

/// Waits until the time of a SET has come, or until keys are to be asked for.
async fn until_due(shared: &Shared, ask_at: Instant) {
    loop {
        let next = shared.quarantined.next_time(clock::now());
        let next = next.map_or(ask_at, |wait| ask_at.min(Instant::now() + wait));
        if timeout_at(next, shared.quarantined.came()).await.is_err() {
            return;
        }
    }
}

async fn remember(shared: &Shared) -> Result<(), InboxError> {
    let Some(memory) = shared.keys.memory() else {
        return Ok(());
    };
    shared
        .core
        .inbox
        .keep_settings(&memory.write(&shared.issuer)?)
        .await
}

/// Tries each SET that is due, with the keys that are here.
async fn try_again(shared: &Arc<Shared>) {
    let due = shared.quarantined.due(clock::now());
    let Some(expected) = shared.expectation() else {
        return;
    };
    for some in due.chunks(SETS_TOGETHER) {
        let mut settled = Vec::new();
        let mut given_up = Vec::new();
        let mut under_way = JoinSet::new();
        for waiting in some {
            match judge(shared, waiting, &expected) {
                Judgement::Sound(set) => {
                    let (shared, waiting) = (Arc::clone(shared), waiting.clone());
                    under_way.spawn(async move { applied(&shared, &set, &waiting).await });
                }
                Judgement::Never(error) => {
                    super::count("refused");
                    tracing::warn!(error = %Chain(&error), "a SET that waited is refused");
                    settled.push(waiting.fingerprint);
                }
                Judgement::TooLate => given_up.push(waiting.fingerprint),
                Judgement::NotYet => {}
            }
        }
        // One whose task broke off waits on.
        while let Some(applied) = under_way.join_next().await {
            settled.extend(applied.ok().flatten());
        }
        shared.let_go(&settled).await;
        shared.give_up(&given_up).await;
        tokio::task::yield_now().await;
    }
}

fn judge(shared: &Shared, waiting: &Waiting, expected: &Expectation) -> Judgement {
    let Some(token) = &waiting.token else {
        return Judgement::TooLate;
    };
    // Should nothing come of it now, it is looked at again with the next keys.
    shared
        .quarantined
        .waits_for(waiting.fingerprint, WaitsFor::Keys);
    let set = match UnverifiedSet::parse(token.as_bytes()) {
        Ok(set) => set,
        Err(error) => return Judgement::Never(error),
    };
    let now = clock::now();
    let error = match shared.keys.verify_now(&set, expected, now) {
        Ok(set) => return Judgement::Sound(Box::new(set)),
        Err(Unverified::Never(error)) => error,
        Err(Unverified::WithoutKey(_)) => {
            let fetched_at = shared.keys.fetched_at();
            let is_too_late = shared
                .quarantined
                .is_too_late(waiting.fingerprint, fetched_at);
            return if is_too_late {
                Judgement::TooLate
            } else {
                Judgement::NotYet
            };
        }
        Err(Unverified::NotNow { .. }) => return Judgement::NotYet,
    };
    match shared.due_at(&set, expected, &error) {
        Some(time) => {
            let waits_for = WaitsFor::Time(time);
            shared.quarantined.waits_for(waiting.fingerprint, waits_for);
            Judgement::NotYet
        }
        None => Judgement::Never(error),
    }
}

/// Puts a SET into effect as of its first arrival; its fingerprint, if it is settled.
async fn applied(shared: &Shared, set: &VerifiedSet, waiting: &Waiting) -> Option<Fingerprint> {
    let answer = shared.apply(set, waiting.arrived_at).await;
    if answer.is_acknowledgement() {
        super::count("taken");
        tracing::info!("a SET that waited is in effect");
        // It was not acknowledged; but whoever waits for the end of a session has to look.
        shared.core.acknowledged.send_modify(|_| {});
    } else if let Some(error) = answer.error() {
        super::count("refused");
        tracing::warn!(error = error.description, "a SET that waited is refused");
    }
    answer.is_settled().then_some(waiting.fingerprint)
}

//! Nothing is changed unless it is written down before, and how it ended is written down after.

use std::future::Future;

use ssf_types::error::Chain as ErrorChain;
use tracing::error;

use crate::{
    domain::audit::{Act, Broken, Chain, Details, Ending, Link},
    ports::{AuditStore, Clock, StoreError},
};

/// Entries that are read at a time.
const PORTION: u64 = 1000;

/// Has `effect` between the two entries of `act`.
///
/// `effect` does not begin before the first entry is durable. `told` gives the details of a result, and `judge` what is
/// to be said of an error. If the second entry cannot be written, that is logged and the result is given all the same,
/// since what has happened has happened. Whoever stops waiting leaves an entry that has begun and not ended.
///
/// # Errors
/// The first entry cannot be written; nothing happened.
pub async fn recorded<T, E>(
    (log, clock): (&impl AuditStore, &impl Clock),
    act: Act,
    effect: impl Future<Output = Result<T, E>>,
    told: impl FnOnce(&T) -> Details,
    judge: impl FnOnce(&E) -> Ending,
) -> Result<Result<T, E>, StoreError> {
    let begun = log.record(act.begin(clock.now())).await?;
    let result = effect.await;
    let (ending, details) = match &result {
        Ok(value) => (Ending::Done, told(value)),
        Err(error) => (judge(error), Details::none()),
    };
    let ended = act.end(clock.now(), begun.seq, ending, &details);
    if let Err(failure) = log.record(ended).await {
        error!(audit.begun = begun.seq, error = %ErrorChain(&failure), "the end of an action cannot be written down");
    }
    Ok(result)
}

/// Writes down that something was refused which nobody should have tried.
///
/// # Errors
/// The store did not do it.
pub async fn refused(
    (log, clock): (&impl AuditStore, &impl Clock),
    act: Act,
) -> Result<(), StoreError> {
    let refuse = async { Err::<(), ()>(()) };
    let none = |(): &()| Details::none();
    // The refusal is what the caller knows already.
    _ = recorded((log, clock), act, refuse, none, |()| Ending::Refused).await?;
    Ok(())
}

/// The chain does not hold, or cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// An entry was changed, deleted or inserted.
    #[error(transparent)]
    Broken(Broken),
    /// The store did not answer.
    #[error("the audit log cannot be read")]
    Store(#[source] StoreError),
}

/// Checks every entry, the stored head and, if there is one, a head that was written down before.
///
/// Returns the place of the last entry, to be written down where whoever can change the database cannot change it.
///
/// # Errors
/// Names the first entry that is not what was written.
pub async fn verify(
    log: &impl AuditStore,
    written_down: Option<Link>,
) -> Result<Link, VerifyError> {
    // Read first: the chain may grow meanwhile, and reaches this place in any case.
    let stored = log.head().await.map_err(VerifyError::Store)?;
    let heads = [Some(stored), written_down];
    let mut chain = Chain::default();
    let check = |chain: &Chain| {
        let here = heads.iter().flatten();
        let mut here = here.filter(|head| head.seq == chain.last().seq);
        here.try_for_each(|head| chain.meets(*head))
    };
    check(&chain).map_err(VerifyError::Broken)?;
    loop {
        let after = chain.last().seq;
        let records = log.records(after, PORTION).await;
        let records = records.map_err(VerifyError::Store)?;
        if records.is_empty() {
            break;
        }
        for record in &records {
            let followed = chain.follow(record, |link| log.mac(link));
            followed
                .and_then(|()| check(&chain))
                .map_err(VerifyError::Broken)?;
        }
    }
    let last = chain.last();
    match heads.iter().flatten().map(|head| head.seq).max() {
        Some(seq) if seq > last.seq => Err(VerifyError::Broken(Broken::Deleted(last.seq + 1))),
        _ => Ok(last),
    }
}

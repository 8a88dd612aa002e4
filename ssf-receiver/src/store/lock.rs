//! The file beside a database that says that somebody uses it.

use std::{
    fs::{File, TryLockError},
    time::{Duration, Instant},
};

use crate::inbox::InboxError;

/// How often a taken lock is asked for.
const INTERVAL: Duration = Duration::from_millis(50);

/// Locks a file as long as the handle is open; whoever has it locked gets `patience` to end.
pub(super) async fn take(file: File, patience: Duration) -> Result<File, InboxError> {
    let failed = |error| InboxError::new("be locked", error);
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if begun.elapsed() < patience => {
                tokio::time::sleep(INTERVAL).await;
            }
            Err(TryLockError::WouldBlock) => {
                return Err(InboxError::new("be locked", "another process uses it"));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
    }
}

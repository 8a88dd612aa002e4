//! When a run began, and what ends it before its time.

use std::{
    future,
    time::{SystemTime, UNIX_EPOCH},
};

#[expect(
    clippy::disallowed_methods,
    reason = "two runs differ by the moment at which they began, and reports name it"
)]
pub(super) fn now() -> SystemTime {
    SystemTime::now()
}

/// A number that tells a run from those that began at other moments.
pub(super) fn number(began: SystemTime) -> u64 {
    let since_epoch = began.duration_since(UNIX_EPOCH).unwrap_or_default();
    let nanos = since_epoch.as_nanos() & u128::from(u64::MAX);
    u64::try_from(nanos).unwrap_or_default()
}

/// Waits for Ctrl-C, and says so in `interrupted`; for ever where it cannot be waited for.
pub(super) async fn ctrl_c(interrupted: &mut bool) {
    if tokio::signal::ctrl_c().await.is_err() {
        future::pending::<()>().await;
    }
    *interrupted = true;
}

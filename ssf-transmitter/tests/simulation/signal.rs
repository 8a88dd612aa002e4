//! A flag that tasks wait for, and are woken by in the order in which they came.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Is given once.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    is_given: AtomicBool,
    given: Notify,
}

impl Signal {
    pub(crate) fn give(&self) {
        self.is_given.store(true, Ordering::Release);
        self.given.notify_waiters();
    }

    pub(crate) fn is_given(&self) -> bool {
        self.is_given.load(Ordering::Acquire)
    }

    pub(crate) async fn given(&self) {
        loop {
            let given = self.given.notified();
            if self.is_given() {
                return;
            }
            given.await;
        }
    }
}

//! The one clock that reads the system's.

use std::time::{SystemTime, UNIX_EPOCH};

use ssf_types::time::Timestamp;

use crate::ports::Clock;

/// The clock of the system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    /// The system's time; a clock that is set before 1970 shows 1970.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the place where the time comes from"
    )]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_secs(0).after(since_epoch)
    }
}

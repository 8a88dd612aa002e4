//! The one place that reads the time of day.

use std::time::SystemTime;

use ssf_types::time::Timestamp;

/// The time of day; 1970 for a clock that is set before.
#[expect(clippy::disallowed_methods, reason = "this is the system clock")]
pub(crate) fn now() -> Timestamp {
    let elapsed = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
}

//! Keys are read one after the other.

use std::sync::{Mutex, PoisonError};

/// Has OpenSSL read a key while no other thread does.
///
/// Where several threads of a process are the first to read keys at the same time, OpenSSL 3.0 refuses keys that are sound.
/// `read` must not come here again: it would wait for itself.
pub(super) fn alone<T>(read: impl FnOnce() -> T) -> T {
    static READING: Mutex<()> = Mutex::new(());
    let _reading = READING.lock().unwrap_or_else(PoisonError::into_inner);
    read()
}

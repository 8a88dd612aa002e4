//! All chance of a world comes from its seed. A world has one thread, and a thread one world at a time.

use std::{cell::Cell, ops::RangeInclusive, time::Duration};

thread_local! {
    static STATE: Cell<u64> = const { Cell::new(0) };
}

/// Begins anew: from here on, everything that is drawn follows from the seed.
pub(crate) fn begin(seed: u64) {
    STATE.set(seed);
}

/// 64 bits (`SplitMix64`).
fn bits() -> u64 {
    let state = STATE.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    STATE.set(state);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A number in a range; the small bias of the remainder matters to nobody.
pub(crate) fn within(range: RangeInclusive<u64>) -> u64 {
    range.start() + bits() % (range.end() - range.start() + 1)
}

/// So far from 0 at most.
pub(crate) fn around(most: u32) -> i64 {
    let span = 2 * u64::from(most);
    i64::try_from(within(0..=span)).unwrap() - i64::from(most)
}

/// An index below `len`, which is not 0.
pub(crate) fn index(len: usize) -> usize {
    usize::try_from(within(0..=len as u64 - 1)).unwrap()
}

/// Whether something happens that happens so often in a thousand times.
pub(crate) fn happens(per_mille: u64) -> bool {
    within(0..=999) < per_mille
}

/// A number in `0.0..1.0`.
pub(crate) fn unit() -> f64 {
    f64::from(u32::try_from(bits() >> 32).unwrap()) / (f64::from(u32::MAX) + 1.0)
}

/// So many milliseconds.
pub(crate) fn millis(range: RangeInclusive<u64>) -> Duration {
    Duration::from_millis(within(range))
}

/// Waits so many milliseconds. None means that others go first.
pub(crate) async fn pause(range: RangeInclusive<u64>) {
    let pause = millis(range);
    if pause.is_zero() {
        tokio::task::yield_now().await;
    } else {
        tokio::time::sleep(pause).await;
    }
}

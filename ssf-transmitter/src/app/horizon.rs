//! Ending what a clock that was wrong has put off for longer than anything is put off.

use ssf_types::id::StreamId;

use crate::{
    domain::{horizon::Horizon, retry::RetryPolicy},
    ports::{Clock, HorizonStore, StoreError},
};

/// Most streams in one step.
const STREAMS_PER_STEP: u64 = 100;

/// Looks at all streams once, so many at a time; returns on how many of them something was ended.
///
/// # Errors
/// The store is not available; what was ended is, and the next look goes on.
pub async fn draw_in(
    store: &impl HorizonStore,
    clock: &impl Clock,
    retry: &RetryPolicy,
) -> Result<u64, StoreError> {
    store.draw_rest_in(Horizon::of(clock.now(), retry)).await?;
    let mut drawn_in = 0;
    let mut after: Option<StreamId> = None;
    loop {
        let horizon = Horizon::of(clock.now(), retry);
        let streams = store
            .draw_streams_in(horizon, after.as_ref(), STREAMS_PER_STEP)
            .await?;
        let count = streams.len() as u64;
        drawn_in += count;
        if count < STREAMS_PER_STEP {
            return Ok(drawn_in);
        }
        after = streams.into_iter().next_back();
    }
}

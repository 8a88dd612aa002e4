//! Each figure at a hundredth, a tenth and the whole of its load: `make bench-growth`, which takes about half an hour.

use serde_json::Value;

use crate::{
    Fallible, accepting, backlog, idle, latency, pending, polling, program::Engine, spread,
};

pub(crate) fn measure() -> Fallible<Vec<Value>> {
    let mut entries = backlog::grow(&[2_000, 20_000, 200_000])?;
    entries.extend(polling::measure(
        &[Engine::Sqlite],
        &[2_000, 20_000, 200_000],
    )?);
    entries.extend(spread::measure(&[100, 1_000, 10_000])?);
    entries.extend(accepting::measure(&[Engine::Sqlite], &[3, 26, 256], 8)?);
    entries.extend(latency::measure(latency::Scale::WHOLE, &[5, 50, 500])?);
    entries.extend(pending::measure(&[10_000, 100_000, 1_000_000])?);
    for streams in [10_000, 100_000, 1_000_000] {
        entries.extend(idle::measure(&Engine::BOTH, idle::Scale::of(streams))?);
    }
    Ok(entries)
}

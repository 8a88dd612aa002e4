//! What the transmitter costs: the real program, in a process of its own, over loopback; and its fan-out, on its storage.
//!
//! Run with `make bench`; the figures join those of `ssf-types` in `target/bench/summary.json`. Each stands beside a
//! yardstick of the same run: a bare actix-web server that answers the same bytes and stores nothing, or the same fan-out
//! with few subjects.

mod bare;
#[expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "the tests' own cluster, which ends the run where it cannot be had"
)]
#[path = "../../tests/store/postgres/cluster.rs"]
mod cluster;
mod connection;
mod fan_out;
mod load;
mod management;
#[path = "../../../ssf-types/benches/types/measure.rs"]
mod measure;
mod program;
mod summary;
mod waiting;

use std::error::Error;

type Fallible<T> = Result<T, Box<dyn Error>>;

/// Directory that cargo gives to benches, inside the target directory.
const TMP: &str = env!("CARGO_TARGET_TMPDIR");

fn main() -> Fallible<()> {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.iter().any(|argument| argument == bare::ARGUMENT) {
        return bare::serve();
    }
    // Without `--bench`, everything happens once and on a small scale, so that a broken bench is seen early.
    if !arguments.iter().any(|argument| argument == "--bench") {
        management::check()?;
        waiting::measure(waiting::Scale::SMALL)?;
        fan_out::measure(fan_out::Scale::SMALL)?;
        return Ok(());
    }
    let mut entries = management::measure()?;
    entries.push(waiting::measure(waiting::Scale::WHOLE)?);
    entries.extend(fan_out::measure(fan_out::Scale::WHOLE)?);
    summary::add(entries)
}

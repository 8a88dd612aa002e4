//! What the receiver costs, each beside a yardstick of the same run.
//!
//! Run with `make bench`; the figures join those of the other crates in `target/bench/summary.json`. With names of benches
//! behind `--bench --`, those alone.

mod application;
mod arriving;
mod asking;
#[path = "../../../ssf-transmitter/benches/transmitter/connection.rs"]
mod connection;
#[path = "../../../ssf-transmitter/benches/transmitter/cpu.rs"]
mod cpu;
mod guard;
mod guarded;
#[path = "../../../ssf-types/benches/types/measure.rs"]
mod measure;
#[path = "../../examples/demo/process.rs"]
mod process;
mod restart;
mod server;
#[path = "../../../ssf-types/benches/types/summary.rs"]
mod summary;
mod taking;
#[path = "../../examples/demo/transmitter.rs"]
mod transmitter;

use std::error::Error;

use serde_json::Value;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type BoxError = Box<dyn Error>;

type Fallible<T> = Result<T, BoxError>;

/// Directory that cargo gives to benches, inside the target directory.
const TMP: &str = env!("CARGO_TARGET_TMPDIR");

type Bench = fn() -> Fallible<Vec<Value>>;

const BENCHES: [(&str, Bench); 6] = [
    ("arriving", || arriving::measure(&arriving::Scale::WHOLE)),
    ("asking", || asking::measure(&asking::Scale::WHOLE)),
    ("guard", || guard::measure(&guard::Scale::WHOLE)),
    ("guarded", || guarded::measure(&guarded::Scale::WHOLE)),
    ("restart", || restart::measure(&restart::Scale::WHOLE)),
    ("taking", || taking::measure(&taking::Load::WHOLE)),
];

fn main() -> Fallible<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some(part @ (application::PUSHED | application::POLLING)) => {
            return application::serve(part);
        }
        Some(asking::BARE) => return asking::serve(),
        Some(guarded::WITH) => return guarded::serve(true),
        Some(guarded::WITHOUT) => return guarded::serve(false),
        Some(_) | None => {}
    }
    // Without `--bench`, everything happens once and on a small scale, so that a broken bench is seen early.
    if !arguments.iter().any(|argument| argument == "--bench") {
        arriving::measure(&arriving::Scale::SMALL)?;
        asking::measure(&asking::Scale::SMALL)?;
        guard::measure(&guard::Scale::SMALL)?;
        guarded::measure(&guarded::Scale::SMALL)?;
        restart::measure(&restart::Scale::SMALL)?;
        return taking::measure(&taking::Load::SMALL).map(drop);
    }
    for (name, measure) in BENCHES {
        if arguments.len() == 1 || arguments.iter().any(|argument| argument == name) {
            summary::add(measure()?)?;
        }
    }
    Ok(())
}

//! What the vocabulary costs, per core.
//!
//! Run with `make bench`; the figures go to `target/bench/summary.json`. Each operation is measured beside a yardstick
//! that nobody can do without or would reach for instead: the bare OpenSSL operation for signing and verifying,
//! `serde_json` without any rule for reading and writing.

mod machine;
mod measure;
mod signing;
mod summary;
mod vocabulary;

use std::error::Error;

type Fallible<T> = Result<T, Box<dyn Error>>;

/// Directory that cargo gives to benches, inside the target directory.
const TMP: &str = env!("CARGO_TARGET_TMPDIR");

fn main() -> Fallible<()> {
    signing::check()?;
    vocabulary::check()?;
    // `cargo test --benches` comes here too: it has now seen every operation succeed, and needs no numbers.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let mut entries = vec![machine::header()?];
    entries.extend(signing::measure()?);
    entries.extend(vocabulary::measure()?);
    summary::add(entries)
}

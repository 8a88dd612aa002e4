//! What the transmitter costs: the real program, in a process of its own, over loopback; and its fan-out, on its storage.
//!
//! Run with `make bench`; the figures join those of `ssf-types` in `target/bench/summary.json`. Each stands beside a
//! yardstick of the same run: a raw signature of OpenSSL, a bare actix-web server that answers the same bytes and stores
//! nothing, or the same with less. With names of benches behind `--bench --`, those alone.

mod accepting;
mod backlog;
mod bare;
#[expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "the tests' own cluster, which ends the run where it cannot be had"
)]
#[path = "../../tests/store/postgres/cluster.rs"]
mod cluster;
mod connection;
mod cpu;
mod fan_out;
mod floor;
mod growth;
mod idle;
mod latency;
mod load;
mod management;
#[path = "../../../ssf-types/benches/types/measure.rs"]
mod measure;
mod pending;
mod polling;
mod program;
mod ratio;
mod raw;
mod schedule;
mod sink;
mod spread;
mod stock;
mod storing;
#[path = "../../../ssf-types/benches/types/summary.rs"]
mod summary;
mod waiting;

use std::error::Error;

use serde_json::Value;

use self::program::Engine;

type Fallible<T> = Result<T, Box<dyn Error>>;

/// Directory that cargo gives to benches, inside the target directory.
const TMP: &str = env!("CARGO_TARGET_TMPDIR");

fn main() -> Fallible<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == bare::ARGUMENT) {
        return bare::serve();
    }
    if let [first, hosts] = &arguments[..]
        && first == sink::ARGUMENT
    {
        return sink::serve(hosts.parse()?);
    }
    if let [first, endpoint, sets, database] = &arguments[..]
        && first == floor::ARGUMENT
    {
        return floor::post(endpoint, sets.parse()?, database);
    }
    if let [first, database] = &arguments[..]
        && first == storing::ARGUMENT
    {
        return storing::serve(database);
    }
    // Without `--bench`, everything happens once and on a small scale, so that a broken bench is seen early.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return check();
    }
    let named = |name: &str| arguments.iter().any(|argument| argument == name);
    let all = arguments.len() == 1;
    for (name, measure) in BENCHES {
        if named(name) || all && name != GROWTH {
            summary::add(measure()?)?;
        }
    }
    Ok(())
}

type Bench = fn() -> Fallible<Vec<Value>>;

/// The one that runs only if it is named.
const GROWTH: &str = "growth";

const BENCHES: [(&str, Bench); 11] = [
    ("management", management::measure),
    ("waiting", || {
        waiting::measure(waiting::Scale::WHOLE).map(|entry| vec![entry])
    }),
    ("fan_out", || fan_out::measure(fan_out::Scale::WHOLE)),
    ("backlog", || backlog::measure(sets(20_000))),
    ("spread", || spread::measure(&[sets(10_000)])),
    ("polling", || {
        polling::measure(&Engine::BOTH, &[sets(10_000)])
    }),
    ("accepting", || accepting::measure(&Engine::BOTH, &[256], 8)),
    ("latency", || latency::measure(latency::Scale::WHOLE, &[50])),
    ("pending", || pending::measure(&[100_000])),
    ("idle", || {
        idle::measure(&Engine::BOTH, idle::Scale::of(100_000))
    }),
    (GROWTH, growth::measure),
];

fn check() -> Fallible<()> {
    management::check()?;
    waiting::measure(waiting::Scale::SMALL)?;
    fan_out::measure(fan_out::Scale::SMALL)?;
    backlog::measure(300)?;
    spread::measure(&[20])?;
    polling::measure(&[Engine::Sqlite], &[300])?;
    accepting::measure(&[Engine::Sqlite], &[4], 1)?;
    latency::measure(latency::Scale::SMALL, &[50])?;
    pending::measure(&[1000])?;
    idle::measure(&[Engine::Sqlite], idle::Scale::SMALL)?;
    Ok(())
}

/// So many SETs, or as many as the environment says, for a machine that has other work.
fn sets(whole: u32) -> u32 {
    let asked = std::env::var("BENCH_SETS").ok();
    asked.and_then(|sets| sets.parse().ok()).unwrap_or(whole)
}

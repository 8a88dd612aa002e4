//! One event that goes to many streams on many hosts: CPU time beside that of the signatures alone.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use ssf_types::set::Algorithm;

use crate::{
    Fallible,
    connection::{Connection, PATIENCE, request},
    measure::{median, rounded},
    program::{Engine, Installation},
    ratio::Ratio,
    raw::RawSignature,
    sink::{COUNTED, Sink},
    stock::{Stock, submission},
};

/// Most that all of it may cost, in raw signatures of as many SETs.
const GOAL: f64 = 1.35;

/// Hosts that the streams are spread over.
const HOSTS: u8 = 100;

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// How long the last settlements may take behind the last answer.
const REST: Duration = Duration::from_secs(1);

pub(crate) fn measure(streams: &[u32]) -> Fallible<Vec<Value>> {
    let mut entries = Vec::new();
    for &streams in streams {
        entries.push(one_event(streams)?);
    }
    Ok(entries)
}

fn one_event(streams: u32) -> Fallible<Value> {
    let mut raw = RawSignature::new(Algorithm::Rs256)?;
    let sink = Sink::plain(HOSTS)?;
    let installation = Installation::on(Engine::Sqlite)?;
    installation.prepare()?;
    let mut stock = Stock::of(&installation)?;
    stock.add_streams(streams, |number| {
        sink.endpoint(number % u32::from(HOSTS), COUNTED)
    })?;
    drop(stock);
    let token = installation.add_source("bench")?;
    let server = installation.serve()?;
    let before = server.cpu_nanos()?;
    let begun = Instant::now();
    let event = request(
        "POST",
        "/ingest/events",
        &token,
        &submission(0, "the-one-event"),
    );
    Connection::open(server.address)?.ask(&event, 202)?;
    let mut samples = Vec::new();
    while sink.count()? < streams {
        if begun.elapsed() > 3 * PATIENCE {
            return Err("SETs are missing".into());
        }
        samples.push(raw.sample()?);
        thread::sleep(LOOK);
    }
    let elapsed = begun.elapsed();
    thread::sleep(REST);
    samples.push(raw.sample()?);
    let ratio = Ratio {
        name: format!("one event to {streams} streams on {HOSTS} hosts, each SET, SQLite"),
        nanos: (server.cpu_nanos()? - before) / f64::from(streams),
        yardstick: median(samples),
        goal: Some(GOAL),
    };
    let mut entry = ratio.entry();
    entry["wall_seconds"] = rounded(elapsed.as_secs_f64(), 2).into();
    Ok(entry)
}

//! CPU time of each SET while a backlog is pushed to one stream, beyond its signature.
//!
//! Samples of the yardstick are taken all the while, so that both see the same machine.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use ssf_types::set::Algorithm;
use tempfile::TempDir;

use crate::{
    Fallible, TMP,
    connection::PATIENCE,
    floor,
    measure::median,
    program::{Engine, Installation, Server},
    ratio::{Parity, Ratio},
    raw::RawSignature,
    sink::{COUNTED, Sink},
    stock::Stock,
};

/// Most that a SET may cost beyond its signature, in raw RSA-2048 signatures.
const GOAL: f64 = 0.30;

/// How far what ES256 costs beyond the signature may be from what RS256 does, in parts of that.
const TOLERANCE: f64 = 0.10;

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// Most that each SET may take before it is given up.
const LONGEST: Duration = Duration::from_millis(5);

/// How SETs get to the receiver.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Wire {
    Plain,
    Tls,
}

/// What each SET took.
pub(crate) struct Drained {
    /// CPU time beyond the signature, in nanoseconds.
    pub(crate) beyond: f64,
    /// SETs in a second.
    pub(crate) per_second: f64,
}

pub(crate) fn measure(sets: u32) -> Fallible<Vec<Value>> {
    let mut rsa = RawSignature::new(Algorithm::Rs256)?;
    let mut entries = Vec::new();
    for engine in Engine::BOTH {
        let name = engine.name();
        let (rs256, yardstick) = drain(engine, Wire::Plain, Algorithm::Rs256, sets, &mut rsa)?;
        entries.push(entry(
            format!("push one SET of a backlog of {sets}, RS256, {name}"),
            &rs256,
            yardstick,
        ));
        let (es256, of_es256) = drain(engine, Wire::Plain, Algorithm::Es256, sets, &mut rsa)?;
        let of_both = Parity {
            name: format!("push one SET of a backlog of {sets}, ES256 beside RS256, {name}"),
            value: es256.beyond / of_es256,
            yardstick: rs256.beyond / yardstick,
            unit: "raw RSA-2048 signatures",
            tolerance: TOLERANCE,
        };
        entries.push(of_both.entry());
    }
    let (floor, yardstick) = at_least(sets, &mut rsa)?;
    let mut at_least = entry(
        format!("post one SET of {sets} from a bare loop, RS256, SQLite"),
        &floor,
        yardstick,
    );
    at_least["goal"] = Value::Null;
    at_least["met"] = Value::Null;
    entries.push(at_least);
    let (tls, yardstick) = drain(Engine::Sqlite, Wire::Tls, Algorithm::Rs256, sets, &mut rsa)?;
    entries.push(entry(
        format!("push one SET of a backlog of {sets} over TLS, RS256, SQLite"),
        &tls,
        yardstick,
    ));
    Ok(entries)
}

/// What it costs with the same libraries at least: whatever the program takes beyond that is its own.
fn at_least(sets: u32, rsa: &mut RawSignature) -> Fallible<(Drained, f64)> {
    let sink = Sink::plain(1)?;
    let directory = TempDir::new_in(TMP)?;
    let database = directory.path().join("floor.db").display().to_string();
    let mut own = RawSignature::new(Algorithm::Rs256)?;
    let server = floor::start(&sink.endpoint(0, COUNTED), sets, &database)?;
    watch(&server, &sink, sets, rsa, &mut own)
}

/// The same as often as there are numbers, for the growth table.
pub(crate) fn grow(numbers: &[u32]) -> Fallible<Vec<Value>> {
    let mut rsa = RawSignature::new(Algorithm::Rs256)?;
    let mut entries = Vec::new();
    for &sets in numbers {
        let (drained, yardstick) = drain(
            Engine::Sqlite,
            Wire::Plain,
            Algorithm::Rs256,
            sets,
            &mut rsa,
        )?;
        entries.push(entry(
            format!("push one SET of a backlog of {sets}"),
            &drained,
            yardstick,
        ));
    }
    Ok(entries)
}

fn entry(name: String, drained: &Drained, yardstick: f64) -> Value {
    let ratio = Ratio {
        name,
        nanos: drained.beyond,
        yardstick,
        goal: Some(GOAL),
    };
    let mut entry = ratio.entry();
    entry["per_second"] = crate::measure::rounded(drained.per_second, 0).into();
    entry
}

/// Pushes a backlog; returns what a SET took, and a raw RSA-2048 signature meanwhile.
pub(crate) fn drain(
    engine: Engine,
    wire: Wire,
    algorithm: Algorithm,
    sets: u32,
    rsa: &mut RawSignature,
) -> Fallible<(Drained, f64)> {
    let sink = match wire {
        Wire::Plain => Sink::plain(1)?,
        Wire::Tls => Sink::tls()?,
    };
    let installation =
        Installation::on(engine)?.with("SSF_TRANSMITTER_SIGNING_ALGORITHM", algorithm.as_str());
    let installation = match &sink.certificate {
        Some(certificate) => {
            let path = installation.write("receiver.pem", certificate)?;
            installation.with("SSF_TRANSMITTER_TRUST_ANCHORS_FILE", path)
        }
        None => installation,
    };
    installation.prepare()?;
    let mut stock = Stock::of(&installation)?;
    stock.add_streams(1, |_| sink.endpoint(0, COUNTED))?;
    stock.add_events(sets)?;
    drop(stock);
    let mut own = RawSignature::new(algorithm)?;
    let server = installation.serve()?;
    watch(&server, &sink, sets, rsa, &mut own)
}

/// From the first tenth to the last twentieth, in which connections are open and the window is, too.
fn watch(
    server: &Server,
    sink: &Sink,
    sets: u32,
    rsa: &mut RawSignature,
    own: &mut RawSignature,
) -> Fallible<(Drained, f64)> {
    let begun = Instant::now();
    let (mut of_rsa, mut of_own) = (Vec::new(), Vec::new());
    let mut first: Option<(u32, f64, Instant)> = None;
    loop {
        let count = sink.count()?;
        let now = (count, server.cpu_nanos()?, Instant::now());
        match first {
            None if count >= sets / 10 => first = Some(now),
            Some((from, cpu, at)) if count >= sets - sets / 20 => {
                let done = f64::from(count - from);
                let raw = median(of_own);
                let drained = Drained {
                    beyond: (now.1 - cpu) / done - raw,
                    per_second: done / at.elapsed().as_secs_f64(),
                };
                return Ok((drained, median(of_rsa)));
            }
            None | Some(_) => {}
        }
        if begun.elapsed() > 3 * PATIENCE + LONGEST * sets {
            return Err(format!("{count} of {sets} SETs came").into());
        }
        of_rsa.push(rsa.sample()?);
        of_own.push(own.sample()?);
        thread::sleep(LOOK);
    }
}

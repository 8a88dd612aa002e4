//! CPU time of each SET that a Receiver fetches, a hundred at a time, beyond its signature.

use serde_json::{Value, json};
use ssf_types::set::Algorithm;

use crate::{
    Fallible,
    connection::{Connection, request},
    load::{create_one, id_of},
    measure::median,
    program::{Engine, Installation, Server},
    ratio::Ratio,
    raw::RawSignature,
    stock::Stock,
};

/// Most that a SET may cost beyond its signature, in raw RSA-2048 signatures.
const GOAL: f64 = 0.15;

/// SETs in one answer.
const ANSWER_SETS: u32 = 100;

pub(crate) fn measure(engines: &[Engine], numbers: &[u32]) -> Fallible<Vec<Value>> {
    let mut entries = Vec::new();
    for &engine in engines {
        for &sets in numbers {
            entries.push(fetch_all(engine, sets)?);
        }
    }
    Ok(entries)
}

fn fetch_all(engine: Engine, sets: u32) -> Fallible<Value> {
    let installation = Installation::on(engine)?;
    let server = installation.serve()?;
    let token = installation.add_receiver("bench")?;
    let stream = id_of(&create_one(server.address, &token)?)?;
    server.stop()?;
    let stock = Stock::of(&installation)?;
    stock.add_events(sets)?;
    drop(stock);
    let server = installation.serve()?;
    let mut poller = Poller {
        connection: Connection::open(server.address)?,
        target: format!("/ssf/poll/{stream}"),
        token,
        fetched: Vec::new(),
    };
    let (cpu, raw) = poller.run(&server, sets)?;
    let ratio = Ratio {
        name: format!(
            "poll one SET, {ANSWER_SETS} at a time, of {sets}, RS256, {}",
            engine.name()
        ),
        nanos: cpu - raw,
        yardstick: raw,
        goal: Some(GOAL),
    };
    Ok(ratio.entry())
}

struct Poller {
    connection: Connection,
    target: String,
    token: String,
    /// What the next request acknowledges.
    fetched: Vec<String>,
}

impl Poller {
    /// Fetches all; returns the CPU time of one SET, and of a raw signature meanwhile.
    fn run(&mut self, server: &Server, sets: u32) -> Fallible<(f64, f64)> {
        let mut raw = RawSignature::new(Algorithm::Rs256)?;
        // Without the first, behind which the keys are loaded and the connections are open.
        self.poll()?;
        let before = server.cpu_nanos()?;
        let mut samples = Vec::new();
        let mut count = 0_u32;
        while !self.fetched.is_empty() {
            self.poll()?;
            count += u32::try_from(self.fetched.len())?;
            samples.push(raw.sample()?);
        }
        if count + ANSWER_SETS < sets {
            return Err(format!("{count} SETs were handed out").into());
        }
        let cpu = (server.cpu_nanos()? - before) / f64::from(count);
        Ok((cpu, median(samples)))
    }

    fn poll(&mut self) -> Fallible<()> {
        let body = json!({
            "maxEvents": ANSWER_SETS,
            "returnImmediately": true,
            "ack": self.fetched,
        });
        let request = request("POST", &self.target, &self.token, &body.to_string());
        let answer = self.connection.ask(&request, 200)?;
        let answer: Value = serde_json::from_slice(&answer)?;
        let sets = answer["sets"].as_object().ok_or("no sets")?;
        self.fetched = sets.keys().cloned().collect();
        Ok(())
    }
}

//! Events that many callers hand in at the same time, each answered when it is durable.
//!
//! Beside it, a bare handler that reads the same body as JSON and answers as much; one that stores it, too, and does nothing else;
//! and events that are stored one by one, each in a transaction of its own, on the same disk. No stream wants the events, so that
//! they become no deliveries, except in a figure of its own.

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    Fallible, TMP,
    connection::{Connection, PATIENCE, request},
    load::{create_one, id_of},
    measure::{median, rounded},
    program::{Engine, Installation, Server},
    ratio::{Ratio, figure},
    stock::{append, submission},
    storing,
};

/// Most that an event may cost, in requests to the bare handler.
const GOAL: f64 = 2.5;

/// At most so much of what events take one by one.
const SHARE_GOAL: f64 = 1.0 / 8.0;

/// Length of one round of each side.
const ROUND: Duration = Duration::from_millis(600);

/// Time between two looks at whether a server has come to rest.
const LOOK: Duration = Duration::from_millis(100);

/// CPU time between two looks of a server that rests, at most, in nanoseconds: two ticks.
const REST_NANOS: f64 = 2e7;

pub(crate) fn measure(engines: &[Engine], callers: &[u32], rounds: u32) -> Fallible<Vec<Value>> {
    let mut entries = Vec::new();
    for &engine in engines {
        for &callers in callers {
            entries.extend(compare(engine, callers, rounds)?);
            entries.push(wanted(engine, callers, rounds)?);
        }
    }
    for &callers in callers {
        entries.push(at_least(callers, rounds)?);
    }
    Ok(entries)
}

/// What it costs with the same libraries at least: whatever the program takes beyond that is its own.
fn at_least(callers: u32, rounds: u32) -> Fallible<Value> {
    let directory = TempDir::new_in(TMP)?;
    let database = directory.path().join("storing.db").display().to_string();
    let storing = storing::start(&database)?;
    let name = format!("store one event and nothing else, {callers} callers, SQLite");
    beside_bare(name, &storing, "any", callers, rounds)
}

/// What it costs when one stream wants each event, so that a delivery is stored with it; nobody fetches any meanwhile.
fn wanted(engine: Engine, callers: u32, rounds: u32) -> Fallible<Value> {
    let installation = Installation::on(engine)?;
    let source = installation.add_source("bench")?;
    let server = installation.serve()?;
    let receiver = installation.add_receiver("bench")?;
    let stream = id_of(&create_one(server.address, &receiver)?)?;
    let name = format!(
        "hand in one event that a polled stream wants, {callers} callers, {}",
        engine.name()
    );
    let entry = beside_bare(name, &server, &source, callers, rounds)?;
    let body = json!({"maxEvents": 1, "returnImmediately": true}).to_string();
    let poll = request("POST", &format!("/ssf/poll/{stream}"), &receiver, &body);
    let answer = Connection::open(server.address)?.ask(&poll, 200)?;
    let answer: Value = serde_json::from_slice(&answer)?;
    if answer["sets"].as_object().is_none_or(Map::is_empty) {
        return Err("the stream wanted none of the events".into());
    }
    Ok(entry)
}

/// CPU time of one event, beside that of the bare handler by turns; without a goal.
fn beside_bare(
    name: String,
    server: &Server,
    token: &str,
    callers: u32,
    rounds: u32,
) -> Fallible<Value> {
    let bare = Server::bare(&[])?;
    let mut of_server = Callers::at(server.address, callers, token)?;
    let mut of_bare = Callers::at(bare.address, callers, token)?;
    let (mut cpu, mut bare_cpu, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let mut micros = Vec::new();
    for _ in 0..rounds {
        let theirs = of_bare.round(&bare)?;
        let round = of_server.round(server)?;
        ratios.push(round.cpu / theirs.cpu);
        cpu.push(round.cpu);
        bare_cpu.push(theirs.cpu);
        micros.push(round.seconds * 1e6);
    }
    let ratio = Ratio {
        name,
        nanos: median(cpu),
        yardstick: median(bare_cpu),
        goal: None,
    };
    let mut entry = ratio.entry_of(median(ratios));
    entry["per_second"] = rounded(1e6 / median(micros), 0).into();
    Ok(entry)
}

fn compare(engine: Engine, callers: u32, rounds: u32) -> Fallible<Vec<Value>> {
    let installation = Installation::on(engine)?;
    let token = installation.add_source("bench")?;
    let (ours, bare) = (installation.serve()?, Server::bare(&[])?);
    let alone = Installation::on(engine)?;
    let runtime = Runtime::new()?;
    let store = runtime.block_on(alone.store())?;
    let (mut cpu, mut bare_cpu, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let (mut micros, mut shares) = (Vec::new(), Vec::new());
    let mut of_ours = Callers::at(ours.address, callers, &token)?;
    let mut of_bare = Callers::at(bare.address, callers, &token)?;
    for _ in 0..rounds {
        let theirs = of_bare.round(&bare)?;
        let round = of_ours.round(&ours)?;
        let single = one_by_one(&runtime, &store)?;
        ratios.push(round.cpu / theirs.cpu);
        cpu.push(round.cpu);
        bare_cpu.push(theirs.cpu);
        shares.push(round.seconds / single);
        micros.push(round.seconds * 1e6);
    }
    let name = engine.name();
    let ratio = Ratio {
        name: format!("hand in one event, {callers} callers, {name}"),
        nanos: median(cpu),
        yardstick: median(bare_cpu),
        goal: Some(GOAL),
    };
    let mut entry = ratio.entry_of(median(ratios));
    entry["per_second"] = rounded(1e6 / median(micros), 0).into();
    let of_one_by_one = figure(
        &format!(
            "time of one event with {callers} callers, of that in a transaction of its own, {name}"
        ),
        median(shares),
        "of it",
        Some(SHARE_GOAL),
    );
    Ok(vec![entry, of_one_by_one])
}

/// What one event took.
struct Round {
    cpu: f64,
    seconds: f64,
}

struct Callers {
    connections: Vec<Connection>,
    token: String,
    user: u32,
}

impl Callers {
    fn at(address: SocketAddr, callers: u32, token: &str) -> Fallible<Self> {
        let connections = (0..callers).map(|_| Connection::open(address));
        Ok(Self {
            connections: connections.collect::<Fallible<_>>()?,
            token: token.to_owned(),
            user: 0,
        })
    }

    /// Hands in events for a while: whoever is answered sends the next at once.
    fn round(&mut self, server: &Server) -> Fallible<Round> {
        let before = server.cpu_nanos()?;
        let begun = Instant::now();
        for place in 0..self.connections.len() {
            self.send(place)?;
        }
        let mut count = 0_u32;
        while begun.elapsed() < ROUND {
            for place in 0..self.connections.len() {
                self.connections[place].receive()?.with(202)?;
                self.send(place)?;
                count += 1;
            }
        }
        for connection in &mut self.connections {
            connection.receive()?.with(202)?;
            count += 1;
        }
        let seconds = begun.elapsed().as_secs_f64() / f64::from(count);
        Ok(Round {
            cpu: (at_rest(server)? - before) / f64::from(count),
            seconds,
        })
    }

    fn send(&mut self, place: usize) -> Fallible<()> {
        self.user += 1;
        let body = submission(self.user, "a-cause");
        let event = request("POST", "/ingest/events", &self.token, &body);
        Ok(self.connections[place].send(&event)?)
    }
}

/// CPU time when nothing is left to do, in nanoseconds: events may be fanned out behind their answers, which is part of their cost.
fn at_rest(server: &Server) -> Fallible<f64> {
    let begun = Instant::now();
    let mut before = server.cpu_nanos()?;
    while begun.elapsed() < PATIENCE {
        thread::sleep(LOOK);
        let now = server.cpu_nanos()?;
        if now - before <= REST_NANOS {
            return Ok(now);
        }
        before = now;
    }
    Err("the server does not come to rest".into())
}

/// Seconds that one event takes by itself.
fn one_by_one(runtime: &Runtime, store: &ssf_transmitter::store::SeaStore) -> Fallible<f64> {
    let begun = Instant::now();
    let mut count = 0;
    while begun.elapsed() < ROUND {
        runtime.block_on(append(store, count..count + 1))?;
        count += 1;
    }
    Ok(begun.elapsed().as_secs_f64() / f64::from(count))
}

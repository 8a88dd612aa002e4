//! From handing an event in until its SET is answered, at a steady pace; and the same while one of the receivers hangs.
//!
//! Both times are taken outside the program: before the request is sent, and when the SET has arrived.

use std::{
    collections::HashMap,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    Fallible,
    connection::{Connection, PATIENCE, request},
    load::id_of,
    measure::rounded,
    program::{Engine, Installation, Server},
    ratio::figure,
    sink::{HANGING, Sink, TIMED, micros},
    stock::SESSION_REVOKED,
};

/// Goals in milliseconds.
const P50_GOAL: f64 = 5.0;
const P99_GOAL: f64 = 25.0;

/// Most that the slowest hundredth may grow while one receiver hangs.
const HANGING_GOAL: f64 = 1.10;

const RECEIVERS: u32 = 100;

/// The receiver that hangs, if one does.
const HANGS: u32 = 7;

/// How long one phase takes; both kinds alternate.
#[derive(Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) phases: u32,
    pub(crate) phase: Duration,
}

impl Scale {
    pub(crate) const SMALL: Self = Self {
        phases: 1,
        phase: Duration::from_millis(200),
    };
    pub(crate) const WHOLE: Self = Self {
        phases: 3,
        phase: Duration::from_secs(6),
    };
}

pub(crate) fn measure(scale: Scale, per_second: &[u32]) -> Fallible<Vec<Value>> {
    let mut entries = Vec::new();
    for &pace in per_second {
        entries.extend(at_pace(scale, pace)?);
    }
    Ok(entries)
}

fn at_pace(scale: Scale, per_second: u32) -> Fallible<Vec<Value>> {
    let mut healthy = Site::new(TIMED)?;
    let mut hanging = Site::new(HANGING)?;
    for _ in 0..scale.phases {
        healthy.phase(scale.phase, per_second)?;
        hanging.phase(scale.phase, per_second)?;
    }
    let (healthy, hanging) = (healthy.latencies()?, hanging.latencies()?);
    let name = |what| format!("handed in to acknowledged at {per_second} events a second, {what}");
    let p99 = quantile(&healthy, 0.99);
    let mut entries = vec![
        figure(&name("p50"), quantile(&healthy, 0.5), "ms", Some(P50_GOAL)),
        figure(&name("p99"), p99, "ms", Some(P99_GOAL)),
    ];
    let of_hanging = quantile(&hanging, 0.99);
    let name = name("p99 while one of 100 receivers hangs");
    let mut entry = figure(&name, of_hanging, "ms", None);
    entry["yardstick"] = rounded(p99, 3).into();
    entry["ratio"] = rounded(of_hanging / p99, 3).into();
    entry["goal"] = HANGING_GOAL.into();
    entry["met"] = (of_hanging <= HANGING_GOAL * p99).into();
    entries.push(entry);
    Ok(entries)
}

/// A program with a hundred receivers, each of which gets what is about one user.
struct Site {
    sink: Sink,
    server: Server,
    source: String,
    /// By `txn`, when it was handed in.
    sent: HashMap<String, u128>,
    _installation: Installation,
}

impl Site {
    /// One of the receivers has this path.
    fn new(path: &str) -> Fallible<Self> {
        let sink = Sink::plain(100)?;
        let installation =
            Installation::on(Engine::Sqlite)?.with("SSF_TRANSMITTER_DEFAULT_SUBJECTS", "NONE");
        let server = installation.serve()?;
        let source = installation.add_source("bench")?;
        for number in 0..RECEIVERS {
            let token = installation.add_receiver(&format!("bench-{number}"))?;
            let path = if number == HANGS { path } else { TIMED };
            let mut connection = Connection::open(server.address)?;
            let created = connection.ask(&create(&token, &sink.endpoint(number, path)), 201)?;
            let added = json!({"stream_id": id_of(&created)?, "subject": user(number)});
            let add = request("POST", "/ssf/subjects/add", &token, &added.to_string());
            connection.ask(&add, 200)?;
        }
        Ok(Self {
            sink,
            server,
            source,
            sent: HashMap::new(),
            _installation: installation,
        })
    }

    /// Hands in events for so long, for one receiver after the other.
    fn phase(&mut self, length: Duration, per_second: u32) -> Fallible<()> {
        let mut connection = Connection::open(self.server.address)?;
        let begun = Instant::now();
        let gap = Duration::from_secs(1) / per_second;
        let mut next = Duration::ZERO;
        while next < length {
            thread::sleep(next.saturating_sub(begun.elapsed()));
            let number = u32::try_from(self.sent.len())?;
            let txn = format!("event-{number}");
            let body = json!({
                "sub_id": user(number % RECEIVERS),
                "events": {(SESSION_REVOKED): {"event_timestamp": 1_763_900_000}},
                "txn": txn,
            });
            let event = request("POST", "/ingest/events", &self.source, &body.to_string());
            self.sent.insert(txn, micros());
            connection.ask(&event, 202)?;
            next += gap;
        }
        Ok(())
    }

    /// Milliseconds of all events that are not for a receiver that hangs, in order.
    fn latencies(&self) -> Fallible<Vec<f64>> {
        let begun = Instant::now();
        let expected = self.sent.len() - self.sent.len() / RECEIVERS as usize - 1;
        while (self.sink.count()? as usize) < expected {
            if begun.elapsed() > PATIENCE {
                return Err("SETs are missing".into());
            }
            thread::sleep(Duration::from_millis(20));
        }
        let mut latencies = Vec::new();
        for (txn, at) in self.sink.moments()? {
            let sent = self.sent.get(&txn).ok_or("an unknown SET")?;
            let micros = u32::try_from(at.saturating_sub(*sent))?;
            latencies.push(f64::from(micros) / 1000.0);
        }
        latencies.sort_by(f64::total_cmp);
        Ok(latencies)
    }
}

fn create(token: &str, endpoint: &str) -> String {
    let body = json!({
        "delivery": {"method": "urn:ietf:rfc:8935", "endpoint_url": endpoint},
        "events_requested": [SESSION_REVOKED],
    });
    request("POST", "/ssf/stream", token, &body.to_string())
}

fn user(number: u32) -> Value {
    json!({"format": "email", "email": format!("user-{number}@example.com")})
}

/// What such a part of them does not exceed; they are in order.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a few thousand at most"
)]
fn quantile(sorted: &[f64], part: f64) -> f64 {
    let place = (sorted.len() as f64 * part).ceil() as usize;
    let found = sorted.get(place.saturating_sub(1));
    found.copied().unwrap_or(f64::NAN)
}

//! From handing an event in until its SET has come, at a steady pace; and the same while one of the receivers hangs.
//!
//! Both times are taken outside the program: the moment at which the event was to be handed in, and when the SET has arrived. So
//! what an event waits because others are slow counts as well, and a program that falls behind cannot slow its callers down.

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
    measure::{median, rounded},
    program::{Engine, Installation, Server},
    ratio::{Parity, figure},
    schedule,
    sink::{HANGING, Sink, TIMED},
    stock::SESSION_REVOKED,
};

/// Goals in milliseconds.
const P50_GOAL: f64 = 5.0;
const P99_GOAL: f64 = 25.0;

/// Most that the slowest hundredth may grow while one receiver hangs: the median of all rounds.
const HANGING_GOAL: f64 = 1.10;

/// Fewest samples of a phase whose slowest hundredth says anything; with fewer, nothing is judged by it.
const SAMPLES_MIN: usize = 400;

/// How far the pace may be off, in parts of it.
const PACE_TOLERANCE: f64 = 0.05;

const RECEIVERS: u32 = 100;

/// The receiver that hangs, where one does.
const HANGS: u32 = 7;

/// Time between two looks at what has come.
const LOOK: Duration = Duration::from_millis(20);

/// How many rounds of two phases, one of each kind, and how long a phase is.
#[derive(Clone, Copy)]
pub(crate) struct Scale {
    rounds: u32,
    phase: Duration,
}

impl Scale {
    pub(crate) const SMALL: Self = Self {
        rounds: 1,
        phase: Duration::from_millis(200),
    };
    /// Two minutes and twenty seconds; 500 samples of a phase at 50 events a second, since each event is one SET.
    pub(crate) const WHOLE: Self = Self {
        rounds: 7,
        phase: Duration::from_secs(10),
    };
}

pub(crate) fn measure(scale: Scale, per_second: &[u32]) -> Fallible<Vec<Value>> {
    let mut entries = Vec::new();
    for &pace in per_second {
        entries.extend(at_pace(scale, pace)?);
    }
    Ok(entries)
}

/// One phase of each kind, next to each other in time.
struct Round {
    quiet: Phase,
    hanging: Phase,
}

struct Phase {
    /// Milliseconds of all events that are not for a receiver that hangs, in order.
    latencies: Vec<f64>,
    /// Events that were handed in each second.
    per_second: f64,
}

impl Phase {
    fn p99(&self) -> f64 {
        quantile(&self.latencies, 0.99)
    }
}

fn at_pace(scale: Scale, per_second: u32) -> Fallible<[Value; 4]> {
    let mut quiet = Site::new(None)?;
    let mut hanging = Site::new(Some(HANGS))?;
    let mut rounds = Vec::new();
    for number in 0..scale.rounds {
        rounds.push(if number % 2 == 0 {
            let quiet = quiet.phase(scale.phase, per_second)?;
            let hanging = hanging.phase(scale.phase, per_second)?;
            Round { quiet, hanging }
        } else {
            let hanging = hanging.phase(scale.phase, per_second)?;
            let quiet = quiet.phase(scale.phase, per_second)?;
            Round { quiet, hanging }
        });
    }
    let name = |what| format!("handed in to acknowledged at {per_second} events a second, {what}");
    let quiet = rounds.iter().flat_map(|round| &round.quiet.latencies);
    let mut latencies: Vec<f64> = quiet.copied().collect();
    latencies.sort_by(f64::total_cmp);
    let of_all = |part| quantile(&latencies, part);
    Ok([
        kept(name("pace of the slowest phase"), &rounds, per_second),
        figure(&name("p50"), of_all(0.5), "ms", Some(P50_GOAL)),
        figure(&name("p99"), of_all(0.99), "ms", Some(P99_GOAL)),
        beside(&name("p99 while one of 100 receivers hangs"), &rounds),
    ])
}

/// Whether events were handed in as fast as they were to be: otherwise, the latencies are those of another pace.
fn kept(name: String, rounds: &[Round], per_second: u32) -> Value {
    let phases = rounds
        .iter()
        .flat_map(|round| [&round.quiet, &round.hanging]);
    let paces = phases.map(|phase| phase.per_second);
    let pace = Parity {
        name,
        value: paces.fold(f64::INFINITY, f64::min),
        yardstick: per_second.into(),
        unit: "events a second",
        tolerance: PACE_TOLERANCE,
    };
    pace.entry()
}

/// The slowest hundredth while one receiver hangs, beside that of the same round while none does.
fn beside(name: &str, rounds: &[Round]) -> Value {
    let ratios = rounds
        .iter()
        .map(|round| round.hanging.p99() / round.quiet.p99());
    let mut ratios: Vec<f64> = ratios.collect();
    ratios.sort_by(f64::total_cmp);
    let hanging = rounds.iter().map(|round| round.hanging.p99());
    let quiet = rounds.iter().map(|round| round.quiet.p99());
    let (hanging, quiet) = (median(hanging.collect()), median(quiet.collect()));
    let told = |ratio: Option<&f64>| ratio.map(|ratio| rounded(*ratio, 3));
    let samples = rounds.iter().map(|round| round.hanging.latencies.len());
    let samples = samples.min().unwrap_or_default();
    let goal = (samples >= SAMPLES_MIN).then_some(HANGING_GOAL);
    let (least, greatest) = (told(ratios.first()), told(ratios.last()));
    let ratio = median(ratios);
    json!({
        "name": name,
        "value": rounded(hanging, 3),
        "unit": "ms",
        "yardstick": rounded(quiet, 3),
        "ratio": rounded(ratio, 3),
        "ratio_least": least,
        "ratio_greatest": greatest,
        "samples_of_phase": samples,
        "goal": goal,
        "met": goal.map(|goal| ratio <= goal),
    })
}

/// A program with a hundred receivers, each of which gets what is about one user.
struct Site {
    sink: Sink,
    server: Server,
    source: String,
    /// The receiver that hangs, if one does.
    hangs: Option<u32>,
    /// Events that were handed in.
    count: u32,
    _installation: Installation,
}

impl Site {
    fn new(hangs: Option<u32>) -> Fallible<Self> {
        let sink = Sink::plain(100)?;
        let installation =
            Installation::on(Engine::Sqlite)?.with("SSF_TRANSMITTER_DEFAULT_SUBJECTS", "NONE");
        let server = installation.serve()?;
        let source = installation.add_source("bench")?;
        for number in 0..RECEIVERS {
            let token = installation.add_receiver(&format!("bench-{number}"))?;
            let path = if hangs == Some(number) {
                HANGING
            } else {
                TIMED
            };
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
            hangs,
            count: 0,
            _installation: installation,
        })
    }

    /// Hands in events for so long, for one receiver after the other, and waits until all have come that can.
    fn phase(&mut self, length: Duration, per_second: u32) -> Fallible<Phase> {
        let count = u32::try_from(length.as_millis())? * per_second / 1000;
        let numbers = self.count..self.count + count;
        self.count += count;
        let requests: Vec<String> = numbers.clone().map(|number| self.event(number)).collect();
        let kept = schedule::keep(self.server.address, &requests, per_second)?;
        let answered = |number: u32| self.hangs != Some(number % RECEIVERS);
        let awaited = numbers
            .zip(kept.moments)
            .filter(|(number, _)| answered(*number))
            .map(|(number, moment)| (txn(number), moment));
        Ok(Phase {
            latencies: self.latencies(awaited.collect())?,
            per_second: kept.per_second,
        })
    }

    /// Milliseconds until each of these SETs has come, in order; they are given by `txn`, with when they were to be handed in.
    fn latencies(&self, mut awaited: HashMap<String, u128>) -> Fallible<Vec<f64>> {
        let begun = Instant::now();
        let mut latencies = Vec::with_capacity(awaited.len());
        loop {
            for (txn, at) in self.sink.moments()? {
                // What is not awaited any more has come twice.
                if let Some(moment) = awaited.remove(&txn) {
                    let micros = u32::try_from(at.saturating_sub(moment))?;
                    latencies.push(f64::from(micros) / 1000.0);
                }
            }
            if awaited.is_empty() {
                latencies.sort_by(f64::total_cmp);
                return Ok(latencies);
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("{} SETs are missing", awaited.len()).into());
            }
            thread::sleep(LOOK);
        }
    }

    fn event(&self, number: u32) -> String {
        let body = json!({
            "sub_id": user(number % RECEIVERS),
            "events": {(SESSION_REVOKED): {"event_timestamp": 1_763_900_000}},
            "txn": txn(number),
        });
        request("POST", "/ingest/events", &self.source, &body.to_string())
    }
}

fn txn(number: u32) -> String {
    format!("event-{number}")
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

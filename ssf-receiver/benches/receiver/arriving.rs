//! From the real transmitter to the application: how long until a session is refused, and what becomes of a burst.

use std::{
    ops::Range,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    Fallible, TMP,
    application::{self, POLLING, PUSHED, READY},
    connection::{Connection, request},
    measure::rounded,
    server::Server,
    transmitter::{Installation, Transmitter},
};

/// How many events one by one, how many at once, and how many of those in each request.
pub(crate) struct Scale {
    singly: u32,
    burst: u32,
    of_request: u32,
}

impl Scale {
    pub(crate) const WHOLE: Self = Self {
        singly: 1000,
        burst: 100_000,
        of_request: 1000,
    };
    pub(crate) const SMALL: Self = Self {
        singly: 2,
        burst: 10,
        of_request: 5,
    };
}

/// How long the last session of a burst may take to be refused before the bench fails.
const PATIENCE: Duration = Duration::from_mins(10);

/// How often it is asked how many are refused: each answer decides about all.
const PAUSE: Duration = Duration::from_millis(250);

/// Most MiB that a receiver may have held at any time of a burst.
const MEMORY_MAX: f64 = 256.0;

/// An application, and how its SETs get to it.
struct Way {
    name: &'static str,
    server: Server,
    /// Sessions that nothing was said of yet.
    next: u32,
}

pub(crate) fn measure(scale: &Scale) -> Fallible<Vec<Value>> {
    let directory = tempfile::tempdir_in(TMP)?;
    let program = Path::new(env!("CARGO_BIN_EXE_ssf-receiver")).with_file_name("ssf-transmitter");
    let installation = Installation::new(&program, directory.path())
        .map_err(|error| format!("build ssf-transmitter in the same profile first: {error}"))?;
    let tokens = [
        installation.add_receiver("pushed", "https://pushed.example.com")?,
        installation.add_receiver("polling", "https://polling.example.com")?,
    ];
    let transmitter = installation.start()?;
    let mut entries = Vec::new();
    for ((name, part), token) in [("push", PUSHED), ("poll", POLLING)]
        .into_iter()
        .zip(tokens)
    {
        let database = format!("sqlite://{}/{name}.db", directory.path().display());
        let mut command = application::command(part, transmitter.issuer(), &token, &database)?;
        let server = Server::start(&mut command)?;
        server.ask(READY, 200)?;
        let mut way = Way {
            name,
            server,
            next: 0,
        };
        entries.push(way.singly(&transmitter, scale)?);
        entries.extend(way.burst(&transmitter, scale)?);
    }
    transmitter.stop()?;
    Ok(entries)
}

impl Way {
    /// One event after the other, each when the one before is in effect.
    fn singly(&mut self, transmitter: &Transmitter, scale: &Scale) -> Fallible<Value> {
        let mut source = Connection::open(address_of(transmitter)?)?;
        let mut browser = self.server.connection()?;
        let mut millis = Vec::new();
        for number in self.sessions(scale.singly) {
            let asked = application::asked_by(number);
            browser.ask(&asked, 200)?;
            source.ask(&events(transmitter, number..number + 1), 202)?;
            let accepted = Instant::now();
            while !is_refused(&mut browser, &asked)? {
                if accepted.elapsed() > PATIENCE {
                    return Err("a session that was ended is served".into());
                }
            }
            millis.push(accepted.elapsed().as_secs_f64() * 1e3);
        }
        millis.sort_unstable_by(f64::total_cmp);
        Ok(json!({
            "name": format!("from accepted at the transmitter to 401 at the application, by {}", self.name),
            "p50": rounded(quantile(&millis, 50), 2),
            "p99": rounded(quantile(&millis, 99), 2),
            "unit": "ms",
            "events": scale.singly,
        }))
    }

    /// Many at once: all have to be in effect, and the receiver must not grow with them.
    fn burst(&mut self, transmitter: &Transmitter, scale: &Scale) -> Fallible<[Value; 2]> {
        let mut source = Connection::open(address_of(transmitter)?)?;
        let sessions = self.sessions(scale.burst);
        let begun = Instant::now();
        for first in sessions.clone().step_by(scale.of_request as usize) {
            let last = sessions.end.min(first + scale.of_request);
            source.ask(&events(transmitter, first..last), 202)?;
        }
        let asked = application::how_many_refused(&sessions);
        let mut browser = self.server.connection()?;
        let all = sessions.len().to_string();
        while browser.ask(&asked, 200)? != all.as_bytes() {
            if begun.elapsed() > PATIENCE {
                return Err("not all of a burst is in effect".into());
            }
            thread::sleep(PAUSE);
        }
        let seconds = begun.elapsed().as_secs_f64();
        let memory = self.server.peak_memory_mib()?;
        let named = |what: &str| format!("{what} of {} SETs by {}", scale.burst, self.name);
        Ok([
            json!({
                "name": named("a burst"),
                "value": rounded(seconds, 1),
                "unit": "s until all of it is in effect",
                "per_second": rounded(f64::from(scale.burst) / seconds, 0),
            }),
            json!({
                "name": named("most memory of the application in a burst"),
                "value": rounded(memory, 0),
                "unit": "MiB",
                "goal": MEMORY_MAX,
                "met": memory <= MEMORY_MAX,
            }),
        ])
    }

    fn sessions(&mut self, count: u32) -> Range<u32> {
        let first = self.next;
        self.next += count;
        first..self.next
    }
}

fn is_refused(browser: &mut Connection, asked: &str) -> Fallible<bool> {
    browser.send(asked)?;
    Ok(browser.receive()?.status == 401)
}

/// A request that hands in that these sessions are over.
fn events(transmitter: &Transmitter, sessions: Range<u32>) -> String {
    let event = |number| {
        json!({
            "sub_id": {"format": "opaque", "id": application::session_id(number)},
            "events": {"https://schemas.openid.net/secevent/caep/event-type/session-revoked": {
                "event_timestamp": 1_763_900_000,
            }},
        })
    };
    let body = sessions.map(event).collect::<Value>().to_string();
    request(
        "POST",
        "/ingest/events",
        transmitter.operator_token(),
        &body,
    )
}

fn address_of(transmitter: &Transmitter) -> Fallible<std::net::SocketAddr> {
    let issuer = transmitter.issuer();
    let authority = issuer.strip_prefix("http://").ok_or("not on loopback")?;
    Ok(authority.parse()?)
}

/// What so many of a hundred do not exceed; they are in order.
fn quantile(sorted: &[f64], percent: usize) -> f64 {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied().unwrap_or(f64::NAN)
}

//! Requests at a steady pace: each has a moment of its own, whatever becomes of those before it.

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use crate::{Fallible, connection::Connection, sink::micros};

/// Most connections: at 500 requests a second, an answer that takes up to 64 ms delays no other request.
const CONNECTIONS_MAX: u32 = 32;

/// Time to start all senders before the first moment.
const LEAD: Duration = Duration::from_millis(50);

/// What came of a schedule.
pub(crate) struct Kept {
    /// When each request was to be sent, in microseconds since the epoch.
    pub(crate) moments: Vec<u128>,
    /// How many were answered in a second, from the first moment until the last answer.
    pub(crate) per_second: f64,
}

/// Sends requests, so many a second, each of which has to be answered 202.
///
/// One whose connection is not free yet is sent late: whoever counts from its moment counts that, too.
pub(crate) fn keep(address: SocketAddr, requests: &[String], per_second: u32) -> Fallible<Kept> {
    // Each connection has something to send within a second, before the server closes it for silence.
    let connections = (0..per_second.min(CONNECTIONS_MAX)).map(|_| Connection::open(address));
    let connections = connections.collect::<Fallible<Vec<_>>>()?;
    let gap = Duration::from_secs(1) / per_second;
    let (begun, begun_micros) = (Instant::now() + LEAD, micros() + LEAD.as_micros());
    let plan: Vec<(Duration, &str)> = (0_u32..)
        .zip(requests)
        .map(|(number, request)| (gap * number, request.as_str()))
        .collect();
    let step = connections.len();
    let last = thread::scope(|scope| {
        let start = |(first, connection)| {
            let part = plan.iter().skip(first).step_by(step);
            let part = part.map(move |(offset, request)| (begun + *offset, *request));
            scope.spawn(move || send(connection, part).map_err(|error| error.to_string()))
        };
        let senders: Vec<_> = connections.into_iter().enumerate().map(start).collect();
        let mut last = begun;
        for sender in senders {
            last = last.max(sender.join().map_err(|_| "a sender panicked")??);
        }
        Fallible::Ok(last)
    })?;
    let gaps = u32::try_from(requests.len().saturating_sub(1))?;
    let elapsed = last.saturating_duration_since(begun);
    let micros = |(offset, _): &(Duration, &str)| begun_micros + offset.as_micros();
    Ok(Kept {
        moments: plan.iter().map(micros).collect(),
        per_second: f64::from(gaps) / elapsed.as_secs_f64(),
    })
}

/// Sends what is one connection's; returns when the last answer came.
fn send<'r>(
    mut connection: Connection,
    part: impl Iterator<Item = (Instant, &'r str)>,
) -> Fallible<Instant> {
    let mut last = Instant::now();
    for (moment, request) in part {
        thread::sleep(moment.saturating_duration_since(Instant::now()));
        connection.ask(request, 202)?;
        last = Instant::now();
    }
    Ok(last)
}

//! Memory of the program while many deliveries wait for receivers that cannot be reached.

use std::{
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    Fallible,
    connection::{Connection, PATIENCE, request},
    program::{Engine, Installation, Server},
    ratio::figure,
    stock::Stock,
};

/// Most bytes that are in use at once, in MiB.
const GOAL: f64 = 150.0;

const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// Streams that the deliveries are spread over.
const STREAMS: u32 = 100;

/// How long it is watched behind its first look at everything.
const WATCH: Duration = Duration::from_secs(5);

pub(crate) fn measure(deliveries: &[u32]) -> Fallible<Vec<Value>> {
    let mut entries = Vec::new();
    for &deliveries in deliveries {
        let bytes = peak(deliveries)?;
        let name =
            format!("memory with {deliveries} deliveries pending on {STREAMS} streams, SQLite");
        entries.push(figure(&name, bytes / MEBIBYTE, "MiB", Some(GOAL)));
    }
    Ok(entries)
}

fn peak(deliveries: u32) -> Fallible<f64> {
    // Nobody listens there any more.
    let gone = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let installation = Installation::on(Engine::Sqlite)?;
    installation.prepare()?;
    let mut stock = Stock::of(&installation)?;
    stock.add_streams(STREAMS, |_| format!("http://{gone}/events"))?;
    stock.add_events(deliveries / STREAMS)?;
    drop(stock);
    let server = installation.serve()?;
    surveyed(&server)?;
    thread::sleep(WATCH);
    server.peak_bytes()
}

/// Waits until it has counted everything that waits.
fn surveyed(server: &Server) -> Fallible<()> {
    let begun = Instant::now();
    let mut connection = Connection::open(server.address)?;
    let metrics = request("GET", "/metrics", "", "");
    loop {
        let told = String::from_utf8(connection.ask(&metrics, 200)?)?;
        if told.contains("ssf_ledger_imbalance 0") {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            return Err("nothing was counted".into());
        }
        thread::sleep(Duration::from_millis(100));
    }
}

//! What it takes to look for streams that have something due, with many streams that have nothing, beside the same with few.

use std::time::{Duration, Instant};

use sea_orm::{ConnectOptions, ConnectionTrait, Database};
use serde_json::Value;
use ssf_transmitter::{
    app::{clock::SystemClock, ids},
    domain::room::Room,
    ports::{Clock, Outbox},
    store::SeaStore,
};
use tokio::runtime::Runtime;

use crate::{
    Fallible,
    measure::{Measured, median},
    program::{Engine, Installation},
    stock::Stock,
};

/// Most that a look may take, in looks with few streams.
const GOAL: f64 = 1.5;

/// Streams of the smaller side.
const FEW: u32 = 1000;

/// Looks of each side.
const LOOKS: u32 = 400;

/// Streams that are asked for.
const LIMIT: usize = 32;

pub(crate) fn measure(engines: &[Engine], streams: u32) -> Fallible<Vec<Value>> {
    let runtime = Runtime::new()?;
    let mut entries = Vec::new();
    for &engine in engines {
        let name = format!(
            "look for streams with something due, {streams} idle streams beside {FEW}, {}",
            engine.name()
        );
        let many = filled(engine, streams, &runtime)?;
        let few = filled(engine, FEW, &runtime)?;
        let measured = runtime.block_on(alternate(&many.1, &few.1))?;
        entries.push(measured.entry(&name, Some(GOAL)));
    }
    Ok(entries)
}

/// A database with so many streams. One is made by the program's own code, and the others are copies of its queue.
fn filled(engine: Engine, streams: u32, runtime: &Runtime) -> Fallible<(Installation, SeaStore)> {
    let installation = Installation::on(engine)?;
    let mut stock = Stock::of(&installation)?;
    stock.add_streams(1, |_| "http://127.0.0.1:9/events".to_owned())?;
    drop(stock);
    let copies = streams - 1;
    let statements = match engine {
        Engine::Sqlite => [
            "PRAGMA foreign_keys = OFF".to_owned(),
            format!(
                "CREATE TEMP TABLE copy AS WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {copies}) SELECT stream_queue.* FROM number, stream_queue"
            ),
            "UPDATE copy SET stream_id = randomblob(16)".to_owned(),
            "INSERT INTO stream_queue SELECT * FROM copy".to_owned(),
            "ANALYZE".to_owned(),
        ],
        Engine::Postgres => [
            "SET session_replication_role = replica".to_owned(),
            format!(
                "CREATE TEMP TABLE copy AS SELECT stream_queue.* FROM generate_series(1, {copies}), stream_queue"
            ),
            "UPDATE copy SET stream_id = gen_random_uuid()".to_owned(),
            "INSERT INTO stream_queue SELECT * FROM copy".to_owned(),
            "ANALYZE stream_queue".to_owned(),
        ],
    };
    let store = runtime.block_on(async {
        let mut options = ConnectOptions::new(installation.database_url());
        options.max_connections(1).sqlx_logging(false);
        let connection = Database::connect(options).await?;
        for statement in statements {
            connection.execute_unprepared(&statement).await?;
        }
        connection.close().await?;
        installation.store().await
    })?;
    Ok((installation, store))
}

async fn alternate(many: &SeaStore, few: &SeaStore) -> Fallible<Measured> {
    let (mut ours, mut yardstick, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..LOOKS {
        let (of_many, of_few) = if number % 2 == 0 {
            let of_few = look(few).await?;
            (look(many).await?, of_few)
        } else {
            (look(many).await?, look(few).await?)
        };
        ours.push(of_many);
        yardstick.push(of_few);
        ratios.push(of_many / of_few);
    }
    Ok(Measured {
        ours: median(ours),
        yardstick: median(yardstick),
        ratio: median(ratios),
    })
}

/// Nanoseconds of one look, which finds nothing.
async fn look(store: &SeaStore) -> Fallible<f64> {
    let now = SystemClock.now();
    let until = now.after(Duration::from_secs(8));
    let begun = Instant::now();
    let leased = store
        .lease_streams(ids::worker_id(), now, until, Room::of(LIMIT))
        .await?;
    let next = store.next_due().await?;
    let elapsed = begun.elapsed();
    if !leased.is_empty() || next.is_some() {
        return Err("a stream is not idle".into());
    }
    Ok(elapsed.as_secs_f64() * 1e9)
}

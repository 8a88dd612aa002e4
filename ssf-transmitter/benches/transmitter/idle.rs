//! What it takes to look for streams that have something due, with many streams that have nothing, beside the same with few: where
//! none has, and where some have and are taken.

use std::time::{Duration, Instant};

use sea_orm::{ConnectOptions, ConnectionTrait, Database};
use serde_json::Value;
use ssf_transmitter::{
    app::{clock::SystemClock, ids},
    domain::room::Room,
    ports::{Clock, Fenced, Outbox},
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

/// Idle streams of the smaller side.
const FEW: u32 = 1000;

/// Streams that are asked for.
const LIMIT: usize = 32;

/// For how long streams are taken.
const LEASE: Duration = Duration::from_secs(8);

#[derive(Clone, Copy)]
pub(crate) struct Scale {
    /// Idle streams of the larger side.
    idle: u32,
    /// Streams of each side that have something due at last; more than are asked for.
    due: u32,
    /// Looks of each side that find nothing.
    looks: u32,
    /// Looks of each side that take streams.
    takes: u32,
}

impl Scale {
    pub(crate) const SMALL: Self = Self {
        idle: 2000,
        due: 40,
        looks: 4,
        takes: 2,
    };

    pub(crate) const fn of(idle: u32) -> Self {
        Self {
            idle,
            due: 1000,
            looks: 400,
            takes: 100,
        }
    }
}

pub(crate) fn measure(engines: &[Engine], scale: Scale) -> Fallible<Vec<Value>> {
    let runtime = Runtime::new()?;
    let Scale { idle, due, .. } = scale;
    let mut entries = Vec::new();
    for &engine in engines {
        let mut many = Side::new(engine, idle, &runtime)?;
        let mut few = Side::new(engine, FEW, &runtime)?;
        let name = engine.name();
        let looking = alternate(scale.looks, look, [&many.store, &few.store]);
        let name_of_looking = format!(
            "look for streams with something due, {idle} idle streams beside {FEW}, {name}"
        );
        entries.push(
            runtime
                .block_on(looking)?
                .entry(&name_of_looking, Some(GOAL)),
        );
        many.have_due(due, &runtime)?;
        few.have_due(due, &runtime)?;
        let taking = alternate(scale.takes, take, [&many.store, &few.store]);
        let name_of_taking = format!(
            "take {LIMIT} of {due} streams with something due, {idle} idle streams beside {FEW}, {name}"
        );
        entries.push(runtime.block_on(taking)?.entry(&name_of_taking, Some(GOAL)));
    }
    Ok(entries)
}

/// A database with streams. One is made by the program's own code, and the idle ones are copies of its queue.
struct Side {
    installation: Installation,
    engine: Engine,
    stock: Stock,
    store: SeaStore,
}

impl Side {
    fn new(engine: Engine, idle: u32, runtime: &Runtime) -> Fallible<Self> {
        let installation = Installation::on(engine)?;
        let mut stock = Stock::of(&installation)?;
        add(&mut stock, 1)?;
        let copies = idle - 1;
        let statements = match engine {
            Engine::Sqlite => [
                "PRAGMA foreign_keys = OFF".to_owned(),
                format!(
                    "CREATE TEMP TABLE copy AS WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {copies}) SELECT stream_queue.* FROM number, stream_queue"
                ),
                "UPDATE copy SET stream_id = randomblob(16)".to_owned(),
                "INSERT INTO stream_queue SELECT * FROM copy".to_owned(),
            ],
            Engine::Postgres => [
                "SET session_replication_role = replica".to_owned(),
                format!(
                    "CREATE TEMP TABLE copy AS SELECT stream_queue.* FROM generate_series(1, {copies}), stream_queue"
                ),
                "UPDATE copy SET stream_id = gen_random_uuid()".to_owned(),
                "INSERT INTO stream_queue SELECT * FROM copy".to_owned(),
            ],
        };
        let store = runtime.block_on(async {
            execute(&installation, statements).await?;
            opened(&installation, engine).await
        })?;
        Ok(Self {
            installation,
            engine,
            stock,
            store,
        })
    }

    /// Has so many streams, one of which was idle, get an event that is due.
    fn have_due(&mut self, streams: u32, runtime: &Runtime) -> Fallible<()> {
        add(&mut self.stock, streams - 1)?;
        self.stock.add_events(1)?;
        self.store = runtime.block_on(opened(&self.installation, self.engine))?;
        Ok(())
    }
}

/// Adds streams to which SETs would be pushed.
fn add(stock: &mut Stock, streams: u32) -> Fallible<()> {
    stock.add_streams(streams, |_| "http://127.0.0.1:9/events".to_owned())
}

/// A store whose database knows how much it holds, as after a while in use.
async fn opened(installation: &Installation, engine: Engine) -> Fallible<SeaStore> {
    let analyze = match engine {
        Engine::Sqlite => "ANALYZE",
        Engine::Postgres => "ANALYZE stream_queue",
    };
    execute(installation, [analyze.to_owned()]).await?;
    installation.store().await
}

/// Executes statements on one connection, behind the back of any store.
async fn execute<const COUNT: usize>(
    installation: &Installation,
    statements: [String; COUNT],
) -> Fallible<()> {
    let mut options = ConnectOptions::new(installation.database_url());
    options.max_connections(1).sqlx_logging(false);
    let connection = Database::connect(options).await?;
    for statement in statements {
        connection.execute_unprepared(&statement).await?;
    }
    Ok(connection.close().await?)
}

/// Measures both sides by turns, in an order that alternates too; each pair gives one ratio.
async fn alternate(
    pairs: u32,
    nanos: impl AsyncFn(&SeaStore) -> Fallible<f64>,
    [many, few]: [&SeaStore; 2],
) -> Fallible<Measured> {
    let (mut ours, mut yardstick, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..pairs {
        let (of_many, of_few) = if number % 2 == 0 {
            let of_few = nanos(few).await?;
            (nanos(many).await?, of_few)
        } else {
            let of_many = nanos(many).await?;
            (of_many, nanos(few).await?)
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
    let begun = Instant::now();
    let leased = store
        .lease_streams(ids::worker_id(), now, now.after(LEASE), Room::of(LIMIT))
        .await?;
    let next = store.next_due().await?;
    let elapsed = begun.elapsed();
    if !leased.is_empty() || next.is_some() {
        return Err("a stream is not idle".into());
    }
    Ok(elapsed.as_secs_f64() * 1e9)
}

/// Nanoseconds of taking streams. Giving them back is not in them: with its commits, it takes longer, and as long on either side.
async fn take(store: &SeaStore) -> Fallible<f64> {
    let now = SystemClock.now();
    let begun = Instant::now();
    let leased = store
        .lease_streams(ids::worker_id(), now, now.after(LEASE), Room::of(LIMIT))
        .await?;
    let elapsed = begun.elapsed();
    if leased.len() != LIMIT {
        return Err(format!("{} of {LIMIT} streams were taken", leased.len()).into());
    }
    for one in &leased {
        if store.release(&one.lease, &one.health).await? != Fenced::Stored {
            return Err("a stream was taken away".into());
        }
    }
    Ok(elapsed.as_secs_f64() * 1e9)
}

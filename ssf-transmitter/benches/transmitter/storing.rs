//! What handing in an event costs at least: a handler that reads the body as JSON and answers when it is stored, as one row of one
//! table of SQLite, with those that came meanwhile in one transaction; with the same libraries and nothing else.

use std::io::{self, Write};

use actix_web::{
    App, HttpResponse, HttpServer,
    error::ErrorInternalServerError,
    rt,
    web::{self, Bytes, Data},
};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseBackend, DatabaseConnection, DbErr,
    Statement, TransactionTrait, Value,
};
use serde_json::json;
use tokio::{
    runtime::Runtime,
    sync::{mpsc, oneshot},
};

use crate::{Fallible, connection::PATIENCE, program::Server};

/// Has this program be that server; its database follows.
pub(crate) const ARGUMENT: &str = "--storing";

/// Most events of one statement: there are few lengths, so that each statement is read once.
const STATEMENT_EVENTS_MAX: usize = 256;

/// Most events that wait for their transaction.
const WAITING_MAX: usize = 1024;

const TABLE: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
    CREATE TABLE event (position INTEGER PRIMARY KEY, id BLOB NOT NULL, payload BLOB NOT NULL)";

/// A body, and who waits until it is stored.
type Waiting = (Vec<u8>, oneshot::Sender<()>);

pub(crate) fn start(database: &str) -> Fallible<Server> {
    Server::floor(&[ARGUMENT, database])
}

/// Serves until it is ended.
pub(crate) fn serve(database: &str) -> Fallible<()> {
    // Storing has threads of its own, as in the program.
    let runtime = Runtime::new()?;
    let database = runtime.block_on(created(database))?;
    let (sender, waiting) = mpsc::channel(WAITING_MAX);
    runtime.spawn(async move {
        if let Err(error) = store(&database, waiting).await {
            let _ = writeln!(io::stderr(), "{error}");
        }
    });
    rt::System::new().block_on(async move {
        let server = HttpServer::new(move || {
            App::new()
                .app_data(Data::new(sender.clone()))
                .route("/ingest/events", web::post().to(accept))
        });
        let server = server.keep_alive(PATIENCE).bind("127.0.0.1:0")?;
        for address in server.addrs() {
            writeln!(io::stdout(), "listening={address}")?;
        }
        Ok(server.run().await?)
    })
}

async fn accept(
    sender: Data<mpsc::Sender<Waiting>>,
    body: Bytes,
) -> actix_web::Result<HttpResponse> {
    let event: serde_json::Value = serde_json::from_slice(&body)?;
    let (answer, stored) = oneshot::channel();
    let waiting = (body.to_vec(), answer);
    sender
        .send(waiting)
        .await
        .map_err(ErrorInternalServerError)?;
    stored.await.map_err(ErrorInternalServerError)?;
    let id = "0193592c-7a6e-7d3f-9c1e-8f2b6a4d5e10";
    let answer = json!({"events": [{"event_id": id, "txn": event["txn"]}]});
    Ok(HttpResponse::Accepted()
        .insert_header(("cache-control", "no-store"))
        .json(answer))
}

async fn store(
    database: &DatabaseConnection,
    mut waiting: mpsc::Receiver<Waiting>,
) -> Result<(), DbErr> {
    while let Some(first) = waiting.recv().await {
        let mut together = vec![first];
        while let Ok(next) = waiting.try_recv() {
            together.push(next);
        }
        let (payloads, answers): (Vec<_>, Vec<_>) = together.into_iter().unzip();
        let transaction = database.begin().await?;
        let mut payloads = payloads.into_iter();
        while payloads.len() > 0 {
            let length = 1 << payloads.len().min(STATEMENT_EVENTS_MAX).ilog2();
            let insert = insert(payloads.by_ref().take(length));
            transaction.execute_raw(insert).await?;
        }
        transaction.commit().await?;
        for answer in answers {
            // Whoever asked may be gone.
            let _ = answer.send(());
        }
    }
    Ok(())
}

fn insert(payloads: impl ExactSizeIterator<Item = Vec<u8>>) -> Statement {
    let rows = vec!["(?, ?)"; payloads.len()].join(", ");
    let sql = format!("INSERT INTO event (id, payload) VALUES {rows}");
    let values = payloads.flat_map(|payload| -> [Value; 2] {
        [
            rand::random::<u128>().to_be_bytes().to_vec().into(),
            payload.into(),
        ]
    });
    Statement::from_sql_and_values(DatabaseBackend::Sqlite, sql, values)
}

async fn created(path: &str) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(format!("sqlite://{path}?mode=rwc"));
    options.max_connections(1).sqlx_logging(false);
    let database = Database::connect(options).await?;
    database.execute_unprepared(TABLE).await?;
    Ok(database)
}

//! What a push costs at least: a bare loop that reads claims from a table of SQLite, signs and posts them, and notes sixteen
//! answers in one transaction, with the same libraries and nothing else.

use std::io::{self, Write};

use futures_util::{StreamExt, stream::FuturesUnordered};
use reqwest::{
    Client, StatusCode,
    header::{ACCEPT, CONTENT_TYPE},
    redirect,
};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseBackend, DatabaseConnection, Statement,
    TransactionTrait, Value,
};
use secrecy::ExposeSecret;
use ssf_types::{jose::SigningKey, set::Algorithm};
use tokio::{runtime::Runtime, task::spawn_blocking};
use url::Url;

use crate::{Fallible, program::Server, stock};

/// Has this program be the loop: where it posts to, how many SETs, and its database follow.
pub(crate) const ARGUMENT: &str = "--floor";

/// Posts under way, as the program has them to one stream.
const WINDOW: usize = 32;

/// Answers that are noted together.
const TOGETHER: usize = 16;

const TABLE: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
    CREATE TABLE claims (id INTEGER PRIMARY KEY, text TEXT NOT NULL, is_done INTEGER NOT NULL)";

pub(crate) fn start(endpoint: &str, sets: u32, database: &str) -> Fallible<Server> {
    Server::floor(&[ARGUMENT, endpoint, &sets.to_string(), database])
}

/// Posts so many SETs.
pub(crate) fn post(endpoint: &str, sets: u32, database: &str) -> Fallible<()> {
    let endpoint = Url::parse(endpoint)?;
    let address = endpoint.socket_addrs(|| None)?;
    let address = address.first().ok_or("no address")?;
    writeln!(io::stdout(), "listening={address}")?;
    Runtime::new()?.block_on(async {
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .pool_max_idle_per_host(WINDOW)
            .build()?;
        let database = filled(database, sets).await?;
        let key = SigningKey::generate(Algorithm::Rs256)?;
        let mut under_way = FuturesUnordered::new();
        let (mut last, mut done) = (0, Vec::new());
        loop {
            if under_way.len() + TOGETHER <= WINDOW {
                for (id, text) in next(&database, last).await? {
                    last = id;
                    let post = one(client.clone(), endpoint.clone(), key.clone(), text);
                    let post = tokio::spawn(post);
                    under_way.push(async move { (id, post.await) });
                }
            }
            let Some((id, status)) = under_way.next().await else {
                return Ok(());
            };
            let status = status?.map_err(|error| error.to_string())?;
            if status != StatusCode::ACCEPTED {
                return Err("a SET was not accepted".into());
            }
            done.push(id);
            if done.len() == TOGETHER {
                note(&database, &mut done).await?;
            }
        }
    })
}

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

async fn one(client: Client, to: Url, key: SigningKey, text: String) -> Outcome<StatusCode> {
    let set = spawn_blocking(move || -> Outcome<_> {
        Ok(key.sign_assertion(&serde_json::from_str(&text)?)?)
    });
    let set = set.await??;
    let post = client
        .post(to)
        .header(CONTENT_TYPE, ssf_types::set::MEDIA_TYPE)
        .header(ACCEPT, "application/json")
        .bearer_auth("receiver-of-a-bench")
        .body(set.expose_secret().to_owned());
    Ok(post.send().await?.status())
}

async fn filled(path: &str, sets: u32) -> Fallible<DatabaseConnection> {
    let mut options = ConnectOptions::new(format!("sqlite://{path}?mode=rwc"));
    options.max_connections(1).sqlx_logging(false);
    let database = Database::connect(options).await?;
    database.execute_unprepared(TABLE).await?;
    let transaction = database.begin().await?;
    for number in 0..sets {
        let text = stock::submission(number, "a-cause");
        let insert = "INSERT INTO claims (text, is_done) VALUES (?, 0)";
        transaction
            .execute_raw(statement(insert, [text.into()]))
            .await?;
    }
    transaction.commit().await?;
    Ok(database)
}

async fn next(database: &DatabaseConnection, last: i64) -> Fallible<Vec<(i64, String)>> {
    let sql = format!(
        "SELECT id, text FROM claims WHERE id > ? AND is_done = 0 ORDER BY id LIMIT {TOGETHER}"
    );
    let rows = database.query_all_raw(statement(&sql, [last.into()]));
    let read = |row: sea_orm::QueryResult| Ok((row.try_get("", "id")?, row.try_get("", "text")?));
    rows.await?.into_iter().map(read).collect()
}

async fn note(database: &DatabaseConnection, done: &mut Vec<i64>) -> Fallible<()> {
    let places = vec!["?"; done.len()].join(", ");
    let sql = format!("UPDATE claims SET is_done = 1 WHERE id IN ({places})");
    let transaction = database.begin().await?;
    let done = done.drain(..).map(Value::from);
    transaction.execute_raw(statement(&sql, done)).await?;
    Ok(transaction.commit().await?)
}

fn statement(sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    Statement::from_sql_and_values(DatabaseBackend::Sqlite, sql, values)
}

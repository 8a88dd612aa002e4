//! Sessions in a table of the application's.

use std::{collections::HashMap, time::Duration};

use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use actix_web::cookie::time;
use futures_util::future::join;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr, ExecResult, QueryResult,
    Statement, Value,
};
use ssf_receiver::sessions::{
    SessionId, SessionStore as _, SessionStoreError, SqlSessions, SqlTable, Written,
};
use tempfile::TempDir;

use super::{
    cluster::Cluster,
    contract::{self, Rig, fingerprints, found, id, keys},
    ending, eventually, race,
    recording::key,
};

const TTL: Duration = Duration::from_hours(1);

/// An application's own store of actix-session.
#[derive(Clone)]
struct Stored(DatabaseConnection);

impl Stored {
    async fn open(url: &str) -> Self {
        let mut options = ConnectOptions::new(url);
        options.sqlx_logging(false);
        if url.starts_with("sqlite") {
            options.max_connections(1);
        }
        let database = Database::connect(options).await.unwrap();
        let create =
            "CREATE TABLE IF NOT EXISTS \"webSession\" (sid TEXT PRIMARY KEY, state TEXT NOT NULL)";
        database.execute_unprepared(create).await.unwrap();
        Self(database)
    }

    fn statement(&self, text: &str, values: Vec<Value>) -> Statement {
        Statement::from_sql_and_values(self.0.get_database_backend(), text, values)
    }

    async fn execute(&self, text: &str, values: Vec<Value>) -> Result<ExecResult, DbErr> {
        self.0.execute_raw(self.statement(text, values)).await
    }

    async fn row(&self, name: &str) -> Result<Option<QueryResult>, DbErr> {
        let text = "SELECT state FROM \"webSession\" WHERE sid = $1";
        self.0
            .query_one_raw(self.statement(text, vec![name.into()]))
            .await
    }

    async fn put(&self, name: &str, state: &HashMap<String, String>) -> Result<(), DbErr> {
        let state = serde_json::to_string(state).unwrap();
        let text = "INSERT INTO \"webSession\" (sid, state) VALUES ($1, $2) \
             ON CONFLICT (sid) DO UPDATE SET state = excluded.state";
        self.execute(text, vec![name.into(), state.into()]).await?;
        Ok(())
    }
}

impl SessionStore for Stored {
    async fn load(&self, key: &SessionKey) -> Result<Option<HashMap<String, String>>, LoadError> {
        let row = self.row(key.as_ref()).await;
        let row = row.map_err(|error| LoadError::Other(error.into()))?;
        let state = row.map(|row| row.try_get_by_index::<String>(0).unwrap());
        Ok(state.map(|state| serde_json::from_str(&state).unwrap()))
    }

    async fn save(
        &self,
        state: HashMap<String, String>,
        _: &time::Duration,
    ) -> Result<SessionKey, SaveError> {
        let key = key(uuid::Uuid::new_v4().to_string());
        let put = self.put(key.as_ref(), &state).await;
        put.map_err(|error| SaveError::Other(error.into()))?;
        Ok(key)
    }

    async fn update(
        &self,
        key: SessionKey,
        state: HashMap<String, String>,
        _: &time::Duration,
    ) -> Result<SessionKey, UpdateError> {
        let put = self.put(key.as_ref(), &state).await;
        put.map_err(|error| UpdateError::Other(error.into()))?;
        Ok(key)
    }

    async fn update_ttl(&self, _: &SessionKey, _: &time::Duration) -> Result<(), anyhow::Error> {
        Ok(())
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), anyhow::Error> {
        let text = "DELETE FROM \"webSession\" WHERE sid = $1";
        self.execute(text, vec![key.as_ref().into()]).await?;
        Ok(())
    }
}

async fn sessions(url: &str) -> (Stored, SqlSessions) {
    let stored = Stored::open(url).await;
    let table = SqlTable::new("webSession", "sid").unwrap();
    (stored, SqlSessions::open(url, table).await.unwrap())
}

fn sqlite(directory: &TempDir) -> String {
    format!(
        "sqlite://{}?mode=rwc",
        directory.path().join("web.db").display()
    )
}

fn postgres() -> String {
    Cluster::of_this_run().new_database()
}

impl Rig for (Stored, SqlSessions) {
    type Store = SqlSessions;

    fn store(&self) -> &SqlSessions {
        &self.1
    }

    async fn put(&self, id: &SessionId) {
        self.0.put(id.as_str(), &HashMap::new()).await.unwrap();
    }

    async fn has(&self, id: &SessionId) -> bool {
        self.0.row(id.as_str()).await.unwrap().is_some()
    }
}

#[actix_web::test]
async fn a_store_in_sql_does_what_every_store_does() {
    let directory = tempfile::tempdir().unwrap();
    contract::holds(&sessions(&sqlite(&directory)).await).await;
    contract::holds(&sessions(&postgres()).await).await;
}

#[actix_web::test]
async fn t56_of_a_thousand_saves_to_sqlite_at_the_time_of_a_revocation_none_survives() {
    let directory = tempfile::tempdir().unwrap();
    let (stored, sessions) = sessions(&sqlite(&directory)).await;
    // As an application would have it, so that those who read and those who write need not wait for each other.
    let mode = "PRAGMA journal_mode = WAL";
    stored.0.execute_unprepared(mode).await.unwrap();
    race::nobody_survives(stored, sessions).await;
}

#[actix_web::test]
async fn t56_of_a_thousand_saves_to_postgresql_at_the_time_of_a_revocation_none_survives() {
    let (stored, sessions) = sessions(&postgres()).await;
    race::nobody_survives(stored, sessions).await;
}

#[actix_web::test]
async fn what_ended_by_itself_goes_with_what_is_registered_later() {
    let directory = tempfile::tempdir().unwrap();
    for url in [sqlite(&directory), postgres()] {
        let (stored, sessions) = sessions(&url).await;
        let (first, ann) = (id("a"), keys("ann"));
        let registered = sessions.register(&first, &ann, Duration::ZERO).await;
        assert_eq!(registered.unwrap(), Written::Kept);
        assert!(found(&sessions, "ann").await.is_empty());
        let rows = async |table: &str| {
            let text = format!("SELECT COUNT(*) FROM {table}");
            let row = stored.0.query_one_raw(stored.statement(&text, Vec::new()));
            let count: i64 = row.await.unwrap().unwrap().try_get_by_index(0).unwrap();
            count
        };
        assert_eq!(rows("ssf_session").await, 1);
        let is_gone = async || {
            let (second, ben) = (id("b"), keys("ben"));
            sessions.register(&second, &ben, TTL).await.unwrap();
            rows("ssf_session").await == 1
        };
        eventually("the former is gone", is_gone).await;
        let under = i64::try_from(fingerprints("ben").len()).unwrap();
        assert_eq!(rows("ssf_session_index").await, under);
    }
}

#[actix_web::test]
async fn two_that_begin_at_once_make_the_tables_once() {
    let url = postgres();
    let table = || SqlTable::new("webSession", "sid").unwrap();
    let opening = || SqlSessions::open(&url, table());
    let (one, other) = join(opening(), opening()).await;
    let registered = one.unwrap().register(&id("a"), &keys("ann"), TTL).await;
    assert_eq!(registered.unwrap(), Written::Kept);
    assert_eq!(found(&other.unwrap(), "ann").await, ["a"]);
}

#[actix_web::test]
async fn a_table_that_is_not_there_is_told_and_nothing_is_marked() {
    let directory = tempfile::tempdir().unwrap();
    let table = SqlTable::new("nobodys", "sid").unwrap();
    let sessions = SqlSessions::open(&sqlite(&directory), table).await.unwrap();
    sessions
        .register(&id("a"), &keys("ann"), TTL)
        .await
        .unwrap();
    let ended = sessions.end(&[id("a")]).await;
    assert!(matches!(ended, Err(SessionStoreError::Failed(_))));
    assert_eq!(found(&sessions, "ann").await, ["a"]);
}

#[actix_web::test]
async fn a_request_under_way_brings_no_session_in_sql_back() {
    let directory = tempfile::tempdir().unwrap();
    for url in [sqlite(&directory), postgres()] {
        let (stored, sessions) = sessions(&url).await;
        ending::comes_back_by_no_way(stored, sessions).await;
    }
}

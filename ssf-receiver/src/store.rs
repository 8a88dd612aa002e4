//! The durable inbox in SQL, which is an embedded SQLite file or a PostgreSQL database: the only tree that names sea-orm, but
//! for `sessions::sql`.
//!
//! Whatever decides by what it has read goes through [`Tables::begin`], so that no other such transaction is under way beside
//! it: then rows may be merged in Rust, and whatever is numbered has the order of its commits.

mod dialect;
mod entity;
mod forgetting;
#[cfg(feature = "postgres")]
mod instances;
#[cfg(feature = "postgres")]
mod line;
mod load;
#[cfg(feature = "sqlite")]
mod lock;
mod merge;
mod migration;
mod numbering;
#[cfg(feature = "postgres")]
mod postgres;
mod quarantine;
mod replan;
mod retain;
mod row;
mod scopes;
#[cfg(feature = "sqlite")]
mod sqlite;
mod statement;
mod watermarks;
mod worklist;

use std::time::Duration;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, EntityTrait, Set,
    TransactionTrait, sea_query::OnConflict,
};
use ssf_types::uri::Issuer;

use self::entity::setting;
#[cfg(feature = "postgres")]
pub(crate) use self::line::PostgresLine;
pub(crate) use self::replan::{REPLAN, Stored};
use crate::{
    failpoint::{Failpoint, reached},
    inbox::{
        Arriving, Change, Changes, Gathered, Inbox, InboxError, Retained, Settings, Write,
        each_behind, unknown_url,
    },
    revocation::{Revocation, Scope, ScopeId, Watermarks},
};

/// Keeps everything in one database.
///
/// One transaction writes SETs at a time, and those that wait for it share the next. An SQLite file is used by one process at
/// a time, which a lock file beside it ensures: another one's index would not hear of its revocations.
#[derive(Debug)]
pub(crate) struct SqlInbox {
    tables: Tables,
    gathered: Gathered,
    /// Held while the inbox is open, if it is a file.
    #[cfg(feature = "sqlite")]
    _lock: Option<std::fs::File>,
}

/// The tables, and how they are written to.
#[derive(Clone, Debug)]
struct Tables {
    database: DatabaseConnection,
    /// The name of this instance among those that use them.
    #[cfg(feature = "postgres")]
    instance: String,
}

impl Tables {
    fn new(database: DatabaseConnection) -> Self {
        Self {
            database,
            #[cfg(feature = "postgres")]
            instance: format!("{:032x}", rand::random::<u128>()),
        }
    }

    /// Whether other instances may use them.
    fn are_shared(&self) -> bool {
        self.database.get_database_backend() == DbBackend::Postgres
    }

    /// Begins a transaction that decides by what it reads. No other one is under way that was begun so.
    async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        // An SQLite file has one connection.
        let transaction = self.database.begin().await?;
        #[cfg(feature = "postgres")]
        if self.are_shared() {
            postgres::take_turn(&transaction).await?;
        }
        Ok(transaction)
    }
}

impl SqlInbox {
    /// Opens the database at `url`, and brings its tables up to date: `sqlite://path`, which is made if it is not there, or
    /// `postgres://…`.
    ///
    /// Another process that uses the file gets `patience` to end.
    pub(crate) async fn open(url: &str, patience: Duration) -> Result<Self, InboxError> {
        #[cfg(feature = "sqlite")]
        if url.starts_with("sqlite://") {
            let (database, lock) = sqlite::open(url, patience).await?;
            return Ok(Self {
                _lock: Some(lock),
                ..Self::new(Tables::new(database))
            });
        }
        #[cfg(feature = "postgres")]
        if postgres::is_meant(url) {
            return Ok(Self::new(Tables::new(postgres::open(url).await?)));
        }
        let _ = patience;
        Err(unknown_url())
    }

    fn new(tables: Tables) -> Self {
        Self {
            gathered: Gathered::new(Writer::new(tables.clone())),
            tables,
            #[cfg(feature = "sqlite")]
            _lock: None,
        }
    }

    /// Whether other instances may use the database.
    pub(crate) fn is_shared(&self) -> bool {
        self.tables.are_shared()
    }

    /// The inbox, if they may.
    #[cfg(feature = "shared")]
    pub(crate) fn shared(&self) -> Option<crate::inbox::AnyShared<'_>> {
        #[cfg(feature = "postgres")]
        if self.is_shared() {
            return Some(crate::inbox::AnyShared::Sql(self));
        }
        None
    }

    #[cfg(test)]
    pub(crate) fn connection(&self) -> &DatabaseConnection {
        &self.tables.database
    }
}

/// What writes SETs.
struct Writer {
    tables: Tables,
    runs: numbering::Runs,
}

impl Writer {
    fn new(tables: Tables) -> Self {
        Self {
            tables,
            runs: numbering::Runs::default(),
        }
    }
}

impl Write for Writer {
    async fn write(&self, sets: &[Arriving]) -> Result<Vec<Retained>, InboxError> {
        let failed = |error: DbErr| InboxError::new("retain a SET", error);
        let transaction = self.tables.begin().await.map_err(failed)?;
        let runs = self.runs.find(&transaction, sets).await.map_err(failed)?;
        let retained = retain::retain(&transaction, sets, &runs).await?;
        reached(Failpoint::BeforeCommit);
        transaction.commit().await.map_err(failed)?;
        self.runs.committed(runs);
        #[cfg(feature = "postgres")]
        if self.tables.are_shared() {
            line::tell(&self.tables);
        }
        Ok(retained)
    }
}

impl Inbox for SqlInbox {
    async fn retain(&self, sets: &[Arriving]) -> Result<Vec<Retained>, InboxError> {
        self.gathered.retain(sets).await
    }

    async fn revocation_count(&self) -> Result<usize, InboxError> {
        load::count(&self.tables.database).await
    }

    async fn revocations(&self, each: impl FnMut(Revocation) + Send) -> Result<(), InboxError> {
        each_behind(self, &mut 0, each).await
    }

    async fn forget(
        &self,
        scope: ScopeId,
        watermarks: Watermarks,
        most: u32,
    ) -> Result<u32, InboxError> {
        let failed = |error: DbErr| InboxError::new("forget revocations", error);
        let transaction = self.tables.begin().await.map_err(failed)?;
        let dropped = watermarks::forget(&transaction, scope, watermarks, most).await?;
        transaction.commit().await.map_err(failed)?;
        Ok(dropped)
    }

    async fn watermarks(&self) -> Result<Vec<(ScopeId, Watermarks)>, InboxError> {
        watermarks::kept(&self.tables.database).await
    }

    async fn scopes(&self, issuers: &[Issuer]) -> Result<Vec<Scope>, InboxError> {
        let failed = |error: DbErr| InboxError::new("number its transmitters", error);
        let transaction = self.tables.begin().await.map_err(failed)?;
        let scopes = scopes::numbered(&transaction, issuers).await?;
        transaction.commit().await.map_err(failed)?;
        Ok(scopes)
    }

    async fn settings(&self) -> Result<Settings, InboxError> {
        let rows = setting::Entity::find()
            .all(&self.tables.database)
            .await
            .map_err(|error| InboxError::new("read the settings", error))?;
        Ok(rows.into_iter().map(|row| (row.name, row.value)).collect())
    }

    async fn keep_settings(&self, settings: &Settings) -> Result<(), InboxError> {
        keep_settings(&self.tables.database, settings).await
    }

    async fn setting_or(&self, name: &str, new: String) -> Result<String, InboxError> {
        let failed = |error: DbErr| InboxError::new("settle a setting", error);
        let database = &self.tables.database;
        let insert =
            "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING";
        let values = vec![name.into(), new.clone().into()];
        let inserted = statement::execute(database, insert, values).await;
        inserted.map_err(failed)?;
        let kept = setting::Entity::find_by_id(name).one(database).await;
        Ok(kept.map_err(failed)?.map_or(new, |kept| kept.value))
    }
}

impl Changes for SqlInbox {
    async fn changes(&self, after: i64, most: usize) -> Result<Vec<Change>, InboxError> {
        load::changes(&self.tables.database, after, most).await
    }

    #[cfg(any(test, feature = "redis"))]
    async fn last_change(&self) -> Result<i64, InboxError> {
        load::last_change(&self.tables.database).await
    }

    #[cfg(any(test, feature = "shared"))]
    async fn origin(&self) -> Result<String, InboxError> {
        #[cfg(feature = "postgres")]
        if self.is_shared() {
            return self.server().await;
        }
        Ok(String::new())
    }
}

async fn keep_settings(
    connection: &impl ConnectionTrait,
    settings: &Settings,
) -> Result<(), InboxError> {
    let rows = settings.iter().map(|(name, value)| setting::ActiveModel {
        name: Set(name.clone()),
        value: Set(value.clone()),
    });
    setting::Entity::insert_many(rows)
        .on_conflict(
            OnConflict::column(setting::Column::Name)
                .update_column(setting::Column::Value)
                .to_owned(),
        )
        .exec_without_returning(connection)
        .await
        .map(drop)
        .map_err(|error| InboxError::new("keep the settings", error))
}

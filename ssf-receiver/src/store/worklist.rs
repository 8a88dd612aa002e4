//! What handlers have done, in rows.

use std::collections::HashSet;

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect, Set, Statement, Value, sea_query::OnConflict,
};
use ssf_types::{time::Timestamp, uri::Issuer};

use super::{
    SqlInbox,
    entity::{handler, set, task},
};
use crate::{
    failpoint::{Failpoint, reached},
    inbox::{
        InboxError,
        worklist::{Came, Settled, Work, Worklist, shortened},
    },
    work::{Again, DeadLetter, HandlerName},
};

/// A task with its SET.
#[derive(FromQueryResult)]
struct Joined {
    set_id: i64,
    issuer: String,
    jti: String,
    claims: String,
    received_at_millis: i64,
    failed: i64,
    error: String,
}

/// Tasks of the handler `$1` with their SETs.
const JOINED: &str = "SELECT task.set_id, inbox.issuer, inbox.jti, inbox.claims, inbox.received_at_millis, task.failed, \
     task.error FROM task JOIN inbox ON inbox.id = task.set_id WHERE task.handler = $1";

impl Worklist for SqlInbox {
    async fn enlist(&self, handler: &HandlerName) -> Result<i64, InboxError> {
        let failed = |error: DbErr| InboxError::new("find the place of a handler", error);
        let transaction = self.tables.begin().await.map_err(failed)?;
        let known = handler::Entity::find_by_id(handler.as_str());
        if let Some(known) = known.one(&transaction).await.map_err(failed)? {
            return Ok(known.done);
        }
        let last = set::Entity::find().order_by_desc(set::Column::Id);
        let last = last.one(&transaction).await.map_err(failed)?;
        let done = last.map_or(0, |last| last.id);
        let row = handler::ActiveModel {
            name: Set(handler.as_str().to_owned()),
            done: Set(done),
        };
        handler::Entity::insert(row)
            .exec_without_returning(&transaction)
            .await
            .map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(done)
    }

    async fn fresh(&self, after: i64, limit: u64) -> Result<Vec<Work>, InboxError> {
        let rows = set::Entity::find()
            .filter(set::Column::Id.gt(after))
            .order_by_asc(set::Column::Id)
            .limit(limit)
            .all(&self.tables.database)
            .await
            .map_err(reading)?;
        let work = |row: set::Model| {
            Ok(Work {
                row: row.id,
                issuer: issuer(row.issuer)?,
                claims: row.claims,
                received_at: moment(row.received_at_millis),
                failed: 0,
            })
        };
        rows.into_iter().map(work).collect()
    }

    async fn due(
        &self,
        handler: &HandlerName,
        now: Timestamp,
        limit: u64,
        under_way: &HashSet<i64>,
    ) -> Result<Vec<Work>, InboxError> {
        // A list without anything is none for PostgreSQL.
        let others = match under_way.len() {
            0 => String::new(),
            count => format!("AND task.set_id NOT IN ({})", places(count, 4)),
        };
        let sql = format!(
            "{JOINED} AND task.due_at <= $2 {others} ORDER BY task.due_at, task.set_id LIMIT $3"
        );
        let now = now.as_millis().cast_signed();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values = [handler.as_str().into(), now.into(), limit.into()];
        let rows = self.joined(&sql, values.into_iter().chain(rows(under_way)));
        let work = |row: Joined| {
            Ok(Work {
                row: row.set_id,
                issuer: issuer(row.issuer)?,
                claims: row.claims,
                received_at: moment(row.received_at_millis),
                failed: u32::try_from(row.failed).unwrap_or(u32::MAX),
            })
        };
        rows.await?.into_iter().map(work).collect()
    }

    async fn next_due(
        &self,
        handler: &HandlerName,
        under_way: &HashSet<i64>,
    ) -> Result<Option<Timestamp>, InboxError> {
        let first = task::Entity::find()
            .filter(task::Column::Handler.eq(handler.as_str()))
            .filter(task::Column::DueAt.is_not_null())
            .filter(task::Column::SetId.is_not_in(under_way.iter().copied()))
            .order_by_asc(task::Column::DueAt)
            .one(&self.tables.database)
            .await
            .map_err(reading)?;
        Ok(first.and_then(|first| first.due_at).map(moment))
    }

    async fn settle(
        &self,
        handler: &HandlerName,
        done: i64,
        settled: &[Settled],
    ) -> Result<(), InboxError> {
        let failed = |error: DbErr| InboxError::new("keep what came of SETs", error);
        let transaction = self.tables.begin().await.map_err(failed)?;
        let row = handler::ActiveModel {
            name: Set(handler.as_str().to_owned()),
            done: Set(done),
        };
        let conflict = OnConflict::column(handler::Column::Name)
            .update_column(handler::Column::Done)
            .to_owned();
        handler::Entity::insert(row)
            .on_conflict(conflict)
            .exec_without_returning(&transaction)
            .await
            .map_err(failed)?;
        for Settled { row, came } in settled {
            match aside(handler, *row, came) {
                None => {
                    let key = (handler.as_str().to_owned(), *row);
                    let gone = task::Entity::delete_by_id(key).exec(&transaction);
                    gone.await.map_err(failed)?;
                }
                Some(row) => {
                    task::Entity::insert(row)
                        .on_conflict(instead())
                        .exec_without_returning(&transaction)
                        .await
                        .map_err(failed)?;
                }
            }
        }
        reached(Failpoint::BeforeSettled);
        transaction.commit().await.map_err(failed)
    }

    async fn dead(&self, handler: &HandlerName, limit: u64) -> Result<Vec<DeadLetter>, InboxError> {
        let sql = format!("{JOINED} AND task.due_at IS NULL ORDER BY task.set_id LIMIT $2");
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values = [handler.as_str().into(), limit.into()];
        let letter = |row: Joined| DeadLetter {
            issuer: row.issuer,
            jti: row.jti,
            received_at: moment(row.received_at_millis),
            failed: u32::try_from(row.failed).unwrap_or(u32::MAX),
            error: row.error,
        };
        let rows = self.joined(&sql, values.into_iter()).await?;
        Ok(rows.into_iter().map(letter).collect())
    }

    async fn again(
        &self,
        handler: &HandlerName,
        which: &Again,
        now: Timestamp,
    ) -> Result<u64, InboxError> {
        let mut values: Vec<Value> = vec![
            handler.as_str().into(),
            now.as_millis().cast_signed().into(),
        ];
        let meant = match which {
            Again::Dead => "id IN (SELECT set_id FROM task WHERE handler = $1 AND due_at IS NULL)",
            Again::Jti(jti) => {
                values.push(jti.as_str().into());
                "jti = $3"
            }
            Again::Received { since, until } => {
                values.push(since.as_millis().cast_signed().into());
                values.push(until.as_millis().cast_signed().into());
                "received_at_millis >= $3 AND received_at_millis < $4"
            }
        };
        let sql = format!(
            "INSERT INTO task (handler, set_id, failed, due_at, error) \
             SELECT $1, id, 0, $2, '' FROM inbox WHERE {meant} \
             ON CONFLICT (handler, set_id) DO UPDATE SET failed = 0, due_at = excluded.due_at, error = ''"
        );
        let failed = |error: DbErr| InboxError::new("hand SETs over again", error);
        // In a turn: none of the SETs is forgotten meanwhile.
        let transaction = self.tables.begin().await.map_err(failed)?;
        let backend = transaction.get_database_backend();
        let statement = Statement::from_sql_and_values(backend, sql, values);
        let done = transaction.execute_raw(statement).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(done.rows_affected())
    }
}

impl SqlInbox {
    async fn joined(
        &self,
        sql: &str,
        values: impl Iterator<Item = Value> + Send,
    ) -> Result<Vec<Joined>, InboxError> {
        let backend = self.tables.database.get_database_backend();
        let statement = Statement::from_sql_and_values(backend, sql, values);
        let rows = Joined::find_by_statement(statement).all(&self.tables.database);
        rows.await.map_err(reading)
    }
}

/// A row of what lies aside; `None` for what is done.
fn aside(handler: &HandlerName, row: i64, came: &Came) -> Option<task::ActiveModel> {
    let (failed, due_at, error) = match came {
        Came::Done => return None,
        Came::Failed {
            failed,
            due_at,
            error,
        } => (failed, Some(due_at.as_millis().cast_signed()), error),
        Came::Dead { failed, error } => (failed, None, error),
    };
    Some(task::ActiveModel {
        handler: Set(handler.as_str().to_owned()),
        set_id: Set(row),
        failed: Set(i64::from(*failed)),
        due_at: Set(due_at),
        // PostgreSQL keeps no text with that character.
        error: Set(shortened(error).replace('\0', " ")),
    })
}

/// The row that is inserted counts in place of the one that is there.
fn instead() -> OnConflict {
    OnConflict::columns([task::Column::Handler, task::Column::SetId])
        .update_columns([
            task::Column::Failed,
            task::Column::DueAt,
            task::Column::Error,
        ])
        .to_owned()
}

fn places(count: usize, first: usize) -> String {
    let places = (first..first + count).map(|place| format!("${place}"));
    places.collect::<Vec<_>>().join(", ")
}

fn rows(rows: &HashSet<i64>) -> impl Iterator<Item = Value> {
    rows.iter().map(|row| Value::from(*row))
}

fn issuer(text: String) -> Result<Issuer, InboxError> {
    Issuer::parse(text).map_err(|error| InboxError::new("read who sent a SET", error))
}

fn moment(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis.cast_unsigned())
}

fn reading(error: DbErr) -> InboxError {
    InboxError::new("read what a handler has to do", error)
}

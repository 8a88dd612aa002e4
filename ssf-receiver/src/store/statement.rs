//! Statements of many rows: each has its price, whatever it does, so that as much as possible goes into one.

use std::{borrow::Cow, iter};

use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement, Value};

/// Most rows of one statement. SQLite takes 32,766 values, PostgreSQL 65,535; the widest row has twelve.
pub(super) const ROWS_MAX: usize = 1000;

/// Placeholders for so many rows of so many values: `(?, ?), (?, ?)`.
pub(super) fn rows(count: usize, width: usize) -> String {
    let row = format!("({})", list(width));
    iter::repeat_n(row, count).collect::<Vec<_>>().join(", ")
}

/// Placeholders for so many values: `?, ?`.
pub(super) fn list(count: usize) -> String {
    iter::repeat_n("?", count).collect::<Vec<_>>().join(", ")
}

/// Does what the statement says, and tells how many rows it changed.
pub(super) async fn execute(
    connection: &impl ConnectionTrait,
    text: &str,
    values: Vec<Value>,
) -> Result<u64, DbErr> {
    let statement = statement(connection, text, values);
    let done = connection.execute_raw(statement).await?;
    Ok(done.rows_affected())
}

/// The rows that the statement yields.
pub(super) async fn query(
    connection: &impl ConnectionTrait,
    text: &str,
    values: Vec<Value>,
) -> Result<Vec<QueryResult>, DbErr> {
    let statement = statement(connection, text, values);
    connection.query_all_raw(statement).await
}

fn statement(connection: &impl ConnectionTrait, text: &str, values: Vec<Value>) -> Statement {
    let backend = connection.get_database_backend();
    Statement::from_sql_and_values(backend, written(backend, text).as_ref(), values)
}

/// The text with placeholders as the database has them: those of PostgreSQL have numbers. Ours have no `?` in a literal.
fn written(backend: DbBackend, text: &str) -> Cow<'_, str> {
    if backend != DbBackend::Postgres {
        return text.into();
    }
    let mut parts = text.split('?');
    let first = parts.next().unwrap_or_default().to_owned();
    let numbered = parts
        .zip(1_u32..)
        .fold(first, |mut written, (part, number)| {
            written.push('$');
            written.push_str(&number.to_string());
            written.push_str(part);
            written
        });
    numbered.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_placeholder_for_each_value() {
        assert_eq!(rows(2, 3), "(?, ?, ?), (?, ?, ?)");
        assert_eq!(list(1), "?");
    }

    #[test]
    fn placeholders_of_postgresql_have_numbers() {
        let text = "SELECT a FROM b WHERE c = ? AND d IN (?, ?) LIMIT 1";
        assert_eq!(written(DbBackend::Sqlite, text), text);
        assert_eq!(
            written(DbBackend::Postgres, text),
            "SELECT a FROM b WHERE c = $1 AND d IN ($2, $3) LIMIT 1"
        );
    }
}

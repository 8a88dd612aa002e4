//! Statements of many rows: each has its price, whatever it does, so that as much as possible goes into one.

use std::iter;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, Value};

use super::BACKEND;

/// Most rows of one statement. SQLite takes 32,766 values; the widest row has twelve.
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

/// Does what the statement says.
pub(super) async fn execute(
    connection: &impl ConnectionTrait,
    text: &str,
    values: Vec<Value>,
) -> Result<(), DbErr> {
    let statement = Statement::from_sql_and_values(BACKEND, text, values);
    connection.execute_raw(statement).await.map(drop)
}

/// The rows that the statement yields.
pub(super) async fn query(
    connection: &impl ConnectionTrait,
    text: &str,
    values: Vec<Value>,
) -> Result<Vec<QueryResult>, DbErr> {
    let statement = Statement::from_sql_and_values(BACKEND, text, values);
    connection.query_all_raw(statement).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_placeholder_for_each_value() {
        assert_eq!(rows(2, 3), "(?, ?, ?), (?, ?, ?)");
        assert_eq!(list(1), "?");
    }
}

//! Statements of many rows: each has its price, whatever it does, so that as much as possible goes into one.
//!
//! A text that the database has not read before costs it a third as much again as what the statement does. So there are few: with room
//! for 1, 2, 4 rows and so on, and what is left of the room is null.

use std::borrow::Cow;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement, Value};

/// Most rows of one statement, a power of two. SQLite takes 32,766 values, PostgreSQL 65,535; the widest row has twelve.
pub(super) const ROWS_MAX: usize = 1024;

/// Placeholders for so many rows of so many values: `(?, ?), (?, ?)`.
pub(super) fn rows(count: usize, width: usize) -> String {
    repeated(&format!("({})", list(width)), count)
}

/// Placeholders for so many values: `?, ?`.
pub(super) fn list(count: usize) -> String {
    repeated("?", count)
}

fn repeated(one: &str, count: usize) -> String {
    let mut text = format!("{one}, ").repeat(count);
    text.truncate(text.len().saturating_sub(2));
    text
}

/// How many rows the text has room for that is used for so many.
pub(super) fn room(count: usize) -> usize {
    count.next_power_of_two()
}

/// Rows for a table. What is the same in all of them goes into the statement once.
pub(super) struct Insert<const WIDTH: usize> {
    /// `INSERT INTO`, or as the database has it.
    pub(super) verb: &'static str,
    pub(super) table: &'static str,
    /// The first is never null.
    pub(super) columns: [&'static str; WIDTH],
    /// What happens where a row is there already.
    pub(super) otherwise: &'static str,
}

impl<const WIDTH: usize> Insert<WIDTH> {
    /// Adds the rows in their order.
    pub(super) async fn execute(
        &self,
        connection: &impl ConnectionTrait,
        mut rows: Vec<[Value; WIDTH]>,
    ) -> Result<(), DbErr> {
        while !rows.is_empty() {
            let rest = rows.split_off(rows.len().min(ROWS_MAX));
            let (text, values) = self.statement(rows);
            execute(connection, &text, values).await?;
            rows = rest;
        }
        Ok(())
    }

    fn statement(&self, rows: Vec<[Value; WIDTH]>) -> (String, Vec<Value>) {
        let is_common: [bool; WIDTH] = std::array::from_fn(|place| {
            let mut pairs = rows.windows(2);
            place > 0 && pairs.all(|pair| pair[0][place] == pair[1][place])
        });
        let (common, own): (Vec<usize>, Vec<usize>) =
            (0..WIDTH).partition(|place| is_common[*place]);
        let room = room(rows.len());
        let mut values = Vec::with_capacity(common.len() + room * own.len());
        let mut nulls = Vec::with_capacity(own.len());
        if let Some(first) = rows.first() {
            values.extend(common.iter().map(|place| first[*place].clone()));
            nulls.extend(own.iter().map(|place| first[*place].as_null()));
        }
        let unused = (room - rows.len()) * own.len();
        for row in rows {
            let of_row = row.into_iter().zip(is_common);
            values.extend(of_row.filter_map(|(value, is_common)| (!is_common).then_some(value)));
        }
        values.extend(nulls.into_iter().cycle().take(unused));
        (self.text(&common, &own, room), values)
    }

    fn text(&self, common: &[usize], own: &[usize], room: usize) -> String {
        let names = common.iter().chain(own).map(|place| self.columns[*place]);
        let selected = (1..=own.len()).map(|number| format!("column{number}"));
        format!(
            "{} {} ({}) SELECT {}{} FROM (VALUES {}) AS own WHERE column1 IS NOT NULL {}",
            self.verb,
            self.table,
            names.collect::<Vec<_>>().join(", "),
            "?, ".repeat(common.len()),
            selected.collect::<Vec<_>>().join(", "),
            rows(room, own.len()),
            self.otherwise,
        )
    }
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
    #[cfg(feature = "sqlite")]
    use std::time::Duration;

    #[cfg(feature = "sqlite")]
    use sea_orm::TransactionTrait;

    use super::*;
    #[cfg(feature = "sqlite")]
    use crate::store::{SqlInbox, dialect};

    #[test]
    fn there_is_a_placeholder_for_each_value() {
        assert_eq!(rows(2, 3), "(?, ?, ?), (?, ?, ?)");
        assert_eq!(list(1), "?");
        assert_eq!(list(0), "");
    }

    #[test]
    fn what_all_rows_have_is_there_once_and_room_that_is_left_is_null() {
        let insert = Insert {
            verb: "INSERT INTO",
            table: "t",
            columns: ["a", "b", "c"],
            otherwise: "ON CONFLICT (a) DO NOTHING",
        };
        let row = |a: i64, c: &str| [Value::from(a), Value::from("same"), Value::from(c)];
        let (text, values) = insert.statement(vec![row(1, "x"), row(2, "y"), row(3, "y")]);
        assert_eq!(
            text,
            "INSERT INTO t (b, a, c) SELECT ?, column1, column2 FROM (VALUES (?, ?), (?, ?), (?, ?), (?, ?)) AS own \
             WHERE column1 IS NOT NULL ON CONFLICT (a) DO NOTHING"
        );
        let texts = |text: Option<&str>| Value::from(text.map(str::to_owned));
        let expected = [
            texts(Some("same")),
            1_i64.into(),
            texts(Some("x")),
            2_i64.into(),
            texts(Some("y")),
            3_i64.into(),
            texts(Some("y")),
            None::<i64>.into(),
            texts(None),
        ];
        assert_eq!(values, expected);
        let (text, values) = insert.statement(vec![row(1, "x")]);
        assert_eq!(
            text,
            "INSERT INTO t (b, c, a) SELECT ?, ?, column1 FROM (VALUES (?)) AS own WHERE column1 IS NOT NULL ON CONFLICT (a) DO NOTHING"
        );
        assert_eq!(
            values,
            [texts(Some("same")), texts(Some("x")), 1_i64.into()]
        );
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

    #[cfg(feature = "sqlite")]
    #[tokio::test]
    async fn rows_are_added_in_their_order_or_none_of_their_transaction_is() {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("inbox.db").display());
        let inbox = SqlInbox::open(&url, Duration::ZERO).await.unwrap();
        let database = inbox.connection();
        let insert = Insert {
            verb: dialect::of(DbBackend::Sqlite).insert,
            table: "setting",
            columns: ["name", "value"],
            otherwise: "",
        };
        let rows = |names: &[&str]| {
            let row = |name: &&str| [Value::from(*name), Value::from("x")];
            names.iter().map(row).collect()
        };
        let names = async || {
            let text = "SELECT name FROM setting WHERE value = 'x' ORDER BY rowid";
            let found = query(database, text, Vec::new()).await.unwrap();
            let name = |row: &QueryResult| row.try_get_by_index::<String>(0).unwrap();
            found.iter().map(name).collect::<Vec<_>>()
        };
        let transaction = database.begin().await.unwrap();
        let twice = insert.execute(&transaction, rows(&["c", "b", "c"])).await;
        assert!(twice.is_err());
        drop(transaction);
        assert_eq!(names().await, [""; 0]);
        let added = insert.execute(database, rows(&["c", "b", "a"])).await;
        added.unwrap();
        assert_eq!(names().await, ["c", "b", "a"]);
    }
}

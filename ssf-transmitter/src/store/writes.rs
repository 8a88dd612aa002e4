//! Statements of one transaction that tell nothing, run one behind the other.
//!
//! On SQLite each statement goes to a thread and its answer comes back, which takes longer than a short one itself: so short ones
//! go there together. On PostgreSQL each goes alone, since it takes one statement at a time.

use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DatabaseBackend, DatabaseTransaction, DbErr, EntityTrait,
    IntoActiveModel, QueryTrait, Statement, StatementBuilder, sea_query::Values,
};

use super::append::chunks;

/// Most values of statements that go together. They are kept prepared by their text, of which there is one for each combination
/// of lengths: so these are few.
const TOGETHER_MAX: usize = 64;

/// What is still to be written.
#[derive(Debug)]
pub(super) struct Writes {
    backend: DatabaseBackend,
    statements: Vec<Statement>,
}

impl Writes {
    /// Nothing yet, for a transaction like this one.
    pub(super) fn on(transaction: &DatabaseTransaction) -> Self {
        Self::of(transaction.get_database_backend())
    }

    fn of(backend: DatabaseBackend) -> Self {
        Self {
            backend,
            statements: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, statement: &impl StatementBuilder) {
        self.statements.push(self.backend.build(statement));
    }

    pub(super) fn insert<A>(&mut self, rows: Vec<A>)
    where
        A: ActiveModelTrait,
        <A::Entity as EntityTrait>::Model: IntoActiveModel<A>,
    {
        for chunk in chunks(rows) {
            self.add(&A::Entity::insert_many(chunk).into_query());
        }
    }

    /// Runs them in their order. If one fails, those before it are done, and the transaction must be given up.
    pub(super) async fn run(self, transaction: &DatabaseTransaction) -> Result<(), DbErr> {
        for statement in self.together() {
            transaction.execute_raw(statement).await?;
        }
        Ok(())
    }

    fn together(self) -> Vec<Statement> {
        if self.backend != DatabaseBackend::Sqlite {
            return self.statements;
        }
        let mut all: Vec<Statement> = Vec::with_capacity(self.statements.len());
        for next in self.statements {
            match all.last_mut() {
                Some(last) if values(last) + values(&next) <= TOGETHER_MAX => append(last, next),
                _ => all.push(next),
            }
        }
        all
    }
}

fn values(statement: &Statement) -> usize {
    statement.values.as_ref().map_or(0, |values| values.0.len())
}

/// Each place of a value is a question mark, so that those of the second follow those of the first.
fn append(statement: &mut Statement, next: Statement) {
    statement.sql.push_str("; ");
    statement.sql.push_str(&next.sql);
    let values = statement.values.get_or_insert_with(|| Values(Vec::new()));
    values
        .0
        .extend(next.values.into_iter().flat_map(|values| values.0));
}

#[cfg(test)]
mod tests {
    use sea_orm::{
        ActiveValue::Set, ConnectOptions, Database, DatabaseConnection, TransactionTrait,
    };

    use super::*;
    use crate::store::entity::ledger_total::{ActiveModel, Entity, Model};

    fn row(name: &str, value: i64) -> ActiveModel {
        ActiveModel {
            name: Set(name.to_owned()),
            shard: Set(0),
            value: Set(value),
        }
    }

    /// Rows of three values each.
    fn rows(count: i64) -> Vec<ActiveModel> {
        (0..count)
            .map(|value| row(&format!("{value:03}"), value))
            .collect()
    }

    async fn database() -> DatabaseConnection {
        let mut options = ConnectOptions::new("sqlite::memory:");
        options.max_connections(1);
        let database = Database::connect(options).await.unwrap();
        let table = "CREATE TABLE ledger_total (name TEXT, shard INTEGER, value INTEGER CHECK (value < 100))";
        database.execute_unprepared(table).await.unwrap();
        database
    }

    async fn stored(database: &DatabaseConnection) -> Vec<(String, i64)> {
        let rows: Vec<Model> = Entity::find().all(database).await.unwrap();
        rows.into_iter().map(|row| (row.name, row.value)).collect()
    }

    #[tokio::test]
    async fn all_are_run_in_their_order_with_their_own_values() {
        let database = database().await;
        for _ in 0..2 {
            let transaction = database.begin().await.unwrap();
            let mut writes = Writes::on(&transaction);
            writes.insert(vec![row("a", 1), row("b", 2)]);
            writes.insert(vec![row("c", 3)]);
            writes.add(&Entity::delete_many().into_query());
            writes.insert(vec![row("d", 4)]);
            writes.insert(vec![row("e", 5), row("f", 6)]);
            writes.run(&transaction).await.unwrap();
            transaction.commit().await.unwrap();
            let expected = [("d", 4), ("e", 5), ("f", 6)];
            assert_eq!(
                stored(&database).await,
                expected.map(|(name, value)| (name.to_owned(), value))
            );
        }
    }

    #[tokio::test]
    async fn behind_one_that_fails_none_is_run() {
        let database = database().await;
        let transaction = database.begin().await.unwrap();
        let mut writes = Writes::on(&transaction);
        writes.insert(vec![row("a", 1)]);
        writes.insert(vec![row("b", 100)]);
        writes.insert(vec![row("c", 3)]);
        assert!(writes.run(&transaction).await.is_err());
        transaction.commit().await.unwrap();
        assert_eq!(stored(&database).await, [("a".to_owned(), 1)]);
    }

    #[test]
    fn short_ones_go_together_and_long_ones_alone() {
        let lengths = |backend, counts: &[i64]| {
            let mut writes = Writes::of(backend);
            for count in counts {
                writes.insert(rows(*count));
            }
            writes.together().iter().map(values).collect::<Vec<_>>()
        };
        assert_eq!(lengths(DatabaseBackend::Sqlite, &[]), [0; 0]);
        assert_eq!(lengths(DatabaseBackend::Sqlite, &[1, 4, 16]), [63]);
        assert_eq!(
            lengths(DatabaseBackend::Sqlite, &[1, 16, 16, 5, 1]),
            [51, 63, 3]
        );
        assert_eq!(lengths(DatabaseBackend::Sqlite, &[1, 32, 1]), [3, 96, 3]);
        assert_eq!(lengths(DatabaseBackend::Postgres, &[1, 4]), [3, 12]);
    }
}

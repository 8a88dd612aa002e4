//! Updates of many rows, which are never undone alone.
//!
//! By default SQLite keeps a copy of every page that such a statement changes, to undo the statement should it fail half-way.
//! Nobody here goes on with a transaction after that.

use sea_orm::{
    ConnectionTrait, DatabaseBackend, DatabaseTransaction, DbErr, EntityTrait, QueryTrait,
    UpdateMany,
};

/// Tells how many rows were changed. If it fails, some may be, and the transaction must be given up.
pub(super) async fn without_undo<E: EntityTrait>(
    update: UpdateMany<E>,
    transaction: &DatabaseTransaction,
) -> Result<u64, DbErr> {
    let backend = transaction.get_database_backend();
    let mut statement = backend.build(&update.into_query());
    if backend == DatabaseBackend::Sqlite {
        statement.sql = statement.sql.replacen("UPDATE ", "UPDATE OR FAIL ", 1);
    }
    Ok(transaction.execute_raw(statement).await?.rows_affected())
}

#[cfg(test)]
mod tests {
    use sea_orm::{
        ColumnTrait, ConnectOptions, Database, DatabaseConnection, ExprTrait, QueryFilter,
        QuerySelect, TransactionTrait,
    };

    use super::*;
    use crate::store::entity::ledger_total::{Column, Entity};

    /// Two rows, of which the second cannot be raised.
    async fn rows() -> DatabaseConnection {
        let mut options = ConnectOptions::new("sqlite::memory:");
        options.max_connections(1);
        let database = Database::connect(options).await.unwrap();
        let rows = "CREATE TABLE ledger_total (name TEXT, shard INTEGER, value INTEGER CHECK (value < 10)); \
            INSERT INTO ledger_total VALUES ('a', 0, 1), ('b', 0, 9)";
        database.execute_unprepared(rows).await.unwrap();
        database
    }

    fn raised(by: i64) -> UpdateMany<Entity> {
        Entity::update_many().col_expr(Column::Value, Column::Value.into_expr().add(by))
    }

    async fn values(db: &impl ConnectionTrait) -> Vec<i64> {
        let values = Entity::find().select_only().column(Column::Value);
        values.into_tuple().all(db).await.unwrap()
    }

    #[tokio::test]
    async fn what_fails_half_way_is_undone_with_its_transaction() {
        let database = rows().await;
        let transaction = database.begin().await.unwrap();
        assert!(without_undo(raised(1), &transaction).await.is_err());
        assert_eq!(values(&transaction).await, [2, 9], "SQLite kept no copy");
        drop(transaction);
        assert_eq!(values(&database).await, [1, 9]);
    }

    #[tokio::test]
    async fn the_rows_that_were_changed_are_counted() {
        let database = rows().await;
        let transaction = database.begin().await.unwrap();
        let update = raised(1).filter(Column::Name.eq("a"));
        assert_eq!(without_undo(update, &transaction).await.unwrap(), 1);
        transaction.commit().await.unwrap();
        assert_eq!(values(&database).await, [2, 9]);
    }
}

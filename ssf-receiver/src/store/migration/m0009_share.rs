//! Instances that share a PostgreSQL database: who leads, what it says of each transmitter, and what it asked for.

use sea_orm_migration::prelude::*;

use super::is_postgres;

pub(super) struct Share;

impl MigrationName for Share {
    fn name(&self) -> &'static str {
        "m0009_share"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "async_trait binds a written lifetime later than the trait does"
)]
#[async_trait::async_trait]
impl MigrationTrait for Share {
    /// Also on SQLite, where it is not the default: a step that a crash cut short could never be repeated.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if !is_postgres(manager) {
            return Ok(());
        }
        let connection = manager.get_connection();
        for text in [
            "CREATE TABLE lease (name text PRIMARY KEY, holder text NOT NULL, ends_at timestamptz NOT NULL)",
            "CREATE TABLE report (scope bigint PRIMARY KEY, says text NOT NULL, told_at timestamptz NOT NULL)",
            "CREATE TABLE asked (scope bigint NOT NULL, state text NOT NULL, asked_at timestamptz NOT NULL, \
             PRIMARY KEY (scope, state))",
        ] {
            connection.execute_unprepared(text).await?;
        }
        Ok(())
    }
}

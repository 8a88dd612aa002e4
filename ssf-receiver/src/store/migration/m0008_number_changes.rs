//! Revocations in PostgreSQL have positions: the greater, the later they were changed. In an SQLite file, rows have places.

use sea_orm_migration::prelude::*;

use super::is_postgres;

pub(super) struct NumberChanges;

impl MigrationName for NumberChanges {
    fn name(&self) -> &'static str {
        "m0008_number_changes"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "async_trait binds a written lifetime later than the trait does"
)]
#[async_trait::async_trait]
impl MigrationTrait for NumberChanges {
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
            "ALTER TABLE revocation ADD COLUMN position bigserial NOT NULL",
            "CREATE UNIQUE INDEX revocation_position ON revocation (position)",
        ] {
            connection.execute_unprepared(text).await?;
        }
        Ok(())
    }
}

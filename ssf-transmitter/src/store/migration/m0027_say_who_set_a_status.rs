//! Says who gave a stream its status.

use sea_orm_migration::prelude::*;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0027_say_who_set_a_status"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "async_trait makes the lifetime another one than that of the trait if it is written"
)]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// Also on SQLite, where it is not the default: a step that a crash cut short could never be repeated.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    /// Nobody knows who it was of streams that are there: their Receivers may change it, as before.
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let statement =
            "ALTER TABLE stream ADD COLUMN status_set_by VARCHAR NOT NULL DEFAULT 'receiver'";
        manager
            .get_connection()
            .execute_unprepared(statement)
            .await?;
        Ok(())
    }
}

//! Lets a Receiver have a profile.

use sea_orm_migration::prelude::*;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0012_name_profiles"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "async_trait makes the lifetime another one than that of the trait if it is written"
)]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// Receivers that are there speak SSF 1.0.
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let statement =
            "ALTER TABLE receiver ADD COLUMN profile VARCHAR NOT NULL DEFAULT 'ssf-1.0'";
        manager
            .get_connection()
            .execute_unprepared(statement)
            .await?;
        Ok(())
    }
}

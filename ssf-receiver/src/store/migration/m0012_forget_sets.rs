//! Numbers outlive their SETs: those that are gone are kept with their run.

use sea_orm_migration::prelude::*;

pub(super) struct ForgetSets;

impl MigrationName for ForgetSets {
    fn name(&self) -> &'static str {
        "m0012_forget_sets"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "async_trait binds a written lifetime later than the trait does"
)]
#[async_trait::async_trait]
impl MigrationTrait for ForgetSets {
    /// Also on SQLite, where it is not the default: a step that a crash cut short could never be repeated.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        // JSON, as in `[[1,500],[502,900]]`.
        let text = "ALTER TABLE run ADD COLUMN gone text";
        connection.execute_unprepared(text).await.map(drop)
    }
}

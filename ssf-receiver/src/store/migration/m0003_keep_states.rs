//! Revocations may be states, and masks may be about something beside the subject.

use sea_orm_migration::prelude::*;

use super::is_postgres;

pub(super) struct KeepStates;

impl MigrationName for KeepStates {
    fn name(&self) -> &'static str {
        "m0003_keep_states"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "async_trait binds a written lifetime later than the trait does"
)]
#[async_trait::async_trait]
impl MigrationTrait for KeepStates {
    /// Also on SQLite, where it is not the default: a step that a crash cut short could never be repeated.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column at a time.
        for name in ["effect", "occurred", "toe", "arrived"] {
            let column = ColumnDef::new(name).big_integer().null().to_owned();
            let added = Table::alter()
                .table("revocation")
                .add_column(column)
                .to_owned();
            manager.alter_table(added).await?;
        }
        let about = ColumnDef::new("about")
            .text()
            .not_null()
            .default("")
            .to_owned();
        let added = Table::alter().table("mask").add_column(about).to_owned();
        manager.alter_table(added).await?;
        if is_postgres(manager) {
            // There is no such index.
            return Ok(());
        }
        let former = Index::drop()
            .name("mask_has_lacks")
            .table("mask")
            .to_owned();
        manager.drop_index(former).await?;
        let unique = Index::create()
            .name("mask_has_lacks_about")
            .table("mask")
            .col("has")
            .col("lacks")
            .col("about")
            .unique()
            .to_owned();
        manager.create_index(unique).await
    }
}

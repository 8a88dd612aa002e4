//! Transmitters have watermarks, and revocations are found by when they were received.

use sea_orm_migration::prelude::*;

pub(super) struct KeepWatermarks;

impl MigrationName for KeepWatermarks {
    fn name(&self) -> &'static str {
        "m0004_keep_watermarks"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "async_trait binds a written lifetime later than the trait does"
)]
#[async_trait::async_trait]
impl MigrationTrait for KeepWatermarks {
    /// Also on SQLite, where it is not the default: a step that a crash cut short could never be repeated.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column at a time.
        for name in ["ended", "unproven"] {
            let column = ColumnDef::new(name)
                .big_integer()
                .not_null()
                .default(0)
                .to_owned();
            let added = Table::alter().table("scope").add_column(column).to_owned();
            manager.alter_table(added).await?;
        }
        let by_receipt = Index::create()
            .name("revocation_scope_kind_until")
            .table("revocation")
            .col("scope")
            .col("kind")
            .col("until")
            .to_owned();
        manager.create_index(by_receipt).await
    }
}

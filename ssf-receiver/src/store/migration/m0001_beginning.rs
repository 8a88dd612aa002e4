//! SETs, revocations and settings.

use sea_orm_migration::prelude::*;

use super::counted;

pub(super) struct Beginning;

impl MigrationName for Beginning {
    fn name(&self) -> &'static str {
        "m0001_beginning"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "async_trait binds a written lifetime later than the trait does"
)]
#[async_trait::async_trait]
impl MigrationTrait for Beginning {
    /// Also on SQLite, where it is not the default: a step that a crash cut short could never be repeated.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let text = |name: &'static str| {
            ColumnDef::new(Alias::new(name))
                .text()
                .not_null()
                .to_owned()
        };
        let blob = |name: &'static str| {
            ColumnDef::new(Alias::new(name))
                .blob()
                .not_null()
                .to_owned()
        };
        let inbox = Table::create()
            .table("inbox")
            .col(counted(manager, "id"))
            .col(text("issuer"))
            .col(text("jti"))
            .col(blob("fingerprint"))
            .col(text("claims"))
            .col(
                ColumnDef::new("received_at_millis")
                    .big_integer()
                    .not_null(),
            )
            .col(text("outcome"))
            .to_owned();
        manager.create_table(inbox).await?;
        let unique = Index::create()
            .name("inbox_issuer_jti")
            .table("inbox")
            .col("issuer")
            .col("jti")
            .unique()
            .to_owned();
        manager.create_index(unique).await?;
        let revocation = Table::create()
            .table("revocation")
            .col(blob("key").primary_key())
            .col(text("mask"))
            .col(text("thresholds"))
            .to_owned();
        manager.create_table(revocation).await?;
        let setting = Table::create()
            .table("setting")
            .col(text("name").primary_key())
            .col(text("value"))
            .to_owned();
        manager.create_table(setting).await
    }
}

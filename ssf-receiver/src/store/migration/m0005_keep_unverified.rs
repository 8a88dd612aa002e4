//! SETs that cannot be verified now are kept, one row for each transmitter and hash.

use sea_orm_migration::prelude::*;

pub(super) struct KeepUnverified;

impl MigrationName for KeepUnverified {
    fn name(&self) -> &'static str {
        "m0005_keep_unverified"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "async_trait binds a written lifetime later than the trait does"
)]
#[async_trait::async_trait]
impl MigrationTrait for KeepUnverified {
    /// Also on SQLite, where it is not the default: a step that a crash cut short could never be repeated.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let number = |name: &'static str| ColumnDef::new(name).big_integer().not_null().to_owned();
        let mut key = Index::create().col("scope").col("fingerprint").to_owned();
        let table = Table::create()
            .table("quarantine")
            .col(number("scope"))
            .col(ColumnDef::new("fingerprint").blob().not_null())
            .col(ColumnDef::new("token").text().null())
            .col(number("arrived_at_millis"))
            .primary_key(&mut key)
            .to_owned();
        manager.create_table(table).await
    }
}

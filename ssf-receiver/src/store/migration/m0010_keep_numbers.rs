//! The number of a SET is kept in its row, with the run that it belongs to.

use sea_orm_migration::prelude::*;

use super::counted;

pub(super) struct KeepNumbers;

impl MigrationName for KeepNumbers {
    fn name(&self) -> &'static str {
        "m0010_keep_numbers"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "async_trait binds a written lifetime later than the trait does"
)]
#[async_trait::async_trait]
impl MigrationTrait for KeepNumbers {
    /// Also on SQLite, where it is not the default: a step that a crash cut short could never be repeated.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let text = |name: &'static str| ColumnDef::new(name).text().to_owned();
        let run = Table::create()
            .table("run")
            .col(counted(manager, "id"))
            .col(text("issuer").not_null())
            .col(text("epoch").not_null())
            .col(text("first_account").null())
            .col(text("latest_account").null())
            .col(
                ColumnDef::new("accounted")
                    .big_integer()
                    .not_null()
                    .default(0),
            )
            .to_owned();
        manager.create_table(run).await?;
        let connection = manager.get_connection();
        for text in [
            "CREATE UNIQUE INDEX run_issuer_epoch ON run (issuer, epoch)",
            "ALTER TABLE inbox ADD COLUMN run bigint",
            "ALTER TABLE inbox ADD COLUMN number bigint",
            "CREATE INDEX inbox_run_number ON inbox (run, number) WHERE run IS NOT NULL",
        ] {
            connection.execute_unprepared(text).await?;
        }
        Ok(())
    }
}

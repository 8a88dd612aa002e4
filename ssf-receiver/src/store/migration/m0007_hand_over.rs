//! Handlers have a place in the inbox, and rows for what they failed at.

use sea_orm_migration::prelude::*;

pub(super) struct HandOver;

impl MigrationName for HandOver {
    fn name(&self) -> &'static str {
        "m0007_hand_over"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "async_trait binds a written lifetime later than the trait does"
)]
#[async_trait::async_trait]
impl MigrationTrait for HandOver {
    /// Also on SQLite, where it is not the default: a step that a crash cut short could never be repeated.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let handler = Table::create()
            .table("handler")
            .col(ColumnDef::new("name").text().not_null().primary_key())
            .col(ColumnDef::new("done").big_integer().not_null())
            .to_owned();
        manager.create_table(handler).await?;
        let key = Index::create().col("handler").col("set_id").to_owned();
        let task = Table::create()
            .table("task")
            .col(ColumnDef::new("handler").text().not_null())
            .col(ColumnDef::new("set_id").big_integer().not_null())
            .col(ColumnDef::new("failed").big_integer().not_null())
            .col(ColumnDef::new("due_at").big_integer().null())
            .col(ColumnDef::new("error").text().not_null())
            .primary_key(&mut key.clone())
            .to_owned();
        manager.create_table(task).await?;
        let due = Index::create()
            .name("task_due")
            .table("task")
            .col("handler")
            .col("due_at")
            .to_owned();
        manager.create_index(due).await
    }
}

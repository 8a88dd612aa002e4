//! Transmitters have numbers, and revocations one row for each key and kind.
//!
//! Keys are made in another way now, and the former rows do not tell whom they were about. Their SETs do: they are planned
//! anew at the next start, which the setting `replan` asks for.

use sea_orm_migration::prelude::*;

use super::{counted, is_postgres};
use crate::store::REPLAN;

pub(super) struct NumberScopes;

impl MigrationName for NumberScopes {
    fn name(&self) -> &'static str {
        "m0002_number_scopes"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "async_trait binds a written lifetime later than the trait does"
)]
#[async_trait::async_trait]
impl MigrationTrait for NumberScopes {
    /// Also on SQLite, where it is not the default: a step that a crash cut short could never be repeated.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("revocation").to_owned())
            .await?;
        for table in [
            scope(),
            mask(counted(manager, "id")),
            detail(counted(manager, "id")),
            revocation(),
        ] {
            manager.create_table(table).await?;
        }
        let connection = manager.get_connection();
        if is_postgres(manager) {
            // An entry of an index has room for 2,704 bytes there. Masks are few, and read all at once.
            let hashed =
                "CREATE INDEX detail_event_reason ON detail (hashtextextended(event || reason, 0))";
            connection.execute_unprepared(hashed).await?;
        } else {
            for index in [
                unique("mask_has_lacks", "mask", ["has", "lacks"]),
                unique("detail_event_reason", "detail", ["event", "reason"]),
            ] {
                manager.create_index(index).await?;
            }
        }
        let asked = format!(
            "INSERT INTO setting (name, value) SELECT '{REPLAN}', '0' WHERE EXISTS (SELECT 1 FROM inbox)"
        );
        connection.execute_unprepared(&asked).await.map(drop)
    }
}

fn scope() -> TableCreateStatement {
    Table::create()
        .table("scope")
        .col(number("id").primary_key())
        .col(ColumnDef::new("issuer").text().not_null().unique_key())
        .to_owned()
}

fn mask(id: ColumnDef) -> TableCreateStatement {
    Table::create()
        .table("mask")
        .col(id)
        .col(text("has"))
        .col(text("lacks"))
        .to_owned()
}

fn detail(id: ColumnDef) -> TableCreateStatement {
    Table::create()
        .table("detail")
        .col(id)
        .col(text("event"))
        .col(text("reason"))
        .to_owned()
}

fn revocation() -> TableCreateStatement {
    let key = Index::create().col("key").col("kind").to_owned();
    Table::create()
        .table("revocation")
        .col(ColumnDef::new("key").blob().not_null())
        .col(number("kind"))
        .col(number("scope"))
        .col(number("mask"))
        .col(number("moment"))
        .col(number("until"))
        .col(number("detail"))
        .primary_key(&mut key.clone())
        .to_owned()
}

fn unique(name: &str, table: &'static str, columns: [&'static str; 2]) -> IndexCreateStatement {
    let [first, second] = columns;
    Index::create()
        .name(name)
        .table(table)
        .col(first)
        .col(second)
        .unique()
        .to_owned()
}

fn number(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().to_owned()
}

fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().not_null().to_owned()
}

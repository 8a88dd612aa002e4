//! Gives keys the moments of their lives, and lets two issuers have a key of one name.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_integer_null, binary_null, integer, small_integer, string},
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0011_rotate_keys"
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

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(issuer_key()).await?;
        manager.create_table(key_revision()).await?;
        for statement in STATEMENTS {
            manager
                .get_connection()
                .execute_unprepared(statement)
                .await?;
        }
        Ok(())
    }
}

/// A key of the former table was made by this transmitter, is named by its thumbprint, and signs since it was made. The
/// lines mean the same to both databases.
const STATEMENTS: &[&str] = &[
    "INSERT INTO issuer_key \
     (issuer, kid, thumbprint, algorithm, origin, pem, published_from, signs_from) \
     SELECT issuer, kid, kid, algorithm, 0, pem, created_at, created_at FROM signing_key",
    "DROP TABLE signing_key",
    "INSERT INTO key_revision (id, revision) VALUES (1, 1)",
];

fn issuer_key() -> TableCreateStatement {
    Table::create()
        .table("issuer_key")
        .col(string("issuer"))
        .col(string("kid"))
        .col(string("thumbprint"))
        .col(string("algorithm"))
        .col(small_integer("origin"))
        .col(binary_null("pem"))
        .col(big_integer("published_from"))
        .col(big_integer("signs_from"))
        .col(big_integer_null("signs_until"))
        .col(big_integer_null("published_until"))
        .primary_key(Index::create().col("issuer").col("kid"))
        .to_owned()
}

fn key_revision() -> TableCreateStatement {
    Table::create()
        .table("key_revision")
        .col(integer("id").primary_key())
        .col(big_integer("revision"))
        .to_owned()
}

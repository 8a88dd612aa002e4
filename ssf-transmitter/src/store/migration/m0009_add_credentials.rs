//! Gives credentials a table of their own, and restricts what Receivers may do.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_integer_null, binary, binary_null, string, text_null, uuid},
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0009_add_credentials"
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
        manager.create_table(receiver_credential()).await?;
        manager.create_table(client_assertion()).await?;
        for statement in STATEMENTS {
            manager
                .get_connection()
                .execute_unprepared(statement)
                .await?;
        }
        Ok(())
    }
}

/// These lines mean the same to both databases. Tokens that were given keep on counting.
const STATEMENTS: &[&str] = &[
    "ALTER TABLE receiver ADD COLUMN scopes VARCHAR NOT NULL DEFAULT 'ssf.read ssf.manage'",
    "ALTER TABLE receiver ADD COLUMN token_epoch BIGINT NOT NULL DEFAULT 0",
    "INSERT INTO receiver_credential (receiver_id, kind, fingerprint, created_at) \
     SELECT id, 'bearer', token_fingerprint, created_at FROM receiver",
    "CREATE INDEX receiver_credential_receiver ON receiver_credential (receiver_id)",
    "CREATE INDEX client_assertion_expiry ON client_assertion (expires_at)",
];

fn of_receiver(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .from(table, "receiver_id")
        .to("receiver", "id")
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned()
}

fn receiver_credential() -> TableCreateStatement {
    Table::create()
        .table("receiver_credential")
        .col(big_integer("id").primary_key().auto_increment())
        .col(uuid("receiver_id"))
        .col(string("kind"))
        // Many rows may have none: both databases take nulls for unequal.
        .col(binary_null("fingerprint").unique_key())
        .col(text_null("keys"))
        .col(text_null("authorization_server"))
        .col(text_null("client_id"))
        .col(big_integer("created_at"))
        .col(big_integer_null("expires_at"))
        .foreign_key(&mut of_receiver("receiver_credential"))
        .to_owned()
}

fn client_assertion() -> TableCreateStatement {
    Table::create()
        .table("client_assertion")
        .col(uuid("receiver_id"))
        .col(binary("jti"))
        .col(big_integer("expires_at"))
        .primary_key(Index::create().col("receiver_id").col("jti"))
        .foreign_key(&mut of_receiver("client_assertion"))
        .to_owned()
}

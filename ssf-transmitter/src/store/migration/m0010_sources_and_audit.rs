//! Adds operators, sources and their tokens, and the audit log; events remember their source.

use sea_orm_migration::{
    prelude::*,
    schema::{
        big_integer, big_integer_null, binary, small_integer, string, string_null, text, uuid,
    },
    sea_orm::{ConnectionTrait, Statement},
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0010_sources_and_audit"
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
        for table in [
            operator(),
            source(),
            credential(),
            audit_entry(),
            audit_head(),
        ] {
            manager.create_table(table).await?;
        }
        let event = Table::alter()
            .table("event")
            .add_column(ColumnDef::new("source_id").uuid())
            .to_owned();
        manager.alter_table(event).await?;
        for index in INDEXES {
            manager.get_connection().execute_unprepared(index).await?;
        }
        let head = Query::insert()
            .into_table("audit_head")
            .columns(["id", "seq", "hash"])
            .values_panic([1.into(), 0.into(), vec![0_u8; 32].into()])
            .to_owned();
        manager.exec_stmt(head).await?;
        keep_operator(manager).await
    }
}

/// In SQL, because the builder knows no indexes for every database; these lines mean the same to both.
const INDEXES: &[&str] = &[
    "CREATE INDEX credential_owner ON credential (owner_id)",
    "CREATE INDEX idempotency_age ON idempotency (created_at)",
];

/// Before, there was one operator, whose token stood among the settings. The setting stays: it says that the first
/// start is over.
async fn keep_operator(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    let read = Statement::from_string(
        connection.get_database_backend(),
        "SELECT value FROM setting WHERE name = 'operator_token'",
    );
    let Some(row) = connection.query_one_raw(read).await? else {
        return Ok(());
    };
    let token: Vec<u8> = row.try_get("", "value")?;
    let id = ::uuid::Uuid::new_v4();
    let operator = Query::insert()
        .into_table("operator")
        .columns(["id", "name", "scopes", "created_at"])
        .values_panic([
            id.into(),
            "operator".into(),
            "ops.read ops.manage ops.emit".into(),
            0.into(),
        ])
        .to_owned();
    manager.exec_stmt(operator).await?;
    let credential = Query::insert()
        .into_table("credential")
        .columns(["fingerprint", "owner_id", "created_at"])
        .values_panic([token.into(), id.into(), 0.into()])
        .to_owned();
    manager.exec_stmt(credential).await
}

fn table(name: &'static str) -> TableCreateStatement {
    Table::create().table(name).to_owned()
}

fn operator() -> TableCreateStatement {
    table("operator")
        .col(uuid("id").primary_key())
        .col(string("name").unique_key())
        .col(text("scopes"))
        .col(big_integer("created_at"))
        .to_owned()
}

fn source() -> TableCreateStatement {
    table("source")
        .col(uuid("id").primary_key())
        .col(string("name").unique_key())
        .col(string("issuer"))
        .col(text("event_types"))
        .col(text("subject_issuers"))
        .col(big_integer("created_at"))
        .to_owned()
}

/// No foreign keys: the owner is an operator or a source.
fn credential() -> TableCreateStatement {
    table("credential")
        .col(binary("fingerprint").primary_key())
        .col(uuid("owner_id"))
        .col(big_integer("created_at"))
        .col(big_integer_null("expires_at"))
        .to_owned()
}

fn audit_entry() -> TableCreateStatement {
    table("audit_entry")
        .col(big_integer("seq").primary_key())
        .col(big_integer("at"))
        .col(string("actor_kind"))
        .col(string("actor_id"))
        .col(string("action"))
        .col(text("target"))
        .col(string("phase"))
        .col(string_null("result"))
        .col(big_integer_null("begun"))
        .col(text("details"))
        .col(binary("previous"))
        .col(binary("hash"))
        .to_owned()
}

fn audit_head() -> TableCreateStatement {
    table("audit_head")
        .col(small_integer("id").primary_key())
        .col(big_integer("seq"))
        .col(binary("hash"))
        .to_owned()
}

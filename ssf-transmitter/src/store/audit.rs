//! The audit log: whoever adds an entry holds the row of the head, so that the chain has one end.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};

use super::{
    SeaStore,
    entity::{audit_entry, audit_head},
    row,
};
use crate::{
    domain::audit::{ChainHash, Entry, Link, Record},
    ports::{AuditStore, CorruptRow, StoreError},
};

/// The one row of the head.
const HEAD: i16 = 1;

impl AuditStore for SeaStore {
    fn mac(&self, link: &[u8]) -> ChainHash {
        ChainHash::new(self.sealer.chain_hash(link))
    }

    async fn record(&self, entry: Entry) -> Result<Link, StoreError> {
        let transaction = self.begin().await?;
        let head = audit_head::Entity::find_by_id(HEAD)
            .lock_exclusive()
            .one(&transaction)
            .await?;
        let record = entry.link(link(head)?, |bytes| self.mac(bytes));
        let Link { seq, hash } = record.link;
        audit_entry::Entity::insert(entry_row(record))
            .exec_without_returning(&transaction)
            .await?;
        audit_head::Entity::update_many()
            .col_expr(audit_head::Column::Seq, Expr::value(row::signed(seq)))
            .col_expr(
                audit_head::Column::Hash,
                Expr::value(hash.as_bytes().to_vec()),
            )
            .filter(audit_head::Column::Id.eq(HEAD))
            .exec(&transaction)
            .await?;
        transaction.commit().await?;
        Ok(Link { seq, hash })
    }

    async fn head(&self) -> Result<Link, StoreError> {
        let head = audit_head::Entity::find_by_id(HEAD)
            .one(&self.reader)
            .await?;
        Ok(link(head)?)
    }

    async fn records(&self, after: u64, limit: u64) -> Result<Vec<Record>, StoreError> {
        let mut query = audit_entry::Entity::find();
        if after > 0 {
            query = query.filter(audit_entry::Column::Seq.gt(row::signed(after)));
        }
        let rows = query
            .order_by_asc(audit_entry::Column::Seq)
            .limit(limit)
            .all(&self.reader)
            .await?;
        Ok(rows.into_iter().map(read).collect())
    }
}

fn link(head: Option<audit_head::Model>) -> Result<Link, CorruptRow> {
    let corrupt = |why| CorruptRow::new("audit_head", HEAD.to_string(), why);
    let head = head.ok_or_else(|| corrupt("it is gone"))?;
    let hash = head.hash.as_slice().try_into();
    Ok(Link {
        seq: row::unsigned(head.seq),
        hash: ChainHash::new(hash.map_err(|_| corrupt("a hash has 32 bytes"))?),
    })
}

fn entry_row(record: Record) -> audit_entry::ActiveModel {
    let Record {
        entry,
        previous,
        link,
    } = record;
    audit_entry::ActiveModel {
        seq: Set(row::signed(link.seq)),
        at: Set(row::millis(entry.at)),
        actor_kind: Set(entry.actor_kind),
        actor_id: Set(entry.actor_id),
        action: Set(entry.action),
        target: Set(entry.target),
        phase: Set(entry.phase),
        result: Set(entry.result),
        begun: Set(entry.begun.map(row::signed)),
        details: Set(entry.details),
        previous: Set(previous.as_bytes().to_vec()),
        hash: Set(link.hash.as_bytes().to_vec()),
    }
}

/// Reads a row. A hash of another length cannot be told, and counts as one of zeros, which fits no entry.
fn read(row: audit_entry::Model) -> Record {
    let hash = |bytes: &[u8]| ChainHash::new(bytes.try_into().unwrap_or_default());
    Record {
        previous: hash(&row.previous),
        link: Link {
            seq: row::unsigned(row.seq),
            hash: hash(&row.hash),
        },
        entry: Entry {
            at: row::moment(row.at),
            actor_kind: row.actor_kind,
            actor_id: row.actor_id,
            action: row.action,
            target: row.target,
            phase: row.phase,
            result: row.result,
            begun: row.begun.map(row::unsigned),
            details: row.details,
        },
    }
}

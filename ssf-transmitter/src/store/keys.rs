//! Signing keys.
//!
//! A change locks the one row of `key_revision`, so that changes come one after the other on all nodes.

use std::collections::BTreeMap;

use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use secrecy::{ExposeSecret, SecretString};
use ssf_types::{id::Kid, set::Algorithm, time::Timestamp};

use super::{
    SeaStore,
    entity::{issuer_key, key_revision},
    limited::Only,
    row::{self, Cell},
};
use crate::{
    domain::{
        issuer::IssuerName,
        key::{KeyOrigin, KeyRing, KeyTimes, StoredKey},
    },
    ports::{CorruptRow, KeyStore, StoreError},
};

/// The id of the one row of `key_revision`.
const REVISION: i32 = 1;

/// The number by which each origin is stored.
const MADE: i16 = 0;
const IMPORTED: i16 = 1;

impl KeyStore for SeaStore {
    async fn keys_revision(&self) -> Result<u64, StoreError> {
        let row = key_revision::Entity::find_by_id(REVISION)
            .only(&self.reader)
            .await?;
        let row = row.ok_or_else(no_revision)?;
        Ok(row::unsigned(row.revision))
    }

    async fn key_rings(&self) -> Result<BTreeMap<IssuerName, KeyRing>, StoreError> {
        let rows = issuer_key::Entity::find()
            .order_by_asc(issuer_key::Column::PublishedFrom)
            .order_by_asc(issuer_key::Column::Kid)
            .all(&self.reader)
            .await?;
        let mut rings: BTreeMap<IssuerName, Vec<StoredKey>> = BTreeMap::new();
        for row in &rows {
            let issuer = IssuerName::parse(&row.issuer)
                .map_err(|_| cell(row, "issuer").corrupt("it is not a name"))?;
            let key = self.read_key(row)?;
            rings.entry(issuer).or_default().push(key);
        }
        let ring = |(issuer, keys)| (issuer, KeyRing::new(keys));
        Ok(rings.into_iter().map(ring).collect())
    }

    async fn change_keys<F, E>(
        &self,
        issuer: &IssuerName,
        change: F,
    ) -> Result<Result<KeyRing, E>, StoreError>
    where
        F: FnOnce(KeyRing) -> Result<KeyRing, E> + Send,
        E: Send,
    {
        let transaction = self.begin().await?;
        let revision = key_revision::Entity::find_by_id(REVISION)
            .lock_exclusive()
            .only(&transaction)
            .await?
            .ok_or_else(no_revision)?;
        let before = self.ring_of(&transaction, issuer).await?;
        let after = match change(before.clone()) {
            Ok(after) => after,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if self
            .store_changes(&transaction, issuer, &before, &after)
            .await?
        {
            let next = key_revision::ActiveModel {
                id: Set(REVISION),
                revision: Set(revision.revision + 1),
            };
            key_revision::Entity::update(next)
                .exec(&transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(Ok(after))
    }
}

impl SeaStore {
    async fn ring_of(
        &self,
        transaction: &DatabaseTransaction,
        issuer: &IssuerName,
    ) -> Result<KeyRing, StoreError> {
        let rows = issuer_key::Entity::find()
            .filter(issuer_key::Column::Issuer.eq(issuer.as_str()))
            .order_by_asc(issuer_key::Column::PublishedFrom)
            .order_by_asc(issuer_key::Column::Kid)
            .all(transaction)
            .await?;
        let keys: Result<_, CorruptRow> = rows.iter().map(|row| self.read_key(row)).collect();
        Ok(KeyRing::new(keys?))
    }

    /// Stores what differs between two rings; returns whether anything does.
    async fn store_changes(
        &self,
        transaction: &DatabaseTransaction,
        issuer: &IssuerName,
        before: &KeyRing,
        after: &KeyRing,
    ) -> Result<bool, StoreError> {
        let mut differs = false;
        for key in after.changed_since(before) {
            differs = true;
            let row = self.key_row(issuer, key);
            if before.find(&key.kid).is_some() {
                issuer_key::Entity::update(row).exec(transaction).await?;
                continue;
            }
            issuer_key::Entity::insert(row)
                .exec_without_returning(transaction)
                .await?;
        }
        Ok(differs)
    }

    fn key_row(&self, issuer: &IssuerName, key: &StoredKey) -> issuer_key::ActiveModel {
        let origin = match key.origin {
            KeyOrigin::Made => MADE,
            KeyOrigin::Imported => IMPORTED,
        };
        let sealed = |pem: &SecretString| {
            pem_cell(issuer.as_str(), key.kid.as_str())
                .seal(&self.sealer, pem.expose_secret().as_bytes())
        };
        issuer_key::ActiveModel {
            issuer: Set(issuer.as_str().to_owned()),
            kid: Set(key.kid.as_str().to_owned()),
            thumbprint: Set(key.thumbprint.as_str().to_owned()),
            algorithm: Set(key.algorithm.as_str().to_owned()),
            origin: Set(origin),
            pem: Set(key.pem.as_ref().map(sealed)),
            published_from: Set(row::millis(key.times.published_from)),
            signs_from: Set(row::millis(key.times.signs_from)),
            signs_until: Set(key.times.signs_until.map(row::millis)),
            published_until: Set(key.times.published_until.map(row::millis)),
        }
    }

    fn read_key(&self, row: &issuer_key::Model) -> Result<StoredKey, CorruptRow> {
        let name = |column, text: &str| {
            Kid::parse(text).map_err(|_| cell(row, column).corrupt("it is not an identifier"))
        };
        let origin = match row.origin {
            MADE => KeyOrigin::Made,
            IMPORTED => KeyOrigin::Imported,
            _ => return Err(cell(row, "origin").corrupt("it is not one of ours")),
        };
        let algorithm = Algorithm::parse(&row.algorithm)
            .ok_or_else(|| cell(row, "algorithm").corrupt("it is not one of ours"))?;
        let open = |sealed: &Vec<u8>| pem_cell(&row.issuer, &row.kid).text(&self.sealer, sealed);
        let pem = row.pem.as_ref().map(open).transpose()?;
        let times = KeyTimes::stored(
            row::moment(row.published_from),
            row::moment(row.signs_from),
            optional(row.signs_until),
            optional(row.published_until),
        );
        Ok(StoredKey::new(
            (name("kid", &row.kid)?, name("thumbprint", &row.thumbprint)?),
            algorithm,
            origin,
            times,
            pem.map(SecretString::from),
        ))
    }
}

fn optional(millis: Option<i64>) -> Option<Timestamp> {
    millis.map(row::moment)
}

fn cell(row: &issuer_key::Model, column: &'static str) -> Cell {
    Cell::new("issuer_key", column, format!("{}/{}", row.issuer, row.kid))
}

/// What a private key is bound to. Keys of the main issuer, which was the only one at first, keep the name of those days.
fn pem_cell(issuer: &str, kid: &str) -> Cell {
    if issuer == IssuerName::MAIN {
        return Cell::new("signing_key", "pem", kid);
    }
    Cell::new("issuer_key", "pem", format!("{issuer}/{kid}"))
}

fn no_revision() -> CorruptRow {
    CorruptRow::new("key_revision", REVISION.to_string(), "it is not there")
}

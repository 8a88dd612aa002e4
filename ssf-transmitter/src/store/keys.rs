//! Signing keys and settings.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    TryInsertResult, sea_query::OnConflict,
};
use secrecy::{ExposeSecret, SecretString};
use ssf_types::{id::Kid, set::Algorithm};

use super::{
    Placing, SeaStore,
    entity::{setting, signing_key},
    row::{self, Cell},
};
use crate::{
    domain::{issuer::IssuerName, key::StoredKey},
    ports::{CorruptRow, FirstWrite, KeyStore, Settings, StoreError},
};

impl KeyStore for SeaStore {
    async fn signing_keys(&self, issuer: &IssuerName) -> Result<Vec<StoredKey>, StoreError> {
        let rows = signing_key::Entity::find()
            .filter(signing_key::Column::Issuer.eq(issuer.as_str()))
            .order_by_desc(signing_key::Column::CreatedAt)
            .all(&self.reader)
            .await?;
        let keys: Result<_, CorruptRow> = rows.iter().map(|row| self.stored_key(row)).collect();
        Ok(keys?)
    }

    async fn insert_first_key(&self, key: &StoredKey) -> Result<FirstWrite, StoreError> {
        // The exclusive lock serialises nodes that start together: each sees the key of the one before.
        let transaction = self.begin_placing(Placing::Stream).await?;
        let keys = signing_key::Entity::find()
            .filter(signing_key::Column::Issuer.eq(key.issuer.as_str()))
            .count(&transaction)
            .await?;
        if keys > 0 {
            return Ok(FirstWrite::AlreadyThere);
        }
        let pem = key.pem.expose_secret().as_bytes();
        let row = signing_key::ActiveModel {
            kid: Set(key.kid.as_str().to_owned()),
            issuer: Set(key.issuer.as_str().to_owned()),
            algorithm: Set(key.algorithm.as_str().to_owned()),
            pem: Set(pem_cell(key.kid.as_str()).seal(&self.sealer, pem)),
            created_at: Set(row::millis(key.created_at)),
        };
        signing_key::Entity::insert(row)
            .exec_without_returning(&transaction)
            .await?;
        transaction.commit().await?;
        Ok(FirstWrite::Written)
    }
}

fn pem_cell(kid: &str) -> Cell {
    Cell::new("signing_key", "pem", kid)
}

impl SeaStore {
    fn stored_key(&self, row: &signing_key::Model) -> Result<StoredKey, CorruptRow> {
        let corrupt = |column, why| Cell::new("signing_key", column, &row.kid).corrupt(why);
        let pem = pem_cell(&row.kid).text(&self.sealer, &row.pem)?;
        let issuer = IssuerName::parse(&row.issuer)
            .map_err(|_| corrupt("issuer", "it is not a name of an issuer"))?;
        Ok(StoredKey::new(
            issuer,
            Kid::parse(&row.kid).map_err(|_| corrupt("kid", "it is not an identifier"))?,
            Algorithm::parse(&row.algorithm)
                .ok_or_else(|| corrupt("algorithm", "it is not one of ours"))?,
            SecretString::from(pem),
            row::moment(row.created_at),
        ))
    }
}

impl Settings for SeaStore {
    async fn setting(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let row = setting::Entity::find_by_id(name).one(&self.reader).await?;
        Ok(row.map(|row| row.value))
    }

    async fn insert_setting(&self, name: &str, value: &[u8]) -> Result<FirstWrite, StoreError> {
        let inserted = setting::Entity::insert(setting_row(name, value))
            .on_conflict_do_nothing_on([setting::Column::Name])
            .exec_without_returning(&self.writer)
            .await?;
        Ok(match inserted {
            TryInsertResult::Inserted(1..) => FirstWrite::Written,
            TryInsertResult::Inserted(0) | TryInsertResult::Conflicted | TryInsertResult::Empty => {
                FirstWrite::AlreadyThere
            }
        })
    }

    async fn replace_setting(&self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        let replace = OnConflict::column(setting::Column::Name)
            .update_column(setting::Column::Value)
            .to_owned();
        setting::Entity::insert(setting_row(name, value))
            .on_conflict(replace)
            .exec_without_returning(&self.writer)
            .await?;
        Ok(())
    }
}

fn setting_row(name: &str, value: &[u8]) -> setting::ActiveModel {
    setting::ActiveModel {
        name: Set(name.to_owned()),
        value: Set(value.to_vec()),
    }
}

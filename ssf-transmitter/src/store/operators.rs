//! Operators.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
    TryInsertResult,
};
use ssf_types::time::Timestamp;

use super::{
    SeaStore,
    entity::{operator, setting},
    limited::Only,
    owner_tokens,
    row::{self, Cell},
};
use crate::{
    domain::{
        id::{Fingerprint, OperatorId},
        name::Name,
        operator::Operator,
    },
    ports::{CorruptRow, Existing, FirstWrite, Named, OperatorStore, StoreError},
};

/// The setting that says that there was a first operator. Before there were several, it held the one's fingerprint.
const FIRST_OPERATOR: &str = "operator_token";

impl OperatorStore for SeaStore {
    async fn add_first_operator(
        &self,
        operator: &Operator,
        token: Fingerprint,
        now: Timestamp,
    ) -> Result<FirstWrite, StoreError> {
        let transaction = self.begin().await?;
        let setting = setting::ActiveModel {
            name: Set(FIRST_OPERATOR.to_owned()),
            value: Set(token.as_bytes().to_vec()),
        };
        let marked = setting::Entity::insert(setting)
            .on_conflict_do_nothing_on([setting::Column::Name])
            .exec_without_returning(&transaction)
            .await?;
        if !is_inserted(&marked) {
            return Ok(FirstWrite::AlreadyThere);
        }
        // Somebody may have added one by a command before the first start.
        match insert(&transaction, operator, token, now).await? {
            Named::Added => {
                transaction.commit().await?;
                Ok(FirstWrite::Written)
            }
            Named::NameTaken => Ok(FirstWrite::AlreadyThere),
        }
    }

    async fn add_operator(
        &self,
        operator: &Operator,
        token: Fingerprint,
        now: Timestamp,
    ) -> Result<Named, StoreError> {
        let transaction = self.begin().await?;
        let named = insert(&transaction, operator, token, now).await?;
        transaction.commit().await?;
        Ok(named)
    }

    async fn operator_by_token(
        &self,
        token: Fingerprint,
        now: Timestamp,
    ) -> Result<Option<Operator>, StoreError> {
        let row = operator::Entity::find()
            .filter(operator::Column::Id.in_subquery(owner_tokens::owner(token, now)))
            .only(&self.reader)
            .await?;
        Ok(row.map(read).transpose()?)
    }

    async fn operators(&self) -> Result<Vec<Operator>, StoreError> {
        let rows = operator::Entity::find()
            .order_by_asc(operator::Column::Name)
            .all(&self.reader)
            .await?;
        let operators: Result<_, CorruptRow> = rows.into_iter().map(read).collect();
        Ok(operators?)
    }

    async fn rotate_operator(
        &self,
        id: OperatorId,
        token: Fingerprint,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Existing, StoreError> {
        let transaction = self.begin().await?;
        let known = operator::Entity::find_by_id(id.uuid())
            .only(&transaction)
            .await?;
        if known.is_none() {
            return Ok(Existing::NotFound);
        }
        owner_tokens::end(&transaction, id.uuid(), until).await?;
        owner_tokens::add(&transaction, id.uuid(), token, now).await?;
        transaction.commit().await?;
        Ok(Existing::Changed)
    }

    async fn remove_operator(&self, id: OperatorId) -> Result<Existing, StoreError> {
        let transaction = self.begin().await?;
        owner_tokens::remove(&transaction, id.uuid()).await?;
        let removed = operator::Entity::delete_by_id(id.uuid())
            .exec(&transaction)
            .await?;
        transaction.commit().await?;
        Ok(match removed.rows_affected {
            0 => Existing::NotFound,
            _ => Existing::Changed,
        })
    }
}

async fn insert(
    transaction: &DatabaseTransaction,
    operator: &Operator,
    token: Fingerprint,
    now: Timestamp,
) -> Result<Named, StoreError> {
    let row = operator::ActiveModel {
        id: Set(operator.id.uuid()),
        name: Set(operator.name.as_str().to_owned()),
        scopes: Set(operator.scopes.to_string()),
        created_at: Set(row::millis(now)),
    };
    let inserted = operator::Entity::insert(row)
        .on_conflict_do_nothing_on([operator::Column::Name])
        .exec_without_returning(transaction)
        .await?;
    if !is_inserted(&inserted) {
        return Ok(Named::NameTaken);
    }
    owner_tokens::add(transaction, operator.id.uuid(), token, now).await?;
    Ok(Named::Added)
}

/// Whether an insert that may meet a row did not.
pub(super) fn is_inserted(inserted: &TryInsertResult<u64>) -> bool {
    matches!(inserted, TryInsertResult::Inserted(1..))
}

fn read(row: operator::Model) -> Result<Operator, CorruptRow> {
    let cell = |column| Cell::new("operator", column, row.id.to_string());
    Ok(Operator {
        id: OperatorId::new(row.id),
        name: Name::parse(row.name).map_err(|_| cell("name").corrupt("it is not a name"))?,
        scopes: row
            .scopes
            .parse()
            .map_err(|_| cell("scopes").corrupt("it is not a list of scopes"))?,
    })
}

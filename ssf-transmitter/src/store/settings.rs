//! Settings.

use sea_orm::{ActiveValue::Set, EntityTrait, TryInsertResult, sea_query::OnConflict};

use super::{SeaStore, entity::setting, limited::Only};
use crate::ports::{FirstWrite, Settings, StoreError};

impl Settings for SeaStore {
    async fn setting(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let row = setting::Entity::find_by_id(name).only(&self.reader).await?;
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

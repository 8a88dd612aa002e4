//! A lease on a stream that was taken away from a worker who has not confirmed that yet.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, DeriveEntityModel, Eq, PartialEq)]
#[sea_orm(table_name = "lost_lease")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) stream_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) epoch: i64,
    pub(crate) worker: Uuid,
    /// When the lease would have ended: nobody works under it after that.
    pub(crate) ends_at: i64,
}

#[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

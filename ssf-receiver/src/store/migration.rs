//! How the tables came to be.

mod m0001_beginning;
mod m0002_number_scopes;
mod m0003_keep_states;
mod m0004_keep_watermarks;
mod m0005_keep_unverified;
mod m0007_hand_over;

use sea_orm_migration::prelude::*;

pub(super) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_beginning::Beginning),
            Box::new(m0002_number_scopes::NumberScopes),
            Box::new(m0003_keep_states::KeepStates),
            Box::new(m0004_keep_watermarks::KeepWatermarks),
            Box::new(m0005_keep_unverified::KeepUnverified),
            Box::new(m0007_hand_over::HandOver),
        ]
    }
}

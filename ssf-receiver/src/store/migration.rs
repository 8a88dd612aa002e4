//! How the tables came to be.

mod m0001_beginning;
mod m0002_number_scopes;
mod m0003_keep_states;
mod m0004_keep_watermarks;
mod m0005_keep_unverified;
mod m0007_hand_over;
mod m0008_number_changes;
mod m0009_share;
mod m0010_keep_numbers;
mod m0011_place_changes;
mod m0012_forget_sets;

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

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
            Box::new(m0008_number_changes::NumberChanges),
            Box::new(m0009_share::Share),
            Box::new(m0010_keep_numbers::KeepNumbers),
            Box::new(m0011_place_changes::PlaceChanges),
            Box::new(m0012_forget_sets::ForgetSets),
        ]
    }
}

fn is_postgres(manager: &SchemaManager<'_>) -> bool {
    manager.get_database_backend() == DbBackend::Postgres
}

/// A column that numbers rows by itself, with eight bytes: an SQLite file has no other.
fn counted(manager: &SchemaManager<'_>, name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    if is_postgres(manager) {
        column.big_integer();
    } else {
        column.integer();
    }
    column.not_null().auto_increment().primary_key().to_owned()
}

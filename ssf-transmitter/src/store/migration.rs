//! The steps that bring a database to the form this version needs.

mod m0001_create_tables;
mod m0002_keep_drops;
mod m0003_hold_streams;
mod m0004_verify_streams;
mod m0005_name_issuers;
mod m0006_poll_streams;
mod m0007_cover_subjects;
mod m0008_announce_status;
mod m0009_add_credentials;
mod m0010_sources_and_audit;
mod m0011_rotate_keys;
mod m0012_name_profiles;
mod m0013_choose_algorithms;
mod m0015_judge_answers;
mod m0016_keep_totals;
mod m0018_remember_leases;
mod m0019_trace_deliveries;
mod m0020_find_pending;
mod m0021_take_turns;
mod m0022_find_spans;
mod m0023_set_events_aside;
mod m0024_order_drops;
mod m0025_number_sets;
mod m0026_limit_sources;
mod m0027_say_who_set_a_status;
mod m0028_bind_push_hosts;
mod m0030_order_what_is_due;

use sea_orm_migration::{MigrationTrait, MigratorTrait, async_trait};

/// All steps, oldest first.
pub(super) struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_create_tables::Migration),
            Box::new(m0002_keep_drops::Migration),
            Box::new(m0003_hold_streams::Migration),
            Box::new(m0004_verify_streams::Migration),
            Box::new(m0005_name_issuers::Migration),
            Box::new(m0006_poll_streams::Migration),
            Box::new(m0007_cover_subjects::Migration),
            Box::new(m0008_announce_status::Migration),
            Box::new(m0009_add_credentials::Migration),
            Box::new(m0010_sources_and_audit::Migration),
            Box::new(m0011_rotate_keys::Migration),
            Box::new(m0012_name_profiles::Migration),
            Box::new(m0013_choose_algorithms::Migration),
            Box::new(m0015_judge_answers::Migration),
            Box::new(m0016_keep_totals::Migration),
            Box::new(m0018_remember_leases::Migration),
            Box::new(m0019_trace_deliveries::Migration),
            Box::new(m0020_find_pending::Migration),
            Box::new(m0021_take_turns::Migration),
            Box::new(m0022_find_spans::Migration),
            Box::new(m0023_set_events_aside::Migration),
            Box::new(m0024_order_drops::Migration),
            Box::new(m0025_number_sets::Migration),
            Box::new(m0026_limit_sources::Migration),
            Box::new(m0027_say_who_set_a_status::Migration),
            Box::new(m0028_bind_push_hosts::Migration),
            Box::new(m0030_order_what_is_due::Migration),
        ]
    }
}

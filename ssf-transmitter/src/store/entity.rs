//! Rows as sea-orm sees them: one module for each table. Times are milliseconds since 1970.

pub(super) mod audit_entry;
pub(super) mod audit_head;
pub(super) mod client_assertion;
pub(super) mod credential;
pub(super) mod delivery;
pub(super) mod drop_record;
pub(super) mod event;
pub(super) mod fan_out_record;
pub(super) mod idempotency;
pub(super) mod issuer_key;
pub(super) mod key_revision;
pub(super) mod lease;
pub(super) mod ledger_total;
pub(super) mod lost_lease;
pub(super) mod operator;
pub(super) mod poll_answer;
pub(super) mod receiver;
pub(super) mod receiver_credential;
pub(super) mod setting;
pub(super) mod source;
pub(super) mod stream;
pub(super) mod stream_event_type;
pub(super) mod stream_queue;
pub(super) mod stream_subject;
pub(super) mod subject_mask;
pub(super) mod subject_set;

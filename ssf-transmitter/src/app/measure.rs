//! Metrics that several steps share.

use ssf_types::time::Timestamp;

/// What a node has leases of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Leased {
    FanOut,
    Stream,
}

/// What happens to a lease.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum LeaseChange {
    /// This node has it now, and had not before.
    Taken,
    /// Another node has it, or nobody.
    Lost,
}

/// Counts leases that changed.
pub(crate) fn leases(leased: Leased, change: LeaseChange, count: u64) {
    let leased = match leased {
        Leased::FanOut => "fan_out",
        Leased::Stream => "stream",
    };
    let change = match change {
        LeaseChange::Taken => "taken",
        LeaseChange::Lost => "lost",
    };
    metrics::counter!("ssf_lease_changes_total", "lease" => leased, "change" => change)
        .increment(count);
}

/// Records how long it took until a SET was acknowledged.
pub(crate) fn acknowledged(method: &'static str, accepted_at: Timestamp, at: Timestamp) {
    metrics::histogram!("ssf_delivery_seconds", "method" => method).record(at.since(accepted_at));
}

/// Counts SETs that their Receivers have refused for good, once that is stored.
pub(crate) fn quarantined(method: &'static str, deliveries: u64) {
    metrics::counter!("ssf_quarantines_total", "method" => method).increment(deliveries);
}

/// Has counters begin at 0 of which an alert asks how they grow: one that is first seen at 1 has not grown.
pub(crate) fn begin() {
    for method in ["push", "poll"] {
        quarantined(method, 0);
    }
}

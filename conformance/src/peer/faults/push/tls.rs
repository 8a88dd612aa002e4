//! Faults in how the endpoint is reached.

use crate::{
    checks::Verdict::Failed,
    peer::{
        Entrance,
        receiver::{Breaks, ReceiverFault},
    },
};

/// The faults.
pub(super) const FAULTS: &[ReceiverFault] = &[ReceiverFault {
    name: "pushes are taken over TLS 1.0 and 1.1",
    found: &[("PUSH-R-020.tls-1.1", Failed)],
    breaks: Breaks::Entrance(Entrance::OldVersions),
}];

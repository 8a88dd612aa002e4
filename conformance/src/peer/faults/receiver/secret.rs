//! Faults in what pushes have to show.

use crate::{
    checks::Verdict::Warning,
    peer::receiver::{Breaks::Manner, ReceiverFault},
};

/// Those of a Receiver that is pushed.
pub(super) const WHERE_PUSHED: &[ReceiverFault] = &[ReceiverFault {
    name: "pushes need not show anything",
    found: &[("SSF-R-121.authorization_header", Warning)],
    breaks: Manner(|manners| manners.is_open = true),
}];

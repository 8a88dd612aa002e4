//! Faults in how it shows that it is there.

use crate::{
    checks::Verdict::Warning,
    peer::receiver::{Breaks::Manner, ReceiverFault},
};

/// The faults.
pub(super) const FAULTS: &[ReceiverFault] = &[ReceiverFault {
    name: "the first poll comes when the stream has been inactive for too long",
    found: &[("SSF-R-023.activity", Warning)],
    breaks: Manner(|manners| manners.rests_before_it_polls = true),
}];

/// Those of a Receiver that is pushed.
pub(super) const WHERE_PUSHED: &[ReceiverFault] = &[ReceiverFault {
    name: "a stream that is pushed is not looked after any more",
    found: &[("SSF-R-023.activity", Warning)],
    breaks: Manner(|manners| manners.asks_for_nothing_more = true),
}];

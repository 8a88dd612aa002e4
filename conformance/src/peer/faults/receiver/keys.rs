//! Faults in keys that change, and in when an event is acted upon.

use crate::{
    checks::Verdict::Failed,
    peer::receiver::{Breaks::Manner, ReceiverFault},
};

/// The faults.
pub(super) const FAULTS: &[ReceiverFault] = &[
    ReceiverFault {
        name: "keys are fetched once",
        found: &[("SET-030.new-key", Failed)],
        breaks: Manner(|manners| manners.keeps_its_first_keys = true),
    },
    ReceiverFault {
        name: "what has an exp is acted upon before it is refused",
        found: &[("SET-003.expired", Failed), ("SET-003.exp", Failed)],
        breaks: Manner(|manners| manners.acts_before_it_judges = true),
    },
];

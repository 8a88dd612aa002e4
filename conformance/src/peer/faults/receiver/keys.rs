//! Faults in keys that change, and in what an event does.

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
        name: "no event ends anything",
        found: &[("INTEROP-044.session-ends", Failed)],
        breaks: Manner(|manners| manners.does_nothing = true),
    },
    ReceiverFault {
        name: "what has an exp is acted upon before it is refused",
        found: &[("SET-003.expired", Failed), ("SET-003.exp", Failed)],
        breaks: Manner(|manners| manners.acts_before_it_judges = true),
    },
];

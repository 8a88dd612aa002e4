//! Faults in what is made of a verification that is late.

use crate::{
    checks::Verdict::Failed,
    peer::receiver::{Breaks::Manner, Patience, ReceiverFault},
};

/// The faults.
pub(super) const FAULTS: &[ReceiverFault] = &[
    ReceiverFault {
        name: "a verification has to come at once",
        found: &[("SSF-R-107.late", Failed)],
        breaks: Manner(|manners| manners.patience = Patience::Brief),
    },
    ReceiverFault {
        name: "a verification has to be the next SET",
        found: &[("SSF-R-107.late", Failed)],
        breaks: Manner(|manners| manners.patience = Patience::UntilTheNext),
    },
];

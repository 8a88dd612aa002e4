//! Faults in which certificates are trusted.

use crate::{
    checks::Verdict::Failed,
    peer::receiver::{Breaks::Manner, Overlooks, ReceiverFault},
};

/// The faults.
pub(super) const FAULTS: &[ReceiverFault] = &[
    ReceiverFault {
        name: "a certificate is as good as ever when it has expired",
        found: &[("INTEROP-006.expired", Failed)],
        breaks: Manner(|manners| manners.overlooks = Some(Overlooks::Expiry)),
    },
    ReceiverFault {
        name: "a certificate may be for any name",
        found: &[("INTEROP-006.other-name", Failed)],
        breaks: Manner(|manners| manners.overlooks = Some(Overlooks::Name)),
    },
    ReceiverFault {
        name: "any authority may vouch for a certificate",
        found: &[("INTEROP-006.unknown-authority", Failed)],
        breaks: Manner(|manners| manners.overlooks = Some(Overlooks::Authority)),
    },
];

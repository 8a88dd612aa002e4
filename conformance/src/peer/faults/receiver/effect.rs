//! Faults in which sessions an event ends.

use crate::{
    checks::Verdict::{Failed, Warning},
    peer::receiver::{Breaks::Manner, Misjudges, ReceiverFault},
};

/// The faults.
pub(super) const FAULTS: &[ReceiverFault] = &[
    ReceiverFault {
        name: "no event ends anything",
        found: &[
            ("INTEROP-044.session-ends", Failed),
            ("CAEP-SR-002.user-on-device", Failed),
            ("CAEP-SR-002.user-on-each-device", Failed),
        ],
        breaks: Manner(|manners| manners.misjudges = Some(Misjudges::All)),
    },
    ReceiverFault {
        name: "of a complex subject the user counts alone",
        found: &[
            ("CAEP-SR-002.user-on-device", Failed),
            ("SSF-R-007.unknown-critical", Failed),
        ],
        breaks: Manner(|manners| manners.misjudges = Some(Misjudges::TheRestOfTheUser)),
    },
    ReceiverFault {
        name: "a user's sessions on devices that are known are somebody else's",
        found: &[("CAEP-SR-002.user-on-each-device", Failed)],
        breaks: Manner(|manners| manners.misjudges = Some(Misjudges::WhereTheUserIs)),
    },
    ReceiverFault {
        name: "a critical member that is unknown is left out",
        found: &[("SSF-R-007.unknown-critical", Failed)],
        breaks: Manner(|manners| manners.misjudges = Some(Misjudges::WhatIsCritical)),
    },
    ReceiverFault {
        name: "an event ends sessions that began after it happened",
        found: &[("SET-034.began-later", Warning)],
        breaks: Manner(|manners| manners.misjudges = Some(Misjudges::WhenItHappened)),
    },
];

//! Faults of a transmitter that stops idle streams.

use crate::{
    checks::Verdict::Failed,
    peer::{Breaks::Rules, Fault, Idling, Operation},
};

/// The faults.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "new streams are stopped after half of inactivity_timeout",
        found: &[("SSF-T-090.not-before", Failed)],
        breaks: Rules(|rules| rules.idling = Some(Idling::TooEarly)),
    },
    Fault {
        name: "that a status is read is no sign of life",
        found: &[("SSF-T-091.status-read", Failed)],
        breaks: Rules(|rules| rules.idling = Some(Idling::Overlooks(Operation::ReadStatus))),
    },
    Fault {
        name: "that a configuration is read is no sign of life",
        found: &[("SSF-T-091.configuration-read", Failed)],
        breaks: Rules(|rules| rules.idling = Some(Idling::Overlooks(Operation::Read))),
    },
    Fault {
        name: "a poll is no sign of life",
        found: &[("SSF-T-091.poll", Failed)],
        breaks: Rules(|rules| rules.idling = Some(Idling::Overlooks(Operation::Poll))),
    },
    Fault {
        name: "a stop for inactivity is not announced",
        found: &[("SSF-T-092.announced", Failed)],
        breaks: Rules(|rules| rules.idling = Some(Idling::Unannounced)),
    },
];

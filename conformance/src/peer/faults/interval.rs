//! Faults of how often a stream may be verified.

use crate::{
    checks::Verdict::{Failed, Warning},
    peer::{Breaks::Rules, Fault},
};

/// The faults.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "a stream is verified once, and no interval is told",
        found: &[("SSF-T-086.kept", Warning), ("SSF-T-232.told", Failed)],
        breaks: Rules(|rules| rules.verifies_once = true),
    },
    Fault {
        name: "a stream is verified once, whatever interval is told",
        found: &[("SSF-T-086.kept", Warning)],
        breaks: Rules(|rules| {
            rules.spaces_verifications = true;
            rules.verifies_once = true;
        }),
    },
];

//! Faults of opt-outs.

use crate::{
    checks::Verdict::{Failed, Note},
    peer::{Breaks::Rules, Fault, OptOut},
};

/// The faults.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "events end when an opt-out is initiated",
        found: &[("RISC-015.initiated", Failed), ("RISC-015.effective", Note)],
        breaks: Rules(|rules| rules.opt_out = Some(OptOut::AtOnce)),
    },
    Fault {
        name: "events go on when an opt-out is effective",
        found: &[("RISC-015.effective", Note)],
        breaks: Rules(|rules| rules.opt_out = Some(OptOut::Never)),
    },
];

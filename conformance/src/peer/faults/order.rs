//! Faults of what is kept during a pause.

use crate::{
    checks::Verdict::Failed,
    peer::{Breaks::Rules, Fault, Keeps},
};

/// The faults.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "after a pause the newest event comes first",
        found: &[("SSF-T-183.poll", Failed), ("SSF-T-183.push", Failed)],
        breaks: Rules(|rules| rules.keeps = Some(Keeps::NewestFirst)),
    },
    Fault {
        name: "during a pause the first event alone is kept",
        found: &[("SSF-T-183.poll", Failed), ("SSF-T-183.push", Failed)],
        breaks: Rules(|rules| rules.keeps = Some(Keeps::First)),
    },
];

//! Faults of pushes to several Receivers.

use crate::{
    checks::Verdict::Warning,
    peer::{Breaks::Rules, Fault},
};

/// The faults.
pub const FAULTS: &[Fault] = &[Fault {
    name: "two receivers that are pushed to one URL get one SET",
    found: &[("SET-012.separate-sets", Warning)],
    breaks: Rules(|rules| rules.one_set_for_one_url = true),
}];

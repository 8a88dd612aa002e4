//! Faults in what a transmitter makes of certificates.

use crate::{
    checks::Verdict::Failed,
    peer::{Breaks::Rules, Fault},
};

/// The faults.
pub const FAULTS: &[Fault] = &[Fault {
    name: "certificates of push endpoints are not checked",
    found: &[
        ("PUSH-T-012.unknown-authority", Failed),
        ("PUSH-T-012.other-name", Failed),
        ("PUSH-T-012.expired", Failed),
    ],
    breaks: Rules(|rules| rules.trusts_any_certificate = true),
}];

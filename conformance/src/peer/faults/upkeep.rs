//! Faults that show when a key changes, or the transmitter begins again.

use crate::{
    checks::Verdict::{Failed, Warning},
    peer::{Breaks::Rules, Fault, Forgets, Rotation},
};

/// The faults.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "a new key signs before it is published",
        found: &[("SSF-T-012.new-key", Failed)],
        breaks: Rules(|rules| rules.rotation = Some(Rotation::Unpublished)),
    },
    Fault {
        name: "the former key is not published any more",
        found: &[("SSF-T-012.former-key", Warning)],
        breaks: Rules(|rules| rules.rotation = Some(Rotation::FormerGone)),
    },
    Fault {
        name: "SETs are lost in a restart",
        found: &[("POLL-T-014.after-restart", Warning)],
        breaks: Rules(|rules| rules.forgets = Some(Forgets::Sets)),
    },
    Fault {
        name: "streams are lost in a restart",
        found: &[("SSF-T-125.after-restart", Failed)],
        breaks: Rules(|rules| rules.forgets = Some(Forgets::Streams)),
    },
    Fault {
        name: "paused streams are enabled after a restart",
        found: &[("SSF-T-188.after-restart", Failed)],
        breaks: Rules(|rules| rules.forgets = Some(Forgets::Statuses)),
    },
    Fault {
        name: "subjects are lost in a restart",
        found: &[("SSF-T-200.after-restart", Warning)],
        breaks: Rules(|rules| rules.forgets = Some(Forgets::Subjects)),
    },
];

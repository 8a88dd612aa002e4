//! Faults of several streams.

use crate::{
    checks::Verdict::Failed,
    peer::{Breaks::Rules, Fault, Namesakes},
};

/// The faults.
pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "who pauses a stream pauses the other one of its name",
        found: &[("SSF-T-057.status", Failed)],
        breaks: Rules(|rules| rules.namesakes = Some(Namesakes::ShareStatus)),
    },
    Fault {
        name: "who deletes a stream deletes the other one of its name",
        found: &[("SSF-T-057.deletion", Failed)],
        breaks: Rules(|rules| rules.namesakes = Some(Namesakes::EndTogether)),
    },
    Fault {
        name: "a stream of another receiver has the id of the first one's",
        found: &[("SSF-T-071.of-two-receivers", Failed)],
        breaks: Rules(|rules| rules.namesakes = Some(Namesakes::ShareId)),
    },
    Fault {
        name: "a second stream of one name is refused with 403",
        found: &[
            ("SSF-T-101.second-stream", Failed),
            ("SSF-T-102.conflict", Failed),
        ],
        breaks: Rules(|rules| rules.namesakes = Some(Namesakes::Refused(403))),
    },
    Fault {
        name: "a second stream of one name is refused with 409, and takes the place of the first",
        found: &[("SSF-T-102.conflict", Failed)],
        breaks: Rules(|rules| rules.namesakes = Some(Namesakes::Overwritten)),
    },
];

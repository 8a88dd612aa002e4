//! Faults of whom a stream covers.

use serde_json::json;

use crate::{
    checks::Verdict::{Failed, Note, Warning},
    peer::{
        Breaks::{Answer, Rules},
        CoverageFault, Fault,
    },
};

/// The faults.
pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "everybody is said to be covered, and nobody is",
        found: &[("SSF-T-032.everybody", Failed)],
        breaks: Answer(|asked, reply| {
            if asked.path.starts_with("/.well-known/ssf-configuration") && reply.is_success() {
                reply.change(|site| drop(site.insert("default_subjects".into(), json!("ALL"))));
            }
        }),
    },
    Fault {
        name: "nobody is said to be covered, and everybody is",
        found: &[
            ("SSF-T-034.nobody-else", Failed),
            ("SSF-T-201.other-issuer", Failed),
            ("SSF-T-201.capital-letters", Note),
            ("SSF-T-201.other-format", Failed),
            ("SSF-T-205.differs", Warning),
            ("SSF-T-035.removed", Note),
            ("SSF-T-210.removed-once", Note),
        ],
        breaks: Rules(|rules| rules.coverage = Some(CoverageFault::Everybody)),
    },
    Fault {
        name: "subjects are added without effect",
        found: &[
            ("SSF-T-200.added", Warning),
            ("SSF-T-203.less-specific", Warning),
            ("SSF-T-204.more-specific", Warning),
            ("SSF-T-033.put-back", Warning),
            ("SSF-T-178.push", Failed),
            ("PUSH-T-001.one-set", Failed),
        ],
        breaks: Rules(|rules| rules.coverage = Some(CoverageFault::Nobody)),
    },
    Fault {
        name: "a subject without verified is not covered",
        found: &[
            ("SSF-T-200.added", Warning),
            ("SSF-T-206.without-verified", Warning),
            ("SSF-T-203.less-specific", Warning),
            ("SSF-T-204.more-specific", Warning),
            ("SSF-T-033.put-back", Warning),
            ("SSF-T-178.push", Failed),
            ("PUSH-T-001.one-set", Failed),
        ],
        breaks: Rules(|rules| rules.coverage = Some(CoverageFault::VerifiedAlone)),
    },
    Fault {
        name: "to add a subject twice is a conflict",
        found: &[("SSF-T-210.twice", Failed)],
        breaks: Rules(|rules| rules.coverage = Some(CoverageFault::RefusesTwice)),
    },
    Fault {
        name: "what was added twice has to be removed twice",
        found: &[("SSF-T-210.removed-once", Note)],
        breaks: Rules(|rules| rules.coverage = Some(CoverageFault::Counts)),
    },
    Fault {
        name: "who is removed stays",
        found: &[
            ("SSF-T-035.removed", Note),
            ("SSF-T-210.removed-once", Note),
        ],
        breaks: Rules(|rules| rules.coverage = Some(CoverageFault::KeepsRemoved)),
    },
    Fault {
        name: "who was removed cannot come back",
        found: &[("SSF-T-033.put-back", Warning)],
        breaks: Rules(|rules| rules.coverage = Some(CoverageFault::RemovedForGood)),
    },
    Fault {
        name: "the stream can be removed from itself",
        found: &[("SSF-T-213.stream-itself", Failed)],
        breaks: Rules(|rules| rules.coverage = Some(CoverageFault::RemovesStream)),
    },
    Fault {
        name: "subjects with one sub match, whoever the issuer is",
        found: &[("SSF-T-201.other-issuer", Failed)],
        breaks: Rules(|rules| rules.coverage = Some(CoverageFault::OverlooksIssuer)),
    },
    Fault {
        name: "an address and the account of that name are one subject",
        found: &[("SSF-T-201.other-format", Failed)],
        breaks: Rules(|rules| rules.coverage = Some(CoverageFault::OverlooksFormat)),
    },
    Fault {
        name: "subjects match that differ in capital letters",
        found: &[("SSF-T-201.capital-letters", Note)],
        breaks: Rules(|rules| rules.coverage = Some(CoverageFault::OverlooksCase)),
    },
    Fault {
        name: "a tenant does not match its users",
        found: &[("SSF-T-203.less-specific", Warning)],
        breaks: Rules(|rules| rules.coverage = Some(CoverageFault::NotLessSpecific)),
    },
    Fault {
        name: "a user's device does not match the user",
        found: &[("SSF-T-204.more-specific", Warning)],
        breaks: Rules(|rules| rules.coverage = Some(CoverageFault::NotMoreSpecific)),
    },
    Fault {
        name: "complex subjects match by one of their members",
        found: &[("SSF-T-205.differs", Warning)],
        breaks: Rules(|rules| rules.coverage = Some(CoverageFault::OneMember)),
    },
];

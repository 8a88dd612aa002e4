//! Faults of deleting streams.

use crate::{
    checks::Verdict::Failed,
    peer::{
        Breaks::{Answer, Request, Rules},
        Caller::{Nobody, Other, ReadOnly, Receiver, Unknown},
        Fault,
        Operation::Delete,
        Reply,
        faults::spoils::{as_if, instead},
    },
};

/// The faults.
pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "DELETE answers with 200",
        found: &[("SSF-T-160.deleted", Failed)],
        breaks: Answer(|asked, reply| instead(asked, reply, Delete, 204, 200)),
    },
    Fault {
        name: "DELETE without stream_id is called a success",
        found: &[("SSF-R-070.without-stream_id", Failed)],
        breaks: Answer(|asked, reply| {
            if asked.is(Delete) && asked.stream_id.is_none() {
                *reply = Reply::error(204);
            }
        }),
    },
    Fault {
        name: "DELETE of a stream that does not exist is called a success",
        found: &[
            ("SSF-T-161.twice", Failed),
            ("SSF-T-161.unknown-stream", Failed),
            ("SSF-T-051.delete-by-another", Failed),
        ],
        breaks: Answer(|asked, reply| instead(asked, reply, Delete, 404, 204)),
    },
    Fault {
        name: "streams that are deleted stay",
        found: &[
            ("SSF-T-161.twice", Failed),
            ("SSF-T-163.gone", Failed),
            ("SSF-T-163.poll-after-deletion", Failed),
        ],
        breaks: Rules(|rules| rules.keeps_deleted_streams = true),
    },
    Fault {
        name: "DELETE needs no token",
        found: &[("SSF-T-162.without-token", Failed)],
        breaks: Request(|asked| as_if(asked, Delete, Nobody, Receiver)),
    },
    Fault {
        name: "DELETE takes any token",
        found: &[("SSF-T-162.unknown-token", Failed)],
        breaks: Request(|asked| as_if(asked, Delete, Unknown, Receiver)),
    },
    Fault {
        name: "DELETE takes a token that may read alone",
        found: &[("SSF-T-162.read-only-token", Failed)],
        breaks: Request(|asked| as_if(asked, Delete, ReadOnly, Receiver)),
    },
    Fault {
        name: "every receiver can delete every stream",
        found: &[("SSF-T-051.delete-by-another", Failed)],
        breaks: Request(|asked| as_if(asked, Delete, Other, Receiver)),
    },
];

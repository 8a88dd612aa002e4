//! Faults of updating streams.

use crate::{
    checks::Verdict::{Failed, Warning},
    peer::{
        Breaks::{Answer, Request},
        Caller::{Nobody, Other, ReadOnly, Receiver, Unknown},
        Fault,
        Operation::{Replace, Update},
        Reply,
        faults::spoils::{answer, as_if, breaks_down, has, instead, overlooks},
    },
};

/// The faults.
pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "UPDATE answers with what was changed alone",
        found: &[("SSF-T-130.updated", Failed)],
        breaks: Answer(|asked, reply| {
            answer(asked, reply, Update, |c| {
                c.retain(|name, _| name == "stream_id" || has(asked, name));
            });
        }),
    },
    Fault {
        name: "UPDATE answers with 203",
        found: &[
            ("SSF-T-130.updated", Failed),
            ("SSF-T-131.nothing-to-change", Warning),
            ("SSF-T-134.transmitter-supplied-members", Warning),
            ("SSF-T-137.events_delivered-before", Failed),
        ],
        breaks: Answer(|asked, reply| instead(asked, reply, Update, 200, 203)),
    },
    Fault {
        name: "UPDATE without stream_id is called a success",
        found: &[("SSF-R-051.without-stream_id", Failed)],
        breaks: Answer(|asked, reply| {
            if asked.is(Update) && asked.object().is_some() && !has(asked, "stream_id") {
                *reply = Reply::error(200);
            }
        }),
    },
    Fault {
        name: "UPDATE of nothing is refused",
        found: &[("SSF-T-131.nothing-to-change", Warning)],
        breaks: Answer(|asked, reply| {
            if asked.is(Update) && asked.object().is_some_and(|body| body.len() == 1) {
                *reply = Reply::error(400);
            }
        }),
    },
    Fault {
        name: "UPDATE overlooks the description",
        found: &[("SSF-T-132.description", Failed)],
        breaks: Request(|asked| overlooks(asked, Update, "description")),
    },
    Fault {
        name: "UPDATE overlooks events_requested",
        found: &[("SSF-T-132.events_requested", Failed)],
        breaks: Request(|asked| overlooks(asked, Update, "events_requested")),
    },
    Fault {
        name: "UPDATE replaces",
        found: &[
            ("SSF-T-131.nothing-to-change", Warning),
            ("SSF-T-133.rest-stays", Failed),
        ],
        breaks: Request(|asked| {
            if asked.is(Update) {
                asked.operation = Some(Replace);
            }
        }),
    },
    Fault {
        name: "UPDATE refuses members that the transmitter supplied",
        found: &[("SSF-T-134.transmitter-supplied-members", Warning)],
        breaks: Answer(|asked, reply| {
            if asked.is(Update) && has(asked, "iss") {
                *reply = Reply::error(400);
            }
        }),
    },
    Fault {
        name: "UPDATE overlooks iss",
        found: &[("SSF-T-135.wrong-iss", Failed)],
        breaks: Request(|asked| overlooks(asked, Update, "iss")),
    },
    Fault {
        name: "UPDATE overlooks aud",
        found: &[("SSF-T-135.wrong-aud", Failed)],
        breaks: Request(|asked| overlooks(asked, Update, "aud")),
    },
    Fault {
        name: "UPDATE overlooks events_delivered",
        found: &[("SSF-T-137.events_delivered-before", Failed)],
        breaks: Request(|asked| overlooks(asked, Update, "events_delivered")),
    },
    Fault {
        name: "UPDATE breaks down over a body that is not JSON",
        found: &[("SSF-T-139.broken-json", Failed)],
        breaks: Answer(|asked, reply| breaks_down(asked, reply, Update)),
    },
    Fault {
        name: "UPDATE of a stream that does not exist: 403",
        found: &[
            ("SSF-T-139.unknown-stream", Failed),
            ("SSF-T-163.gone", Failed),
        ],
        breaks: Answer(|asked, reply| instead(asked, reply, Update, 404, 403)),
    },
    Fault {
        name: "UPDATE needs no token",
        found: &[("SSF-T-139.without-token", Failed)],
        breaks: Request(|asked| as_if(asked, Update, Nobody, Receiver)),
    },
    Fault {
        name: "UPDATE takes any token",
        found: &[("SSF-T-139.unknown-token", Failed)],
        breaks: Request(|asked| as_if(asked, Update, Unknown, Receiver)),
    },
    Fault {
        name: "UPDATE takes a token that may read alone",
        found: &[("SSF-T-139.read-only-token", Failed)],
        breaks: Request(|asked| as_if(asked, Update, ReadOnly, Receiver)),
    },
    Fault {
        name: "every receiver can update every stream",
        found: &[("SSF-T-051.update-by-another", Failed)],
        breaks: Request(|asked| as_if(asked, Update, Other, Receiver)),
    },
];

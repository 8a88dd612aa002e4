//! Faults of replacing streams.

use serde_json::json;

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

/// What the Receiver wanted from the start, whatever it wants now.
const FORMER: [&str; 3] = [
    "https://schemas.openid.net/secevent/caep/event-type/session-revoked",
    "https://schemas.openid.net/secevent/caep/event-type/credential-change",
    "https://schemas.openid.net/secevent/caep/event-type/device-compliance-change",
];

/// The faults.
pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "REPLACE answers with what was sent alone",
        found: &[
            ("SSF-T-150.replaced", Failed),
            ("SSF-T-154.transmitter-supplied-members-stay", Failed),
        ],
        breaks: Answer(|asked, reply| {
            answer(asked, reply, Replace, |c| {
                c.retain(|name, _| name == "stream_id" || has(asked, name));
            });
        }),
    },
    Fault {
        name: "REPLACE answers with 203",
        found: &[
            ("SSF-T-150.replaced", Failed),
            ("SSF-R-062.read-and-put-back", Warning),
            ("SSF-T-155.events_delivered-before", Failed),
        ],
        breaks: Answer(|asked, reply| instead(asked, reply, Replace, 200, 203)),
    },
    Fault {
        name: "REPLACE without stream_id is called a success",
        found: &[("SSF-R-061.without-stream_id", Failed)],
        breaks: Answer(|asked, reply| {
            if asked.is(Replace) && asked.object().is_some() && !has(asked, "stream_id") {
                *reply = Reply::error(200);
            }
        }),
    },
    Fault {
        name: "REPLACE overlooks events_delivered",
        found: &[("SSF-T-155.events_delivered-before", Failed)],
        breaks: Request(|asked| overlooks(asked, Replace, "events_delivered")),
    },
    Fault {
        name: "REPLACE updates",
        found: &[("SSF-T-151.description", Failed)],
        breaks: Request(|asked| {
            if asked.is(Replace) {
                asked.operation = Some(Update);
            }
        }),
    },
    Fault {
        name: "REPLACE keeps events_requested",
        found: &[("SSF-T-151.events_requested", Failed)],
        breaks: Request(|asked| {
            if asked.is(Replace) && has(asked, "events_requested") {
                asked.change(|body| drop(body.insert("events_requested".into(), json!(FORMER))));
            }
        }),
    },
    Fault {
        name: "REPLACE refuses members that the transmitter supplied",
        found: &[("SSF-R-062.read-and-put-back", Warning)],
        breaks: Answer(|asked, reply| {
            if asked.is(Replace) && has(asked, "events_delivered") {
                *reply = Reply::error(400);
            }
        }),
    },
    Fault {
        name: "REPLACE overlooks iss",
        found: &[("SSF-T-153.wrong-iss", Failed)],
        breaks: Request(|asked| overlooks(asked, Replace, "iss")),
    },
    Fault {
        name: "REPLACE overlooks aud",
        found: &[("SSF-T-153.wrong-aud", Failed)],
        breaks: Request(|asked| overlooks(asked, Replace, "aud")),
    },
    Fault {
        name: "REPLACE breaks down over a body that is not JSON",
        found: &[("SSF-T-157.broken-json", Failed)],
        breaks: Answer(|asked, reply| breaks_down(asked, reply, Replace)),
    },
    Fault {
        name: "REPLACE of a stream that does not exist: 403",
        found: &[
            ("SSF-T-157.unknown-stream", Failed),
            ("SSF-T-163.gone", Failed),
        ],
        breaks: Answer(|asked, reply| instead(asked, reply, Replace, 404, 403)),
    },
    Fault {
        name: "REPLACE needs no token",
        found: &[("SSF-T-157.without-token", Failed)],
        breaks: Request(|asked| as_if(asked, Replace, Nobody, Receiver)),
    },
    Fault {
        name: "REPLACE takes any token",
        found: &[("SSF-T-157.unknown-token", Failed)],
        breaks: Request(|asked| as_if(asked, Replace, Unknown, Receiver)),
    },
    Fault {
        name: "REPLACE takes a token that may read alone",
        found: &[("SSF-T-157.read-only-token", Failed)],
        breaks: Request(|asked| as_if(asked, Replace, ReadOnly, Receiver)),
    },
    Fault {
        name: "every receiver can replace every stream",
        found: &[("SSF-T-051.replace-by-another", Failed)],
        breaks: Request(|asked| as_if(asked, Replace, Other, Receiver)),
    },
];

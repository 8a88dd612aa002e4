//! Faults of the status.

use serde_json::{Value, json};

use super::spoils::{answer, as_if, breaks_down, has, instead, overlooks};
use crate::{
    checks::Verdict::{Failed, Warning},
    peer::{
        Asked,
        Breaks::{Answer, Request},
        Caller::{Nobody, Other, ReadOnly, Receiver},
        Fault,
        Operation::{ReadStatus, SetStatus},
        Reply,
    },
};

/// The faults.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "the status is read with 203",
        found: &[("SSF-T-173.read", Failed)],
        breaks: Answer(|asked, reply| instead(asked, reply, ReadStatus, 200, 203)),
    },
    Fault {
        name: "the status is read without the name of the stream",
        found: &[("SSF-T-173.read", Failed)],
        breaks: Answer(|asked, reply| {
            answer(asked, reply, ReadStatus, |s| drop(s.remove("stream_id")));
        }),
    },
    Fault {
        name: "the status is read in capital letters",
        found: &[
            ("SSF-T-175.value", Failed),
            ("SSF-T-188.set", Failed),
            ("SSF-T-244.status", Failed),
            ("SSF-T-192.same-again", Failed),
        ],
        breaks: Answer(|asked, reply| {
            answer(asked, reply, ReadStatus, |s| {
                if let Some(Value::String(status)) = s.get_mut("status") {
                    status.make_ascii_uppercase();
                }
            });
        }),
    },
    Fault {
        name: "a stream that does not exist is disabled",
        found: &[
            ("SSF-T-187.unknown-stream", Failed),
            ("SSF-T-051.status-by-another", Failed),
        ],
        breaks: Answer(|asked, reply| {
            if asked.is(ReadStatus) && reply.status == 404 {
                *reply =
                    Reply::json(&json!({ "stream_id": asked.stream_id, "status": "disabled" }));
            }
        }),
    },
    Fault {
        name: "the status is read without a token",
        found: &[("SSF-T-185.without-token", Failed)],
        breaks: Request(|asked| as_if(asked, ReadStatus, Nobody, Receiver)),
    },
    Fault {
        name: "every receiver can read every status",
        found: &[("SSF-T-051.status-by-another", Failed)],
        breaks: Request(|asked| as_if(asked, ReadStatus, Other, Receiver)),
    },
    Fault {
        name: "a stream cannot be paused",
        found: &[("SSF-T-188.set", Failed)],
        breaks: Request(|asked| {
            if sets(asked, "paused") {
                asked.change(|body| drop(body.insert("status".into(), json!("enabled"))));
            }
        }),
    },
    Fault {
        name: "the reason is dropped",
        found: &[("SSF-T-177.reason", Warning)],
        breaks: Request(|asked| overlooks(asked, SetStatus, "reason")),
    },
    Fault {
        name: "no reason is null",
        found: &[("SSF-T-176.text", Warning)],
        breaks: Answer(|asked, reply| {
            answer(asked, reply, ReadStatus, |s| {
                s.entry("reason").or_insert(Value::Null);
            });
        }),
    },
    Fault {
        name: "the reason is a list of texts",
        found: &[("SSF-T-176.text", Warning), ("SSF-T-177.reason", Warning)],
        breaks: Answer(|asked, reply| {
            answer(asked, reply, ReadStatus, |s| {
                if let Some(reason) = s.get_mut("reason") {
                    *reason = json!([reason]);
                }
            });
        }),
    },
    Fault {
        name: "to enable a stream is a conflict",
        found: &[
            ("INTEROP-033.manage-alone", Failed),
            ("SSF-T-188.set", Failed),
            ("SSF-T-192.same-again", Failed),
        ],
        breaks: Answer(|asked, reply| {
            if sets(asked, "enabled") && reply.is_success() {
                *reply = Reply::error(409);
            }
        }),
    },
    Fault {
        name: "a status for no stream is called a success",
        found: &[("SSF-R-081.without-stream_id", Failed)],
        breaks: Answer(|asked, reply| {
            if asked.is(SetStatus) && asked.object().is_some() && !has(asked, "stream_id") {
                *reply = Reply::error(200);
            }
        }),
    },
    Fault {
        name: "no status is called a success",
        found: &[("SSF-R-082.without-status", Failed)],
        breaks: Answer(|asked, reply| {
            if asked.is(SetStatus) && asked.object().is_some() && !has(asked, "status") {
                *reply = Reply::error(200);
            }
        }),
    },
    Fault {
        name: "a status that there is not pauses the stream",
        found: &[("SSF-R-082.unknown-status", Failed)],
        breaks: Request(|asked| {
            if sets(asked, "suspended") {
                asked.change(|body| drop(body.insert("status".into(), json!("paused"))));
            }
        }),
    },
    Fault {
        name: "a status may be in capital letters",
        found: &[("SSF-R-082.capital-letters", Failed)],
        breaks: Request(|asked| {
            if sets(asked, "PAUSED") {
                asked.change(|body| drop(body.insert("status".into(), json!("paused"))));
            }
        }),
    },
    Fault {
        name: "setting the status breaks down over a body that is not JSON",
        found: &[("SSF-T-191.broken-json", Failed)],
        breaks: Answer(|asked, reply| breaks_down(asked, reply, SetStatus)),
    },
    Fault {
        name: "setting the status of a stream that does not exist: 403",
        found: &[("SSF-T-191.unknown-stream", Failed)],
        breaks: Answer(|asked, reply| instead(asked, reply, SetStatus, 404, 403)),
    },
    Fault {
        name: "the status is set without a token",
        found: &[("SSF-T-191.without-token", Failed)],
        breaks: Request(|asked| as_if(asked, SetStatus, Nobody, Receiver)),
    },
    Fault {
        name: "the status is set with a token that may read alone",
        found: &[("SSF-T-191.read-only-token", Failed)],
        breaks: Request(|asked| as_if(asked, SetStatus, ReadOnly, Receiver)),
    },
    Fault {
        name: "every receiver can set every status",
        found: &[("SSF-T-051.status-set-by-another", Failed)],
        breaks: Request(|asked| as_if(asked, SetStatus, Other, Receiver)),
    },
];

fn sets(asked: &Asked, status: &str) -> bool {
    let body = asked.object().unwrap_or_default();
    asked.is(SetStatus) && body.get("status").is_some_and(|found| found == status)
}

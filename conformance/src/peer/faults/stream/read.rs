//! Faults of reading and listing streams.

use serde_json::{Value, json};

use crate::{
    checks::Verdict::Failed,
    peer::{
        Asked,
        Breaks::{Answer, Request},
        Caller::{Nobody, Other, ReadOnly, Receiver, Unknown},
        Fault,
        Operation::{Create, Read},
        Reply,
        faults::spoils::{answer, as_if, instead},
    },
};

/// The faults.
pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "READ and LIST answer with 203",
        found: &[
            ("SSF-T-120.status", Failed),
            ("SSF-T-122.empty-list", Failed),
            ("SSF-T-124.read-only-token", Failed),
        ],
        breaks: Answer(|asked, reply| instead(asked, reply, Read, 200, 203)),
    },
    Fault {
        name: "one stream is read as an array",
        found: &[("SSF-R-041.one-object", Failed)],
        breaks: Answer(|asked, reply| {
            if is_of_one(asked) && reply.is_success() {
                reply.body = json!([reply.value()]).to_string().into_bytes();
            }
        }),
    },
    Fault {
        name: "a list of one is an object",
        found: &[("SSF-T-121.list-of-one", Failed)],
        breaks: Answer(|asked, reply| {
            if let (true, Value::Array(list)) = (is_list(asked), reply.value())
                && let [one] = list.as_slice()
            {
                reply.body = one.to_string().into_bytes();
            }
        }),
    },
    Fault {
        name: "without streams there is no list",
        found: &[("SSF-T-122.empty-list", Failed)],
        breaks: Answer(|asked, reply| {
            if is_list(asked) && reply.body == b"[]" {
                *reply = Reply::error(404);
            }
        }),
    },
    Fault {
        name: "nobody may list streams",
        found: &[
            ("SSF-T-120.status", Failed),
            ("SSF-T-122.empty-list", Failed),
        ],
        breaks: Answer(|asked, reply| {
            if is_list(asked) && reply.is_success() {
                *reply = Reply::error(403);
            }
        }),
    },
    Fault {
        name: "a stream that does not exist is read as an empty list",
        found: &[
            ("SSF-T-123.unknown-stream", Failed),
            ("SSF-T-051.read-by-another", Failed),
            ("SSF-T-163.gone", Failed),
        ],
        breaks: Answer(|asked, reply| {
            if is_of_one(asked) && reply.status == 404 {
                *reply = Reply::json(&json!([]));
            }
        }),
    },
    Fault {
        name: "READ needs no token",
        found: &[
            ("SSF-T-124.without-token", Failed),
            ("INTEROP-038.query", Failed),
        ],
        breaks: Request(|asked| as_if(asked, Read, Nobody, Receiver)),
    },
    Fault {
        name: "READ takes any token",
        found: &[
            ("SSF-T-124.unknown-token", Failed),
            ("BEARER-011.other-audience", Failed),
            ("INTEROP-039.altered", Failed),
            ("INTEROP-039.alg-none", Failed),
            ("INTEROP-039.expired", Failed),
            ("INTEROP-039.revoked", Failed),
        ],
        breaks: Request(|asked| as_if(asked, Read, Unknown, Receiver)),
    },
    Fault {
        name: "a token that may read may not read one stream",
        found: &[("SSF-T-124.read-only-token", Failed)],
        breaks: Answer(|asked, reply| {
            if is_of_one(asked) && asked.caller == ReadOnly {
                *reply = Reply::error(403);
            }
        }),
    },
    Fault {
        name: "every receiver can read every stream",
        found: &[("SSF-T-051.read-by-another", Failed)],
        breaks: Request(|asked| {
            if is_of_one(asked) {
                as_if(asked, Read, Other, Receiver);
            }
        }),
    },
    Fault {
        name: "every receiver can list every stream",
        found: &[("SSF-T-051.list-of-another", Failed)],
        breaks: Request(|asked| {
            if is_list(asked) {
                as_if(asked, Read, Other, Receiver);
            }
        }),
    },
    Fault {
        name: "a creation is answered with something that is never read",
        found: &[("SSF-T-125.as-created", Failed)],
        breaks: Answer(|asked, reply| {
            answer(asked, reply, Create, |c| {
                drop(c.insert("x".into(), json!(1)));
            });
        }),
    },
];

fn is_of_one(asked: &Asked) -> bool {
    asked.is(Read) && asked.stream_id.is_some()
}

fn is_list(asked: &Asked) -> bool {
    asked.is(Read) && asked.stream_id.is_none()
}

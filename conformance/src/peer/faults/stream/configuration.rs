//! Faults of the stream configuration.

use serde_json::{Value, json};

use crate::{
    checks::Verdict::{self, Failed, Note, Warning},
    peer::{
        Breaks::{Answer, Both},
        Fault,
        Operation::{Create, Read},
        faults::spoils::answer,
    },
};

/// Whatever the answer to CREATE has alone differs from what is read.
const AS_CREATED: (&str, Verdict) = ("SSF-T-125.as-created", Failed);

/// In front of a `stream_id`, so that it has to be escaped.
const RESERVED: &str = "a+b/";

/// The faults.
pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "stream_id is a number",
        found: &[("SSF-T-070.stream_id", Failed)],
        breaks: Answer(|asked, reply| {
            answer(asked, reply, Create, |c| {
                drop(c.insert("stream_id".into(), json!(7)));
            });
        }),
    },
    Fault {
        name: "stream_id has to be escaped",
        found: &[
            ("SSF-T-072.stream_id-characters", Warning),
            ("SSF-T-227.stream_id", Failed),
            ("SSF-T-247.id", Failed),
        ],
        breaks: Both(
            |asked| {
                let bare = |id: &str| id.trim_start_matches(RESERVED).to_owned();
                asked.stream_id = asked.stream_id.as_deref().map(bare);
                asked.change(|body| {
                    if let Some(Value::String(id)) = body.get_mut("stream_id") {
                        *id = bare(id);
                    }
                });
            },
            |_, reply| {
                let mut body = reply.value();
                let one = |configuration: &mut Value| {
                    if let Some(Value::String(id)) = configuration.get_mut("stream_id") {
                        *id = format!("{RESERVED}{id}");
                    }
                };
                match &mut body {
                    Value::Array(list) => list.iter_mut().for_each(one),
                    Value::Object(_) => one(&mut body),
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return,
                }
                reply.body = body.to_string().into_bytes();
            },
        ),
    },
    Fault {
        name: "iss lacks the slash of the issuer",
        found: &[
            ("SSF-T-073.iss", Failed),
            AS_CREATED,
            ("SET-008.iss", Failed),
        ],
        breaks: Answer(|asked, reply| {
            answer(asked, reply, Create, |c| {
                if let Some(Value::String(iss)) = c.get_mut("iss") {
                    iss.pop();
                }
            });
        }),
    },
    Fault {
        name: "aud is an empty array",
        found: &[
            ("SSF-T-074.aud", Failed),
            AS_CREATED,
            ("SET-010.aud", Failed),
        ],
        breaks: Answer(|asked, reply| {
            answer(asked, reply, Create, |c| {
                drop(c.insert("aud".into(), json!([])));
            });
        }),
    },
    Fault {
        name: "events_supported is a text",
        found: &[("SSF-T-077.events_supported", Warning), AS_CREATED],
        breaks: Answer(|asked, reply| {
            answer(asked, reply, Create, |c| {
                drop(c.insert("events_supported".into(), json!("all")));
            });
        }),
    },
    Fault {
        name: "there is no events_supported",
        found: &[("SSF-T-077.events_supported", Note), AS_CREATED],
        breaks: Answer(|asked, reply| {
            answer(asked, reply, Create, |c| drop(c.remove("events_supported")));
        }),
    },
    Fault {
        name: "there is no events_delivered",
        found: &[("SSF-T-081.events_delivered", Failed), AS_CREATED],
        breaks: Answer(|asked, reply| {
            answer(asked, reply, Create, |c| drop(c.remove("events_delivered")));
        }),
    },
    Fault {
        name: "events_delivered has all that is supported",
        found: &[
            ("SSF-T-082.events_delivered-is-a-subset", Failed),
            AS_CREATED,
        ],
        breaks: Answer(|asked, reply| {
            answer(asked, reply, Create, |c| {
                let supported = c.get("events_supported").cloned().unwrap_or_default();
                c.insert("events_delivered".into(), supported);
            });
        }),
    },
    Fault {
        name: "delivery has no method",
        found: &[
            ("SSF-T-083.delivery", Failed),
            ("SSF-T-104.poll-by-default", Failed),
            ("SSF-T-108.push", Failed),
            AS_CREATED,
        ],
        breaks: Answer(|asked, reply| {
            answer(asked, reply, Create, |c| {
                if let Some(Value::Object(delivery)) = c.get_mut("delivery") {
                    delivery.remove("method");
                }
            });
        }),
    },
    Fault {
        name: "min_verification_interval is a text",
        found: &[("SSF-T-084.min_verification_interval", Warning), AS_CREATED],
        breaks: Answer(|asked, reply| {
            answer(asked, reply, Create, |c| {
                drop(c.insert("min_verification_interval".into(), json!("30")));
            });
        }),
    },
    Fault {
        name: "inactivity_timeout is zero",
        found: &[("SSF-T-089.inactivity_timeout", Warning), AS_CREATED],
        breaks: Answer(|asked, reply| {
            answer(asked, reply, Create, |c| {
                drop(c.insert("inactivity_timeout".into(), json!(0)));
            });
        }),
    },
    Fault {
        name: "configurations are labelled as text",
        found: &[("SSF-T-058.content-type", Failed)],
        breaks: Answer(|asked, reply| {
            if asked.is(Read) && reply.is_success() {
                reply.set_header("Content-Type", "text/plain");
            }
        }),
    },
    Fault {
        name: "configurations may be kept by caches",
        found: &[("SSF-T-059.no-store", Warning)],
        breaks: Answer(|asked, reply| {
            if asked.is(Read) {
                reply.set_header("Cache-Control", "max-age=60");
            }
        }),
    },
];

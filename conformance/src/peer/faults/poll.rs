//! Faults of delivery by polls.

use serde_json::{Value, json};

use super::spoils::{answer, as_if, breaks_down, has, overlooks};
use crate::{
    checks::Verdict::{Failed, Note, Warning},
    peer::{
        Breaks::{Answer, Request, Rules, Set},
        Caller::{Nobody, Other, Receiver},
        Fault,
        Operation::{Create, Poll},
        Reply,
    },
};

/// The faults.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "an empty object is no poll",
        found: &[("POLL-T-001.empty-object", Failed)],
        breaks: Answer(|asked, reply| {
            if asked.is(Poll) && asked.body == b"{}" {
                *reply = Reply::error(400);
            }
        }),
    },
    Fault {
        name: "SETs are labelled as text",
        found: &[("POLL-T-002.answer", Failed)],
        breaks: Answer(|asked, reply| {
            if asked.is(Poll) && reply.is_success() {
                reply.set_header("Content-Type", "text/plain");
            }
        }),
    },
    Fault {
        name: "no SETs are an array",
        found: &[
            ("POLL-T-003.nothing-to-deliver", Failed),
            ("POLL-T-006.acknowledge-only", Failed),
        ],
        breaks: Answer(|asked, reply| {
            answer(asked, reply, Poll, |body| {
                if body.get("sets") == Some(&json!({})) {
                    body.insert("sets".into(), json!([]));
                }
            });
        }),
    },
    Fault {
        name: "SETs stand under another name than their jti",
        found: &[("POLL-T-003.keys", Failed)],
        breaks: Set(|_, claims| {
            if let Some(Value::String(jti)) = claims.get_mut("jti") {
                jti.push('x');
            }
        }),
    },
    Fault {
        name: "maxEvents 0 is answered without a body",
        found: &[("POLL-T-006.acknowledge-only", Failed)],
        breaks: Answer(|asked, reply| {
            if asked.is(Poll)
                && asked
                    .object()
                    .is_some_and(|body| body.get("maxEvents") == Some(&json!(0)))
            {
                *reply = Reply::error(204);
            }
        }),
    },
    Fault {
        name: "maxEvents is overlooked",
        found: &[
            ("POLL-T-004.more-available", Note),
            ("POLL-T-005.max-events", Warning),
            ("POLL-T-006.acknowledge-only", Failed),
        ],
        breaks: Request(|asked| {
            if asked
                .object()
                .is_some_and(|body| body.get("maxEvents").is_some_and(Value::is_u64))
            {
                overlooks(asked, Poll, "maxEvents");
            }
        }),
    },
    Fault {
        name: "a poll without maxEvents brings two SETs, and does not tell that there are more",
        found: &[("POLL-T-007.without-max-events", Failed)],
        breaks: Answer(|asked, reply| {
            if !has(asked, "maxEvents") {
                answer(asked, reply, Poll, |body| {
                    if let Some(Value::Object(sets)) = body.get_mut("sets") {
                        *sets = std::mem::take(sets).into_iter().take(2).collect();
                    }
                });
            }
        }),
    },
    Fault {
        name: "moreAvailable is never told",
        found: &[("POLL-T-004.more-available", Note)],
        breaks: Answer(|asked, reply| {
            answer(asked, reply, Poll, |body| {
                body.remove("moreAvailable");
            });
        }),
    },
    Fault {
        name: "a poll that must not wait is held",
        found: &[("POLL-T-009.at-once", Warning)],
        breaks: Rules(|rules| rules.holds_first_polls = true),
    },
    Fault {
        name: "no poll waits",
        found: &[("POLL-T-010.long-poll", Failed)],
        breaks: Request(|asked| {
            if asked.is(Poll) {
                asked.change(|body| drop(body.insert("returnImmediately".into(), json!(true))));
            }
        }),
    },
    Fault {
        name: "acknowledgements are overlooked",
        found: &[
            ("POLL-T-013.acknowledged", Failed),
            ("SSF-T-183.poll", Failed),
        ],
        breaks: Request(|asked| {
            if asked
                .object()
                .is_some_and(|body| body.get("ack").is_some_and(Value::is_array))
            {
                overlooks(asked, Poll, "ack");
            }
        }),
    },
    Fault {
        name: "SETs are offered once",
        found: &[("POLL-T-014.unacknowledged", Note)],
        breaks: Rules(|rules| rules.forgets_what_was_offered = true),
    },
    Fault {
        name: "reports of errors are overlooked",
        found: &[("POLL-T-016.reported", Failed)],
        breaks: Request(|asked| overlooks(asked, Poll, "setErrs")),
    },
    Fault {
        name: "an acknowledgement of something unknown is refused",
        found: &[("POLL-T-017.unknown-jti", Failed)],
        breaks: Rules(|rules| rules.refuses_unknown_acknowledgements = true),
    },
    Fault {
        name: "polls break down over a body that is not JSON",
        found: &[("POLL-T-018.broken-json", Failed)],
        breaks: Answer(|asked, reply| breaks_down(asked, reply, Poll)),
    },
    Fault {
        name: "maxEvents may be a text",
        found: &[("POLL-T-018.max-events-is-a-text", Failed)],
        breaks: Request(|asked| {
            if asked
                .object()
                .is_some_and(|body| body.get("maxEvents").is_some_and(Value::is_string))
            {
                overlooks(asked, Poll, "maxEvents");
            }
        }),
    },
    Fault {
        name: "ack may be a text",
        found: &[("POLL-T-018.ack-is-a-text", Failed)],
        breaks: Request(|asked| {
            if asked
                .object()
                .is_some_and(|body| body.get("ack").is_some_and(Value::is_string))
            {
                overlooks(asked, Poll, "ack");
            }
        }),
    },
    Fault {
        name: "polls need no token",
        found: &[("POLL-T-020.challenge", Failed)],
        breaks: Request(|asked| as_if(asked, Poll, Nobody, Receiver)),
    },
    Fault {
        name: "every receiver can poll every stream",
        found: &[("SSF-T-051.poll-by-another", Failed)],
        breaks: Request(|asked| as_if(asked, Poll, Other, Receiver)),
    },
    Fault {
        name: "all streams have one URL",
        found: &[
            ("SSF-T-254.url-of-its-own", Failed),
            ("SSF-T-108.push", Failed),
            ("SSF-T-105.poll-url", Failed),
            ("SSF-T-125.as-created", Failed),
        ],
        breaks: Answer(|asked, reply| {
            answer(asked, reply, Create, |configuration| {
                let url = configuration
                    .get_mut("delivery")
                    .and_then(|delivery| delivery.get_mut("endpoint_url"));
                if let Some(Value::String(url)) = url
                    && let Some(at) = url.rfind('/')
                {
                    url.truncate(at);
                    url.push_str("/one");
                }
            });
        }),
    },
    Fault {
        name: "events are sent while the stream is paused",
        found: &[
            ("SSF-T-179.paused", Failed),
            ("SSF-T-179.push", Failed),
            ("SSF-T-241.last", Failed),
            ("SSF-T-242.start", Note),
        ],
        breaks: Rules(|rules| rules.sends_while_paused = true),
    },
    Fault {
        name: "events are dropped while the stream is paused",
        found: &[
            ("SSF-T-181.enabled-again", Warning),
            ("SSF-T-181.push", Warning),
            ("SSF-T-242.start", Note),
        ],
        breaks: Rules(|rules| rules.drops_while_paused = true),
    },
    Fault {
        name: "events are kept while the stream is disabled",
        found: &[("SSF-T-184.disabled", Failed), ("SSF-T-184.push", Failed)],
        breaks: Rules(|rules| rules.keeps_while_disabled = true),
    },
];

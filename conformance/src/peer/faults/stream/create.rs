//! Faults of creating streams.

use serde_json::{Value, json};

use crate::{
    checks::Verdict::{Failed, Warning},
    peer::{
        Breaks::{Answer, Request, Rules},
        Caller::{Nobody, ReadOnly, Receiver, Unknown},
        Fault, Namesakes,
        Operation::{Create, Poll},
        Reply,
        faults::spoils::{answer, as_if, breaks_down, has, instead, overlooks},
    },
};

const POLL: &str = "urn:ietf:rfc:8936";

/// The faults.
pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "a stream is created with 200",
        found: &[("SSF-T-100.created", Failed)],
        breaks: Answer(|asked, reply| instead(asked, reply, Create, 201, 200)),
    },
    Fault {
        name: "events_requested is demanded",
        found: &[("SSF-T-079.without-events_requested", Warning)],
        breaks: Answer(|asked, reply| {
            if asked.is(Create) && reply.is_success() && !has(asked, "events_requested") {
                *reply = Reply::error(400);
            }
        }),
    },
    Fault {
        name: "an event type that is not known is refused",
        found: &[("SSF-T-080.unknown-event-type", Failed)],
        breaks: Answer(|asked, reply| {
            if asked.is(Create) && String::from_utf8_lossy(&asked.body).contains("example.invalid")
            {
                *reply = Reply::error(400);
            }
        }),
    },
    Fault {
        name: "an event type that is not known is promised",
        found: &[("SSF-T-080.unknown-event-type", Failed)],
        breaks: Answer(|asked, reply| {
            if String::from_utf8_lossy(&asked.body).contains("example.invalid") {
                answer(asked, reply, Create, |c| {
                    let requested = c.get("events_requested").cloned().unwrap_or_default();
                    c.insert("events_delivered".into(), requested);
                });
            }
        }),
    },
    Fault {
        name: "descriptions are dropped",
        found: &[
            ("SSF-T-087.description", Warning),
            ("SSF-T-088.long-description", Warning),
        ],
        breaks: Request(|asked| overlooks(asked, Create, "description")),
    },
    Fault {
        name: "a long description ends with dots",
        found: &[("SSF-T-088.long-description", Warning)],
        breaks: Answer(|asked, reply| {
            answer(asked, reply, Create, |c| {
                if let Some(Value::String(text)) = c.get_mut("description")
                    && text.chars().count() == 200
                {
                    text.push_str("...");
                }
            });
        }),
    },
    Fault {
        name: "without delivery, a stream is pushed",
        found: &[("SSF-T-104.poll-by-default", Failed)],
        breaks: Answer(|asked, reply| {
            if !has(asked, "delivery") {
                let push = json!({ "method": "urn:ietf:rfc:8935" });
                answer(asked, reply, Create, |c| {
                    drop(c.insert("delivery".into(), push));
                });
            }
        }),
    },
    Fault {
        name: "a stream that is polled has no endpoint_url",
        found: &[
            ("SSF-T-105.poll-url", Failed),
            ("SSF-T-108.push", Failed),
            ("SSF-T-125.as-created", Failed),
        ],
        breaks: Answer(|asked, reply| {
            answer(asked, reply, Create, |c| {
                drop(c.insert("delivery".into(), json!({ "method": POLL })));
            });
        }),
    },
    Fault {
        name: "nothing answers polls",
        found: &[("SSF-T-105.poll-url", Failed)],
        breaks: Answer(|asked, reply| instead(asked, reply, Poll, 200, 404)),
    },
    Fault {
        name: "the receiver chooses the URL of polls",
        found: &[("SSF-T-107.poll-url-of-the-receiver", Failed)],
        breaks: Answer(|asked, reply| {
            let sent = asked.object().and_then(|mut body| body.remove("delivery"));
            if let Some(delivery) = sent.filter(|delivery| delivery.get("endpoint_url").is_some()) {
                answer(asked, reply, Create, |c| {
                    drop(c.insert("delivery".into(), delivery));
                });
            }
        }),
    },
    Fault {
        name: "an unknown delivery method is taken for polls",
        found: &[("SSF-T-106.unknown-method", Warning)],
        breaks: Request(|asked| takes_for_polls(asked, "urn:example:smoke-signal")),
    },
    Fault {
        name: "a stream is pushed to nowhere",
        found: &[("SSF-T-250.push-without-url", Failed)],
        breaks: Request(|asked| takes_for_polls(asked, "urn:ietf:rfc:8935")),
    },
    Fault {
        name: "two streams with one description are one",
        found: &[
            ("SSF-T-101.second-stream", Failed),
            ("SSF-T-254.url-of-its-own", Failed),
            ("SSF-T-057.deletion", Failed),
            ("SSF-T-057.status", Failed),
            ("SSF-T-071.of-two-receivers", Failed),
        ],
        breaks: Rules(|rules| rules.namesakes = Some(Namesakes::AreOne)),
    },
    Fault {
        name: "CREATE breaks down over a body that is not JSON",
        found: &[
            ("SSF-T-109.broken-json", Failed),
            ("SSF-T-109.deep", Warning),
            ("SSF-T-109.not-utf-8", Warning),
        ],
        breaks: Answer(|asked, reply| breaks_down(asked, reply, Create)),
    },
    Fault {
        name: "CREATE takes an array for an empty request",
        found: &[("SSF-T-109.not-an-object", Failed)],
        breaks: Request(|asked| {
            if asked.is(Create) && asked.body == b"[]" {
                asked.body = b"{}".to_vec();
            }
        }),
    },
    Fault {
        name: "CREATE takes a text for an array",
        found: &[("SSF-T-109.wrong-type", Failed)],
        breaks: Request(|asked| {
            if asked.is(Create) {
                asked.change(|body| {
                    if let Some(requested) = body.get_mut("events_requested")
                        && requested.is_string()
                    {
                        *requested = json!([requested]);
                    }
                });
            }
        }),
    },
    Fault {
        name: "CREATE needs no token",
        found: &[("SSF-T-110.without-token", Failed)],
        breaks: Request(|asked| as_if(asked, Create, Nobody, Receiver)),
    },
    Fault {
        name: "CREATE takes any token",
        found: &[("SSF-T-110.unknown-token", Failed)],
        breaks: Request(|asked| as_if(asked, Create, Unknown, Receiver)),
    },
    Fault {
        name: "CREATE takes a token that may read alone",
        found: &[("SSF-T-111.read-only-token", Failed)],
        breaks: Request(|asked| as_if(asked, Create, ReadOnly, Receiver)),
    },
    Fault {
        name: "401 has no challenge",
        found: &[
            ("BEARER-003.challenge", Failed),
            ("POLL-T-020.challenge", Failed),
        ],
        breaks: Answer(|_, reply| {
            reply
                .headers
                .retain(|(name, _)| *name != "WWW-Authenticate");
        }),
    },
];

fn takes_for_polls(asked: &mut crate::peer::Asked, method: &str) {
    if asked.is(Create) {
        asked.change(|body| {
            if let Some(delivery) = body.get_mut("delivery")
                && delivery.get("method").is_some_and(|found| found == method)
                && delivery.get("endpoint_url").is_none()
            {
                *delivery = json!({ "method": POLL });
            }
        });
    }
}

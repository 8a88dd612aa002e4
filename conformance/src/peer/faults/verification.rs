//! Faults of verification.

use serde_json::{Value, json};

use super::{
    set::claims::is_verification,
    spoils::{as_if, breaks_down, has, instead},
};
use crate::{
    checks::Verdict::{Failed, Warning},
    event_types::VERIFICATION,
    peer::{
        Breaks::{Answer, Request, Set},
        Caller::{Nobody, Other, Receiver, Unknown},
        Fault,
        Operation::Verify,
        Reply,
    },
};

/// The faults.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "a verification is accepted with 200",
        found: &[("SSF-T-222.accepted", Failed)],
        breaks: Answer(|asked, reply| instead(asked, reply, Verify, 204, 200)),
    },
    Fault {
        name: "state is cut at 255 characters",
        found: &[("SSF-T-223.state", Failed)],
        breaks: Request(|asked| state(asked, |state| state.chars().take(255).collect())),
    },
    Fault {
        name: "quotes in state are altered",
        found: &[("SSF-T-223.state", Failed)],
        breaks: Request(|asked| state(asked, |state| state.replace('"', "'"))),
    },
    Fault {
        name: "a verification has a state that nobody sent",
        found: &[("SSF-T-224.without-state", Failed)],
        breaks: Request(|asked| {
            if asked.is(Verify) && !has(asked, "state") {
                asked.change(|body| drop(body.insert("state".into(), json!(""))));
            }
        }),
    },
    Fault {
        name: "a verification is about something else than the stream",
        found: &[("SSF-T-227.stream_id", Failed)],
        breaks: Set(|_, claims| {
            if is_verification(claims) {
                claims.insert("sub_id".into(), json!({ "format": "opaque", "id": "all" }));
            }
        }),
    },
    Fault {
        name: "a verification is about an account",
        found: &[("SSF-T-226.sub_id", Failed)],
        breaks: Set(|_, claims| {
            if is_verification(claims)
                && let Some(subject) = claims.get_mut("sub_id")
            {
                subject["format"] = json!("account");
            }
        }),
    },
    Fault {
        name: "a verification has a member of its own",
        found: &[("SSF-T-225.members", Warning)],
        breaks: Set(|_, claims| {
            if let Some(Value::Object(event)) = claims
                .get_mut("events")
                .and_then(|events| events.get_mut(VERIFICATION))
            {
                event.insert("sent_at".into(), json!(1));
            }
        }),
    },
    Fault {
        name: "a verification of no stream is called a success",
        found: &[("SSF-R-102.without-stream_id", Failed)],
        breaks: Answer(|asked, reply| {
            if asked.is(Verify) && asked.object().is_some() && !has(asked, "stream_id") {
                *reply = Reply::error(204);
            }
        }),
    },
    Fault {
        name: "asking for a verification breaks down over a body that is not JSON",
        found: &[("SSF-T-231.broken-json", Failed)],
        breaks: Answer(|asked, reply| breaks_down(asked, reply, Verify)),
    },
    Fault {
        name: "a verification of a stream that does not exist: 403",
        found: &[("SSF-T-231.unknown-stream", Failed)],
        breaks: Answer(|asked, reply| instead(asked, reply, Verify, 404, 403)),
    },
    Fault {
        name: "a verification needs no token",
        found: &[("SSF-T-231.without-token", Failed)],
        breaks: Request(|asked| as_if(asked, Verify, Nobody, Receiver)),
    },
    Fault {
        name: "a verification takes any token",
        found: &[("SSF-T-231.unknown-token", Failed)],
        breaks: Request(|asked| as_if(asked, Verify, Unknown, Receiver)),
    },
    Fault {
        name: "every receiver can have every stream verified",
        found: &[("SSF-T-051.verification-by-another", Failed)],
        breaks: Request(|asked| as_if(asked, Verify, Other, Receiver)),
    },
];

fn state(asked: &mut crate::peer::Asked, alter: impl FnOnce(&str) -> String) {
    if asked.is(Verify) {
        asked.change(|body| {
            if let Some(Value::String(state)) = body.get_mut("state") {
                *state = alter(state);
            }
        });
    }
}

//! Faults of streams that are pushed.

use serde_json::{Value, json};

use crate::{
    checks::Verdict::Failed,
    peer::{
        Asked,
        Breaks::{Answer, Request},
        Fault, Operation, Reply,
    },
};

const PUSH: &str = "urn:ietf:rfc:8935";

/// The faults.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "a new stream that is pushed is answered with another endpoint_url",
        found: &[("SSF-T-108.push", Failed)],
        breaks: Answer(|asked, reply| {
            if asked.is(Operation::Create) {
                elsewhere(reply);
            }
        }),
    },
    Fault {
        name: "a stream that is pushed is read with another endpoint_url",
        found: &[("SSF-T-250.read", Failed)],
        breaks: Answer(|asked, reply| {
            if asked.is(Operation::Read) && asked.stream_id.is_some() {
                elsewhere(reply);
            }
        }),
    },
    Fault {
        name: "streams cannot be pushed",
        found: &[("INTEROP-016.push", Failed)],
        breaks: Answer(|asked, reply| {
            if asked.is(Operation::Create) && is_pushed(asked) {
                *reply = Reply::error(400);
            }
        }),
    },
    Fault {
        name: "states are cut at 8 characters",
        found: &[("SSF-T-223.push", Failed), ("SSF-T-223.state", Failed)],
        breaks: Request(|asked| {
            if asked.is(Operation::Verify) {
                asked.change(|body| {
                    if let Some(Value::String(state)) = body.get_mut("state") {
                        *state = state.chars().take(8).collect();
                    }
                });
            }
        }),
    },
    Fault {
        name: "a change of endpoint_url is overlooked",
        found: &[("SSF-T-132.moved", Failed)],
        breaks: Request(|asked| {
            if asked.is(Operation::Update) && is_pushed(asked) {
                let has_secret = asked
                    .object()
                    .is_some_and(|body| body["delivery"].get("authorization_header").is_some());
                if !has_secret {
                    asked.change(|body| drop(body.remove("delivery")));
                }
            }
        }),
    },
];

fn is_pushed(asked: &Asked) -> bool {
    asked.object().is_some_and(|body| {
        body.get("delivery")
            .is_some_and(|one| one["method"] == PUSH)
    })
}

fn elsewhere(reply: &mut Reply) {
    reply.change(|configuration| {
        if let Some(delivery) = configuration.get_mut("delivery")
            && delivery["method"] == PUSH
        {
            delivery["endpoint_url"] = json!("https://elsewhere.example.com/");
        }
    });
}

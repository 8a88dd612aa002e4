//! Faults of adding and removing subjects.

use serde_json::{Value, json};

use crate::{
    checks::Verdict::{Failed, Note, Warning},
    peer::{
        Asked,
        Breaks::{Answer, Request},
        Caller::{Nobody, Other, ReadOnly, Receiver},
        Fault,
        Operation::{self, AddSubject, RemoveSubject},
        Reply,
        faults::spoils::{as_if, breaks_down, has, instead},
    },
};

/// The faults.
pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "a subject is added with 201",
        found: &[("SSF-T-207.added", Failed)],
        breaks: Answer(|asked, reply| instead(asked, reply, AddSubject, 200, 201)),
    },
    Fault {
        name: "a subject is added with 204",
        found: &[("SSF-T-207.added", Note)],
        breaks: Answer(|asked, reply| instead(asked, reply, AddSubject, 200, 204)),
    },
    Fault {
        name: "the answer to adding is an object",
        found: &[("SSF-T-207.added", Failed)],
        breaks: Answer(|asked, reply| {
            if asked.is(AddSubject) && reply.is_success() {
                *reply = Reply::json(&json!({}));
            }
        }),
    },
    Fault {
        name: "to add a subject that is nobody: 404",
        found: &[("SEC-001.unknown-subject", Warning)],
        breaks: Answer(|asked, reply| {
            let body = asked.object().unwrap_or_default();
            let email = body.get("subject").and_then(|subject| subject.get("email"));
            let email = email.and_then(Value::as_str);
            if asked.is(AddSubject) && email.is_some_and(|email| email.starts_with("nobody-")) {
                *reply = Reply::error(404);
            }
        }),
    },
    Fault {
        name: "adding breaks down over a body that is not JSON",
        found: &[("SSF-T-209.broken-json", Failed)],
        breaks: Answer(|asked, reply| breaks_down(asked, reply, AddSubject)),
    },
    Fault {
        name: "to add no subject is called a success",
        found: &[("SSF-T-209.without-subject", Failed)],
        breaks: Answer(|asked, reply| if_lacking(asked, reply, AddSubject, "subject", 200)),
    },
    Fault {
        name: "to add to no stream is called a success",
        found: &[("SSF-T-209.without-stream_id", Failed)],
        breaks: Answer(|asked, reply| if_lacking(asked, reply, AddSubject, "stream_id", 200)),
    },
    Fault {
        name: "a subject without a format is opaque",
        found: &[("SSF-T-209.without-format", Failed)],
        breaks: Request(|asked| {
            if asked.is(AddSubject) {
                asked.change(|body| {
                    if let Some(Value::Object(subject)) = body.get_mut("subject") {
                        subject.entry("format").or_insert(json!("opaque"));
                    }
                });
            }
        }),
    },
    Fault {
        name: "verified may be a text",
        found: &[("SSF-T-209.verified-is-a-text", Failed)],
        breaks: Request(|asked| {
            let body = asked.object().unwrap_or_default();
            if asked.is(AddSubject) && body.get("verified").is_some_and(Value::is_string) {
                asked.change(|body| drop(body.insert("verified".into(), json!(true))));
            }
        }),
    },
    Fault {
        name: "adding to a stream that does not exist: 403",
        found: &[("SSF-T-209.unknown-stream", Failed)],
        breaks: Answer(|asked, reply| instead(asked, reply, AddSubject, 404, 403)),
    },
    Fault {
        name: "subjects are added without a token",
        found: &[("SSF-T-209.without-token", Failed)],
        breaks: Request(|asked| as_if(asked, AddSubject, Nobody, Receiver)),
    },
    Fault {
        name: "subjects are added with a token that may read alone",
        found: &[("SSF-T-209.read-only-token", Failed)],
        breaks: Request(|asked| as_if(asked, AddSubject, ReadOnly, Receiver)),
    },
    Fault {
        name: "every receiver can add subjects to every stream",
        found: &[("SSF-T-051.subject-added-by-another", Failed)],
        breaks: Request(|asked| as_if(asked, AddSubject, Other, Receiver)),
    },
    Fault {
        name: "a subject is removed with 200",
        found: &[("SSF-T-211.removed", Failed)],
        breaks: Answer(|asked, reply| instead(asked, reply, RemoveSubject, 204, 200)),
    },
    Fault {
        name: "removing breaks down over a body that is not JSON",
        found: &[("SSF-T-212.broken-json", Failed)],
        breaks: Answer(|asked, reply| breaks_down(asked, reply, RemoveSubject)),
    },
    Fault {
        name: "to remove no subject is called a success",
        found: &[("SSF-T-212.without-subject", Failed)],
        breaks: Answer(|asked, reply| if_lacking(asked, reply, RemoveSubject, "subject", 204)),
    },
    Fault {
        name: "to remove from no stream is called a success",
        found: &[("SSF-T-212.without-stream_id", Failed)],
        breaks: Answer(|asked, reply| if_lacking(asked, reply, RemoveSubject, "stream_id", 204)),
    },
    Fault {
        name: "removing from a stream that does not exist: 403",
        found: &[("SSF-T-212.unknown-stream", Failed)],
        breaks: Answer(|asked, reply| instead(asked, reply, RemoveSubject, 404, 403)),
    },
    Fault {
        name: "subjects are removed without a token",
        found: &[("SSF-T-212.without-token", Failed)],
        breaks: Request(|asked| as_if(asked, RemoveSubject, Nobody, Receiver)),
    },
    Fault {
        name: "subjects are removed with a token that may read alone",
        found: &[("SSF-T-212.read-only-token", Failed)],
        breaks: Request(|asked| as_if(asked, RemoveSubject, ReadOnly, Receiver)),
    },
    Fault {
        name: "every receiver can remove subjects from every stream",
        found: &[("SSF-T-051.subject-removed-by-another", Failed)],
        breaks: Request(|asked| as_if(asked, RemoveSubject, Other, Receiver)),
    },
];

/// Calls it a success that a member is not there.
fn if_lacking(asked: &Asked, reply: &mut Reply, operation: Operation, member: &str, status: u16) {
    if asked.is(operation) && asked.object().is_some() && !has(asked, member) {
        *reply = Reply::error(status);
    }
}

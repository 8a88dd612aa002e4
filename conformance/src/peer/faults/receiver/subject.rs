//! Faults in whom the Receiver adds to its stream, and takes out again.

use serde_json::json;

use super::{change, in_the_query, is, set};
use crate::{
    checks::Verdict::{Failed, Warning},
    exchange::Request as Asked,
    peer::{
        Operation::{self, AddSubject, RemoveSubject},
        receiver::{
            Breaks::{Request, Verdict},
            LEFT, ReceiverFault, Verdict as Judged,
        },
    },
};

/// The faults.
pub(super) const FAULTS: &[ReceiverFault] = &[
    ReceiverFault {
        name: "a subject is added with the stream in the query",
        found: &[("SSF-R-090.in-the-body", Failed)],
        breaks: Request(|request| in_the_query(request, AddSubject)),
    },
    ReceiverFault {
        name: "a subject is added as sub_id",
        found: &[("SSF-R-091.subject", Failed)],
        breaks: Request(|request| as_sub_id(request, AddSubject)),
    },
    ReceiverFault {
        name: "that a subject is verified is said in words",
        found: &[("SSF-R-092.boolean", Warning)],
        breaks: Request(|request| set(request, AddSubject, "verified", json!("yes"))),
    },
    ReceiverFault {
        name: "a subject is removed with the stream in the query",
        found: &[("SSF-R-093.in-the-body", Failed)],
        breaks: Request(|request| in_the_query(request, RemoveSubject)),
    },
    ReceiverFault {
        name: "a subject is removed as sub_id",
        found: &[("SSF-R-094.subject", Failed)],
        breaks: Request(|request| as_sub_id(request, RemoveSubject)),
    },
    ReceiverFault {
        name: "an event about somebody who was removed is refused",
        found: &[("SEC-007.removed", Failed)],
        breaks: Verdict(|pushed, verdict| {
            let subject = pushed.claims.get("sub_id");
            if subject.is_some_and(|subject| subject["email"] == LEFT) {
                *verdict = Judged::Refused("invalid_request");
            }
        }),
    },
];

fn as_sub_id(request: &mut Asked, operation: Operation) {
    if is(request, operation) {
        change(request, |body| {
            if let Some(subject) = body.remove("subject") {
                body.insert("sub_id".to_owned(), subject);
            }
        });
    }
}

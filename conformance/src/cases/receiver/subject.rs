//! Whom the Receiver adds to its stream, and takes out again (SSF 1.0 §8.1.3).

use serde_json::Value;

use super::{
    RECEIVER,
    manage::{in_body, members},
};
use crate::{
    case::{Case, Judge, Stop},
    checks::{
        Level::{May, Must},
        shown,
    },
    peer::Operation::{self, AddSubject, RemoveSubject},
    push::Probe,
};

const SUBJECT: Case = Case {
    section: "SSF 1.0 §8.1.3.2",
    tags: &["receiver", "subject"],
    level: Must,
    ..RECEIVER
};

/// The cases.
pub(super) const CASES: &[Case] = &[
    Case {
        id: "SSF-R-090.in-the-body",
        title: "who adds a subject names the stream in the body",
        why: "the transmitter looks there, and nowhere else",
        judge: Judge::Push(|p| Box::pin(async { in_body(p, AddSubject) })),
        ..SUBJECT
    },
    Case {
        id: "SSF-R-091.subject",
        title: "who adds a subject sends it as subject, with its format",
        why: "in a SET it is sub_id; here the transmitter looks for subject",
        judge: Judge::Push(|p| Box::pin(async { has_subject(p, AddSubject) })),
        ..SUBJECT
    },
    Case {
        id: "SSF-R-092.boolean",
        level: May,
        title: "verified is true or false",
        why: "a transmitter that reads it refuses what is neither, and the subject is not added",
        judge: Judge::Push(|p| Box::pin(async { is_verified(p) })),
        ..SUBJECT
    },
    Case {
        id: "SSF-R-093.in-the-body",
        section: "SSF 1.0 §8.1.3.3",
        title: "who removes a subject names the stream in the body",
        why: "the transmitter looks there, and nowhere else",
        judge: Judge::Push(|p| Box::pin(async { in_body(p, RemoveSubject) })),
        ..SUBJECT
    },
    Case {
        id: "SSF-R-094.subject",
        section: "SSF 1.0 §8.1.3.3",
        title: "who removes a subject sends it as subject, with its format",
        why: "in a SET it is sub_id; here the transmitter looks for subject, and goes on sending if there is none",
        judge: Judge::Push(|p| Box::pin(async { has_subject(p, RemoveSubject) })),
        ..SUBJECT
    },
    Case {
        id: "SEC-007.removed",
        also: &["SEC-008"],
        section: "SSF 1.0 §9.3",
        title: "an event about a subject that was removed is accepted",
        why: "a transmitter may go on sending for a while, so that nobody is shielded by whoever removes him",
        judge: Judge::Push(|p| Box::pin(about_removed(p))),
        ..SUBJECT
    },
];

fn has_subject(probe: &Probe, operation: Operation) -> Result<(), Stop> {
    for (asked, found) in members(probe, operation, "subject")? {
        let format = found.as_ref().and_then(|subject| subject.get("format"));
        let fits = format.is_some_and(Value::is_string);
        let found = found.map_or("nothing".to_owned(), |found| shown(&found));
        probe.expect(
            fits,
            format!("{asked}: subject"),
            "an object with a format",
            found,
        );
    }
    Ok(())
}

fn is_verified(probe: &Probe) -> Result<(), Stop> {
    for (asked, found) in members(probe, AddSubject, "verified")? {
        let fits = found.as_ref().is_none_or(Value::is_boolean);
        let found = found.map_or("nothing".to_owned(), |found| shown(&found));
        probe.expect(
            fits,
            format!("{asked}: verified"),
            "a boolean, or nothing",
            found,
        );
    }
    Ok(())
}

async fn about_removed(probe: &Probe) -> Result<(), Stop> {
    let removed = members(probe, RemoveSubject, "subject")?;
    let last = removed.into_iter().rev().find_map(|(_, subject)| subject);
    let last = last.ok_or_else(|| Stop::blocked("no request says whom to remove"))?;
    probe.accepts(probe.sound().claim("sub_id", last)).await
}

//! Faults in how is answered.

use serde_json::json;

use crate::{
    checks::Verdict::{Failed, Warning},
    event_types::DEVICE_COMPLIANCE_CHANGE,
    peer::{
        Reply,
        receiver::{
            Breaks::{Answer, Late},
            ReceiverFault,
        },
    },
};

/// The faults.
pub(super) const FAULTS: &[ReceiverFault] = &[
    ReceiverFault {
        name: "what is accepted is answered with a body",
        found: &[("PUSH-R-002.accepted", Failed)],
        breaks: Answer(|_, reply| {
            if reply.status == 202 {
                reply.body = b"{}".to_vec();
            }
        }),
    },
    ReceiverFault {
        name: "a refusal has no description",
        found: &[("PUSH-R-004.json", Failed)],
        breaks: Answer(|_, reply| reply.change(|body| drop(body.remove("description")))),
    },
    ReceiverFault {
        name: "a refusal is called plain text",
        found: &[("PUSH-R-004.json", Failed)],
        breaks: Answer(|_, reply| {
            if reply.status == 400 {
                reply.set_header("Content-Type", "text/plain");
            }
        }),
    },
    ReceiverFault {
        name: "a refusal is a page",
        found: &[("PUSH-R-004.json", Failed)],
        breaks: Answer(|_, reply| {
            if reply.status == 400 {
                reply.body = b"<html>Bad Request</html>".to_vec();
            }
        }),
    },
    ReceiverFault {
        name: "a refusal does not say its language",
        found: &[("PUSH-R-005.content-language", Failed)],
        breaks: Answer(|_, reply| {
            reply
                .headers
                .retain(|(name, _)| *name != "Content-Language");
        }),
    },
    ReceiverFault {
        name: "a refusal is in French for everybody",
        found: &[
            ("PUSH-R-007.english", Failed),
            ("PUSH-R-006.preferred-language", Warning),
        ],
        breaks: Answer(|_, reply| in_french(reply)),
    },
    ReceiverFault {
        name: "who has a preference is answered in French",
        found: &[("PUSH-R-006.preferred-language", Warning)],
        breaks: Answer(|pushed, reply| {
            if pushed.accept_language.is_some() {
                in_french(reply);
            }
        }),
    },
    ReceiverFault {
        name: "the answer waits for what is done with a device",
        found: &[("PUSH-R-015.soon", Warning)],
        breaks: Late(DEVICE_COMPLIANCE_CHANGE.uri),
    },
    ReceiverFault {
        name: "who sends no SET is told a code that nobody registered",
        found: &[
            ("PUSH-R-008.registered-code", Failed),
            ("PUSH-R-009.no-token", Failed),
            ("PUSH-R-009.bare-claims", Failed),
            ("SET-029.without-signature-part", Failed),
        ],
        breaks: Answer(|pushed, reply| {
            if !pushed.is_token {
                reply.change(|body| drop(body.insert("err".to_owned(), json!("bad_token"))));
            }
        }),
    },
];

fn in_french(reply: &mut Reply) {
    if reply.status == 400 {
        reply.set_header("Content-Language", "fr");
    }
}

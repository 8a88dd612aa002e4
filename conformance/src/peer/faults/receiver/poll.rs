//! Faults in how is polled.

use serde_json::{Value, json};

use super::{change, is, set_header};
use crate::{
    checks::Verdict::{Failed, Warning},
    event_types::DEVICE_COMPLIANCE_CHANGE,
    exchange::Request as Asked,
    peer::{
        Operation::Poll,
        receiver::{
            Breaks::{Late, Manner, Request, Verdict},
            ReceiverFault, Verdict as Judged,
        },
    },
};

/// The faults.
pub(super) const FAULTS: &[ReceiverFault] = &[
    ReceiverFault {
        name: "a poll is called plain text",
        found: &[("POLL-R-001.json", Failed)],
        breaks: Request(|request| {
            if is(request, Poll) {
                set_header(request, "content-type", "text/plain");
            }
        }),
    },
    ReceiverFault {
        name: "answers with several SETs are passed over",
        found: &[("POLL-R-002.several", Failed)],
        breaks: Manner(|manners| manners.passes_over_several = true),
    },
    ReceiverFault {
        name: "what is done with a device is done before the acknowledgement",
        found: &[("POLL-R-003.soon", Warning)],
        breaks: Late(DEVICE_COMPLIANCE_CHANGE.uri),
    },
    ReceiverFault {
        name: "an event about somebody who is not known is told as an error",
        found: &[("POLL-R-005.about-nobody", Failed)],
        breaks: Verdict(|pushed, verdict| {
            let subject = pushed.claims.get("sub_id");
            if subject.is_some_and(|subject| subject["format"] == "account") {
                *verdict = Judged::Refused("invalid_request");
            }
        }),
    },
    ReceiverFault {
        name: "moreAvailable is not read",
        found: &[("POLL-R-012.more", Failed)],
        breaks: Manner(|manners| manners.rests_where_there_is_more = true),
    },
    ReceiverFault {
        name: "a SET that comes again is left alone",
        found: &[
            ("POLL-R-006.again", Warning),
            ("PUSH-R-017.same-again", Failed),
        ],
        breaks: Manner(|manners| manners.leaves_repetitions_alone = true),
    },
    ReceiverFault {
        name: "a poll that wants nothing does not say that it wants its answer at once",
        found: &[("POLL-R-007.acknowledgement-alone", Failed)],
        breaks: Request(|request| {
            change_poll(request, |poll| drop(poll.remove("returnImmediately")));
        }),
    },
    ReceiverFault {
        name: "an error has no description",
        found: &[("POLL-R-008.err-and-description", Warning)],
        breaks: Request(|request| {
            change_errors(request, |error| error["description"] = Value::Null);
        }),
    },
    ReceiverFault {
        name: "a broken signature has a code that nobody registered",
        found: &[
            ("POLL-R-009.registered-code", Failed),
            ("SET-030.broken-signature", Failed),
            ("SET-030.changed-claims", Failed),
            ("PUSH-R-010.foreign-key", Failed),
            ("PUSH-R-010.unknown-kid", Failed),
            ("JWTBCP-010.kid-as-path", Failed),
            ("JWTBCP-010.jku", Failed),
            ("JWTBCP-010.x5u", Failed),
            ("JWTBCP-010.jwk", Failed),
            ("JWTBCP-002.alg-none", Failed),
            ("JWTBCP-002.alg-none-in-mixed-case", Failed),
            ("JWTBCP-001.hmac-with-public-key", Failed),
            ("SSF-R-104.broken-signature", Failed),
            ("SSF-R-004.bad-jwks_uri", Failed),
        ],
        breaks: Request(|request| {
            change_errors(request, |error| {
                if error["err"] == "invalid_key" {
                    error["err"] = json!("bad_signature");
                }
            });
        }),
    },
    ReceiverFault {
        name: "errors do not say their language",
        found: &[("POLL-R-010.content-language", Failed)],
        breaks: Request(|request| {
            request
                .headers
                .retain(|(name, _)| name != "content-language");
        }),
    },
    ReceiverFault {
        name: "the first poll says in words how many SETs it wants",
        found: &[("POLL-R-011.types", Failed)],
        breaks: Manner(|manners| manners.counts_in_words = true),
    },
    ReceiverFault {
        name: "Retry-After is not read",
        found: &[("POLL-R-014.retry-after", Warning)],
        breaks: Manner(|manners| manners.does_not_wait = true),
    },
    ReceiverFault {
        name: "SETs are taken from the body of an error",
        found: &[("POLL-R-014.body-of-an-error", Warning)],
        breaks: Manner(|manners| manners.reads_errors = true),
    },
    ReceiverFault {
        name: "a SET is taken under any name",
        found: &[("POLL-R-016.other-name", Failed)],
        breaks: Manner(|manners| manners.takes_any_name = true),
    },
];

fn change_poll(request: &mut Asked, spoil: impl FnOnce(&mut serde_json::Map<String, Value>)) {
    if is(request, Poll) {
        change(request, spoil);
    }
}

fn change_errors(request: &mut Asked, spoil: impl Fn(&mut Value)) {
    change_poll(request, |poll| {
        let errors = poll.get_mut("setErrs").and_then(Value::as_object_mut);
        errors
            .into_iter()
            .flat_map(|errors| errors.values_mut())
            .for_each(spoil);
    });
}

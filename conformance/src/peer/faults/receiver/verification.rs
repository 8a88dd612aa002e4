//! Faults in events about the stream.

use crate::{
    checks::Verdict::{Failed, Warning},
    event_types::{STREAM_UPDATED, VERIFICATION},
    peer::receiver::{
        Breaks::{Manner, Verdict},
        Pushed, ReceiverFault, Verdict as Judged,
    },
};

/// The faults.
pub(super) const FAULTS: &[ReceiverFault] = &[
    ReceiverFault {
        name: "a verification needs a state",
        found: &[("SSF-R-100.unasked-verification", Failed)],
        breaks: Verdict(|pushed, verdict| {
            let without =
                event(pushed, VERIFICATION).is_some_and(|event| event.get("state").is_none());
            if without && *verdict == Judged::Accepted {
                *verdict = Judged::Refused("invalid_state");
            }
        }),
    },
    ReceiverFault {
        name: "news of the status were not asked for, and are refused",
        found: &[
            ("SSF-R-100.stream-updated", Failed),
            ("SSF-R-100.paused", Failed),
            ("SSF-R-100.disabled", Failed),
        ],
        breaks: Verdict(|pushed, verdict| {
            if event(pushed, STREAM_UPDATED).is_some() {
                *verdict = Judged::Refused("invalid_request");
            }
        }),
    },
    ReceiverFault {
        name: "a stream that brings SETs cannot be stopped, so news of that are refused",
        found: &[("SSF-R-100.paused", Failed), ("SSF-R-100.disabled", Failed)],
        breaks: Verdict(|pushed, verdict| {
            let stopped = event(pushed, STREAM_UPDATED);
            if stopped.is_some_and(|event| event["status"] != "enabled") {
                *verdict = Judged::Refused("invalid_request");
            }
        }),
    },
    ReceiverFault {
        name: "a verification is taken unseen",
        found: &[("SSF-R-104.broken-signature", Failed)],
        breaks: Verdict(|pushed, verdict| {
            if event(pushed, VERIFICATION).is_some() && !pushed.is_verified {
                *verdict = Judged::Accepted;
            }
        }),
    },
    ReceiverFault {
        name: "a verification may have any state",
        found: &[
            ("SSF-R-105.foreign-state", Failed),
            ("SSF-R-106.invalid_state", Warning),
        ],
        breaks: Manner(|manners| manners.takes_any_state = true),
    },
    ReceiverFault {
        name: "another state is called an invalid request",
        found: &[("SSF-R-106.invalid_state", Warning)],
        breaks: Manner(|manners| manners.calls_states_invalid_requests = true),
    },
];

fn event<'p>(pushed: &'p Pushed, wanted: &str) -> Option<&'p serde_json::Value> {
    let (uri, event) = pushed.event()?;
    (uri == wanted).then_some(event)
}

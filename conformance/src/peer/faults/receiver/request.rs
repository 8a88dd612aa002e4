//! Faults in what the requests to change the stream say.

use serde_json::json;

use super::{is, set};
use crate::{
    checks::Verdict::{Failed, Warning},
    peer::{
        Operation::{ReadStatus, Replace, SetStatus, Update},
        host::UNKNOWN_EVENT,
        receiver::{Breaks::Request, ReceiverFault},
    },
    push::SESSION_REVOKED,
};

/// The faults.
pub(super) const FAULTS: &[ReceiverFault] = &[
    ReceiverFault {
        name: "the status is asked for without a token",
        found: &[("SSF-R-008.bearer", Failed)],
        breaks: Request(|request| {
            if is(request, ReadStatus) {
                request.headers.retain(|(name, _)| name != "authorization");
            }
        }),
    },
    ReceiverFault {
        name: "all events are asked for that are offered",
        found: &[("SSF-R-020.what-it-knows", Warning)],
        breaks: Request(|request| {
            let offered = json!([SESSION_REVOKED, UNKNOWN_EVENT]);
            set(request, Replace, "events_requested", offered);
        }),
    },
    ReceiverFault {
        name: "a change asks for no events at all",
        found: &[("SSF-R-052.not-empty", Warning)],
        breaks: Request(|request| set(request, Update, "events_requested", json!([]))),
    },
    ReceiverFault {
        name: "what replaces the configuration asks for no events at all",
        found: &[("SSF-R-063.not-empty", Warning)],
        breaks: Request(|request| set(request, Replace, "events_requested", json!([]))),
    },
    ReceiverFault {
        name: "the reason for a status is an object",
        found: &[("SSF-R-083.text", Warning)],
        breaks: Request(|request| set(request, SetStatus, "reason", json!({ "en": "well" }))),
    },
];

//! Faults in what the header has to say.

use super::takes;
use crate::{
    checks::Verdict::Failed,
    peer::receiver::{Breaks::Verdict, ReceiverFault},
};

/// The faults.
pub(super) const FAULTS: &[ReceiverFault] = &[
    ReceiverFault {
        name: "a JWT of any kind is a SET",
        found: &[("JWTBCP-011.typ-jwt", Failed)],
        breaks: Verdict(|pushed, verdict| {
            takes(
                verdict,
                pushed.is_verified && pushed.header_is("typ", "JWT"),
            );
        }),
    },
    ReceiverFault {
        name: "a JWT without typ is a SET",
        found: &[("JWTBCP-011.without-typ", Failed)],
        breaks: Verdict(|pushed, verdict| {
            takes(
                verdict,
                pushed.is_verified && !pushed.header.contains_key("typ"),
            );
        }),
    },
    ReceiverFault {
        name: "an access token is a SET",
        found: &[("JWTBCP-012.access-token", Failed)],
        breaks: Verdict(|pushed, verdict| {
            takes(
                verdict,
                pushed.is_verified && pushed.header_is("typ", "at+jwt"),
            );
        }),
    },
    ReceiverFault {
        name: "crit is ignored",
        found: &[("PUSH-R-001.unknown-crit", Failed)],
        breaks: Verdict(|pushed, verdict| takes(verdict, pushed.header.contains_key("crit"))),
    },
];

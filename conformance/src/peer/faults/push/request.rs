//! Faults in what is taken for a push.

use super::takes;
use crate::{
    checks::Verdict::{Failed, Warning},
    peer::receiver::{
        Breaks::{self, Answer},
        ReceiverFault, Verdict,
    },
};

/// The faults.
pub(super) const FAULTS: &[ReceiverFault] = &[
    ReceiverFault {
        name: "a body of one word is taken",
        found: &[("PUSH-R-009.no-token", Failed)],
        breaks: Breaks::Verdict(|pushed, verdict| {
            let text = pushed.text.as_str();
            takes(verdict, !text.is_empty() && !text.contains(['.', '{']));
        }),
    },
    ReceiverFault {
        name: "claims are taken without a signature around them",
        found: &[("PUSH-R-009.bare-claims", Failed)],
        breaks: Breaks::Verdict(|pushed, verdict| takes(verdict, pushed.text.starts_with('{'))),
    },
    ReceiverFault {
        name: "two parts are a token",
        found: &[("SET-029.without-signature-part", Failed)],
        breaks: Breaks::Verdict(|pushed, verdict| {
            let is_two = pushed.text.starts_with("eyJ") && pushed.text.matches('.').count() == 1;
            takes(verdict, is_two);
        }),
    },
    ReceiverFault {
        name: "who shows nothing may push",
        found: &[("PUSH-R-013.without-authorization", Failed)],
        breaks: Breaks::Verdict(|pushed, verdict| {
            let is_push = pushed.method == "POST" && pushed.is_verified;
            takes(verdict, is_push && pushed.authorization.is_none());
        }),
    },
    ReceiverFault {
        name: "every bearer token may push",
        found: &[("PUSH-R-013.wrong-authorization", Failed)],
        breaks: Breaks::Verdict(|pushed, verdict| {
            let refused = *verdict == Verdict::Refused("authentication_failed");
            takes(verdict, refused && pushed.authorization.is_some());
        }),
    },
    ReceiverFault {
        name: "GET is answered with 200",
        found: &[("PUSH-R-021.get", Failed)],
        breaks: Answer(|pushed, reply| {
            if pushed.method == "GET" {
                reply.status = 200;
            }
        }),
    },
    ReceiverFault {
        name: "a form is a push",
        found: &[("PUSH-R-021.media-type", Failed)],
        breaks: Breaks::Verdict(|pushed, verdict| {
            takes(
                verdict,
                pushed.is_verified && *verdict == Verdict::Status(415),
            );
        }),
    },
    ReceiverFault {
        name: "bodies of any length are worked through",
        found: &[("PUSH-R-022.huge", Warning)],
        breaks: Breaks::Verdict(|_, verdict| takes(verdict, *verdict == Verdict::Status(413))),
    },
    ReceiverFault {
        name: "a long body breaks the endpoint down",
        found: &[("PUSH-R-022.huge", Warning)],
        breaks: Answer(|_, reply| {
            if reply.status == 413 {
                reply.status = 500;
            }
        }),
    },
];

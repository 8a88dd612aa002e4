//! Faults in who counts as the issuer.

use serde_json::Value;

use super::takes;
use crate::{
    checks::Verdict::{Failed, Note},
    peer::receiver::{
        Breaks::{Follows, Verdict},
        Pushed, ReceiverFault, Verdict as Answered,
    },
};

/// The faults.
pub(super) const FAULTS: &[ReceiverFault] = &[
    ReceiverFault {
        name: "a key of a known name is enough, whatever the signature is",
        found: &[
            ("SET-030.broken-signature", Failed),
            ("SET-030.changed-claims", Failed),
            ("PUSH-R-010.foreign-key", Failed),
        ],
        breaks: Verdict(|pushed, verdict| {
            let unverified = pushed.is_key_known && !pushed.is_verified;
            takes(verdict, unverified && pushed.header_is("alg", "RS256"));
        }),
    },
    ReceiverFault {
        name: "alg none needs no signature",
        found: &[("JWTBCP-002.alg-none", Failed)],
        breaks: Verdict(|pushed, verdict| takes(verdict, pushed.header_is("alg", "none"))),
    },
    ReceiverFault {
        name: "alg nOnE needs no signature",
        found: &[("JWTBCP-002.alg-none-in-mixed-case", Failed)],
        breaks: Verdict(|pushed, verdict| takes(verdict, pushed.header_is("alg", "nOnE"))),
    },
    ReceiverFault {
        name: "the public key is a secret for HS256",
        found: &[("JWTBCP-001.hmac-with-public-key", Failed)],
        breaks: Verdict(|pushed, verdict| takes(verdict, pushed.header_is("alg", "HS256"))),
    },
    ReceiverFault {
        name: "a key that nobody published counts",
        found: &[("PUSH-R-010.unknown-kid", Failed)],
        breaks: Verdict(|pushed, verdict| {
            let plain = ["jku", "x5u", "jwk"]
                .iter()
                .all(|name| !pushed.header.contains_key(*name));
            takes(verdict, plain && is_stranger(pushed) && !is_path(pushed));
        }),
    },
    ReceiverFault {
        name: "a key that nobody published is waited for, which is allowed",
        found: &[
            ("PUSH-R-010.unknown-kid", Note),
            ("JWTBCP-010.kid-as-path", Note),
            ("JWTBCP-010.jku", Note),
            ("JWTBCP-010.x5u", Note),
            ("JWTBCP-010.jwk", Note),
        ],
        breaks: Verdict(|pushed, verdict| {
            if is_stranger(pushed) && *verdict == Answered::Refused("invalid_key") {
                *verdict = Answered::Status(503);
            }
        }),
    },
    ReceiverFault {
        name: "a kid that is a path leads to an empty file",
        found: &[("JWTBCP-010.kid-as-path", Failed)],
        breaks: Verdict(|pushed, verdict| takes(verdict, is_path(pushed))),
    },
    ReceiverFault {
        name: "keys are fetched from jku",
        found: &[("JWTBCP-010.jku", Failed)],
        breaks: Follows("jku"),
    },
    ReceiverFault {
        name: "keys are fetched from x5u",
        found: &[("JWTBCP-010.x5u", Failed)],
        breaks: Follows("x5u"),
    },
    ReceiverFault {
        name: "the key in the header counts",
        found: &[("JWTBCP-010.jwk", Failed)],
        breaks: Verdict(|pushed, verdict| takes(verdict, pushed.header.contains_key("jwk"))),
    },
];

fn is_stranger(pushed: &Pushed) -> bool {
    pushed.is_token && !pushed.is_key_known
}

fn is_path(pushed: &Pushed) -> bool {
    let kid = pushed.header.get("kid").and_then(Value::as_str);
    kid.is_some_and(|kid| kid.contains('/'))
}

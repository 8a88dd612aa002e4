//! Faults in how tokens are read and refused.

use crate::{
    checks::Verdict::{Failed, Warning},
    peer::{
        Breaks::{Answer, Request},
        Caller, Fault,
        Operation::{Read, SetStatus},
        Reply,
    },
};

use super::spoils::as_if;

/// The faults.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "the scheme of a token has to be written Bearer",
        found: &[("BEARER-001.any-case", Failed)],
        breaks: Request(|asked| {
            if asked
                .header("authorization")
                .is_some_and(|value| !value.starts_with("Bearer "))
            {
                asked.caller = Caller::Unknown;
            }
        }),
    },
    Fault {
        name: "who shows no token is told that it is invalid",
        found: &[("BEARER-004.without-token", Warning)],
        breaks: Answer(|asked, reply| {
            if asked.is(Read) && asked.caller == Caller::Nobody {
                challenge(reply, 401, "Bearer error=\"invalid_token\"");
            }
        }),
    },
    Fault {
        name: "of two tokens that in the header counts",
        found: &[("BEARER-005.two-places", Warning)],
        breaks: Request(|asked| as_if(asked, Read, Caller::Twofold, Caller::Receiver)),
    },
    Fault {
        name: "who shows an unknown token is not told that it is invalid",
        found: &[
            ("BEARER-006.unknown-token", Warning),
            ("INTEROP-041.unknown-token", Failed),
        ],
        breaks: Answer(|asked, reply| {
            if asked.is(Read) && asked.shows("ssf-conformance-unknown-token") {
                challenge(reply, 401, "Bearer");
            }
        }),
    },
    Fault {
        name: "who shows an expired token is told that it is not enough",
        found: &[("BEARER-006.expired", Warning)],
        breaks: Answer(|asked, reply| {
            if asked.is(Read) && asked.shows("reference-expired") {
                challenge(reply, 401, "Bearer error=\"insufficient_scope\"");
            }
        }),
    },
    Fault {
        name: "who may not is told that the token is invalid",
        found: &[
            ("BEARER-007.read-only-token", Warning),
            ("INTEROP-041.read-only-token", Failed),
        ],
        breaks: Answer(|asked, reply| {
            if asked.is(SetStatus) {
                challenge(reply, 403, "Bearer error=\"invalid_token\"");
            }
        }),
    },
    Fault {
        name: "tokens for other resources count",
        found: &[("BEARER-011.other-audience", Failed)],
        breaks: Request(|asked| {
            if asked.shows("reference-other-audience") {
                as_if(asked, Read, Caller::Unknown, Caller::Receiver);
            }
        }),
    },
    Fault {
        name: "who may manage alone does not read the status",
        found: &[("INTEROP-033.manage-alone", Failed)],
        breaks: Answer(|asked, reply| {
            if asked.shows("reference-manage-only")
                && asked.path == "/ssf/status"
                && asked.method == "GET"
            {
                *reply = Reply::error(403);
            }
        }),
    },
    Fault {
        name: "a token in the query counts",
        found: &[("INTEROP-038.query", Failed)],
        breaks: Request(|asked| {
            if asked.query.contains("access_token=") {
                as_if(asked, Read, Caller::Nobody, Caller::Receiver);
            }
        }),
    },
    Fault {
        name: "tokens are compared by their beginning",
        found: &[("INTEROP-039.altered", Failed)],
        breaks: Request(|asked| {
            let shown = asked.header("authorization").unwrap_or_default();
            if shown.starts_with("Bearer reference-recei") {
                as_if(asked, Read, Caller::Unknown, Caller::Receiver);
            }
        }),
    },
    Fault {
        name: "tokens that nobody signed count",
        found: &[("INTEROP-039.alg-none", Failed)],
        breaks: Request(|asked| {
            let shown = asked.header("authorization").unwrap_or_default();
            if shown.starts_with("Bearer ey") && shown.ends_with('.') {
                as_if(asked, Read, Caller::Unknown, Caller::Receiver);
            }
        }),
    },
    Fault {
        name: "tokens that have expired count",
        // Whoever is let in gets no challenge, so what that says cannot be judged.
        found: &[("INTEROP-039.expired", Failed)],
        breaks: Request(|asked| {
            if asked.shows("reference-expired") {
                as_if(asked, Read, Caller::Unknown, Caller::Receiver);
            }
        }),
    },
    Fault {
        name: "tokens that were revoked count",
        found: &[("INTEROP-039.revoked", Failed)],
        breaks: Request(|asked| {
            if asked.shows("reference-revoked") {
                as_if(asked, Read, Caller::Unknown, Caller::Receiver);
            }
        }),
    },
];

/// Gives a refusal with this status another challenge.
fn challenge(reply: &mut Reply, status: u16, challenge: &str) {
    if reply.status == status {
        reply.set_header("WWW-Authenticate", challenge);
    }
}

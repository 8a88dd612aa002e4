//! Faults in what is asked for.

use serde_json::json;

use super::{change, in_the_query, is, set_header};
use crate::{
    checks::Verdict::{Failed, Warning},
    peer::{
        Operation,
        receiver::{
            Breaks::{Manner, Request},
            ReceiverFault,
        },
    },
};

/// The faults.
pub(super) const FAULTS: &[ReceiverFault] = &[
    ReceiverFault {
        name: "metadata is looked for behind the issuer",
        found: &[("SSF-R-001.metadata-at-its-path", Failed)],
        breaks: Manner(|manners| manners.looks_behind_the_issuer = true),
    },
    ReceiverFault {
        name: "a stream is made that asks for nothing",
        found: &[("SSF-R-021.not-empty", Warning)],
        breaks: Request(|request| {
            if is(request, Operation::Create) {
                change(request, |body| {
                    drop(body.insert("events_requested".to_owned(), json!([])));
                });
            }
        }),
    },
    ReceiverFault {
        name: "a stream is made without a look at those that there are",
        found: &[
            ("SSF-R-030.looks-first", Warning),
            ("SSF-R-033.reads-after-409", Warning),
        ],
        breaks: Manner(|manners| manners.makes_streams_blindly = true),
    },
    ReceiverFault {
        name: "the request for a stream is called plain text",
        found: &[("SSF-R-031.json", Failed)],
        breaks: Request(|request| {
            if is(request, Operation::Create) {
                set_header(request, "content-type", "text/plain");
            }
        }),
    },
    ReceiverFault {
        name: "the request for a stream says who its issuer is",
        found: &[("SSF-T-103.receiver-supplied", Warning)],
        breaks: Request(|request| {
            if is(request, Operation::Create) {
                change(request, |body| {
                    drop(body.insert("iss".to_owned(), json!("https://tr.example.com")));
                });
            }
        }),
    },
    ReceiverFault {
        name: "a change names its stream in the query",
        found: &[("SSF-R-051.in-the-body", Failed)],
        breaks: Request(|request| in_the_query(request, Operation::Update)),
    },
    ReceiverFault {
        name: "the status of no stream in particular is asked for",
        found: &[("SSF-R-080.in-the-query", Failed)],
        breaks: Request(|request| {
            if is(request, Operation::ReadStatus) {
                request.url.set_query(None);
            }
        }),
    },
    ReceiverFault {
        name: "the request for a verification is called plain text",
        found: &[("SSF-R-101.json", Failed)],
        breaks: Request(|request| {
            if is(request, Operation::Verify) {
                set_header(request, "content-type", "text/plain");
            }
        }),
    },
    ReceiverFault {
        name: "a verification is asked for with the stream in the query",
        found: &[("SSF-R-102.in-the-body", Failed)],
        breaks: Request(|request| in_the_query(request, Operation::Verify)),
    },
    ReceiverFault {
        name: "all verifications have one state",
        found: &[("SSF-R-103.unguessable", Warning)],
        breaks: Manner(|manners| manners.has_one_state = true),
    },
    ReceiverFault {
        name: "the token stands in the URL as well",
        found: &[
            ("BEARER-002.one-way", Failed),
            ("BEARER-010.not-in-urls", Warning),
        ],
        breaks: Request(|request| {
            if is(request, Operation::Poll) {
                request
                    .url
                    .query_pairs_mut()
                    .append_pair("access_token", "t");
            }
        }),
    },
];

//! Faults of claims.

use serde_json::{Value, json};

use crate::{
    checks::Verdict::{Failed, Note, Warning},
    event_types::VERIFICATION,
    peer::{
        Breaks::{Payload, Set},
        Fault, Members,
    },
};

/// The faults.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "there is no iat",
        found: &[("SET-020.claims", Failed)],
        breaks: Set(|_, claims| drop(claims.remove("iat"))),
    },
    Fault {
        name: "iat is a text",
        found: &[("SET-020.claims", Failed)],
        breaks: Set(|_, claims| {
            let iat = claims.get("iat").map(Value::to_string);
            claims.insert("iat".into(), json!(iat));
        }),
    },
    Fault {
        name: "the stream stands in sub as well",
        found: &[("SET-002.no-sub", Failed)],
        breaks: Set(|_, claims| drop(claims.insert("sub".into(), json!("stream")))),
    },
    Fault {
        name: "SETs expire",
        found: &[("SET-003.no-exp", Failed)],
        breaks: Set(|_, claims| drop(claims.insert("exp".into(), json!(4_000_000_000_u64)))),
    },
    Fault {
        name: "verifications have no sub_id",
        found: &[
            ("SET-004.sub_id", Failed),
            ("SSF-T-226.sub_id", Failed),
            ("SSF-T-227.stream_id", Failed),
        ],
        breaks: Set(|_, claims| {
            if is_verification(claims) {
                claims.remove("sub_id");
            }
        }),
    },
    Fault {
        name: "the sub_id of a verification is a list",
        found: &[
            ("SUBJ-035.one-object", Failed),
            ("SSF-T-226.sub_id", Failed),
            ("SSF-T-227.stream_id", Failed),
        ],
        breaks: Set(|_, claims| {
            if is_verification(claims) {
                let subject = claims.remove("sub_id");
                claims.insert("sub_id".into(), json!([subject]));
            }
        }),
    },
    Fault {
        name: "iss has no slash at its end",
        found: &[("SET-008.iss", Failed)],
        breaks: Set(|_, claims| {
            if let Some(Value::String(iss)) = claims.get_mut("iss") {
                iss.pop();
            }
        }),
    },
    Fault {
        name: "SETs are made out to others as well",
        found: &[("SET-010.aud", Failed), ("SET-012.separate-sets", Warning)],
        breaks: Set(|_, claims| {
            let aud = claims.remove("aud");
            claims.insert("aud".into(), json!([aud, "https://everybody.example.com"]));
        }),
    },
    Fault {
        name: "there is no aud",
        found: &[("SET-023.aud", Warning), ("SET-012.separate-sets", Warning)],
        breaks: Set(|_, claims| drop(claims.remove("aud"))),
    },
    Fault {
        name: "there is no txn",
        found: &[("SET-014.txn", Warning)],
        breaks: Set(|_, claims| drop(claims.remove("txn"))),
    },
    Fault {
        name: "txn is a number",
        found: &[
            ("SET-027.txn-is-a-string", Failed),
            ("SET-014.txn", Warning),
        ],
        breaks: Set(|_, claims| {
            let jti = claims.get("jti").and_then(Value::as_str);
            let digits = jti.and_then(|jti| jti.rsplit('-').next()?.parse::<u64>().ok());
            claims.insert("txn".into(), json!(digits));
        }),
    },
    Fault {
        name: "all SETs have the same txn",
        found: &[("SET-015.one-event", Failed)],
        breaks: Set(|_, claims| drop(claims.insert("txn".into(), json!("0")))),
    },
    Fault {
        name: "each SET has a second event",
        found: &[
            ("SET-016.one-event", Warning),
            ("INTEROP-043.one-event", Failed),
        ],
        breaks: Set(|_, claims| {
            if let Some(Value::Object(events)) = claims.get_mut("events") {
                events.insert("https://tr.example.com/events/told".into(), json!({}));
            }
        }),
    },
    Fault {
        name: "all SETs have the same jti",
        found: &[
            ("POLL-T-003.keys", Failed),
            ("SET-021.jti", Failed),
            ("SET-012.separate-sets", Warning),
            ("SSF-T-183.push", Failed),
            ("SSF-T-200.after-restart", Warning),
        ],
        breaks: Set(|_, claims| drop(claims.insert("jti".into(), json!("0")))),
    },
    Fault {
        name: "iat is in milliseconds",
        found: &[("SET-022.iat", Failed)],
        breaks: Set(|_, claims| {
            let iat = claims.get("iat").and_then(Value::as_u64);
            claims.insert("iat".into(), json!(iat.map(|iat| iat * 1000)));
        }),
    },
    Fault {
        name: "iat is an hour ahead",
        found: &[("SET-022.iat", Failed)],
        breaks: Set(|_, claims| {
            let iat = claims.get("iat").and_then(Value::as_u64);
            claims.insert("iat".into(), json!(iat.map(|iat| iat + 3600)));
        }),
    },
    Fault {
        name: "a second event is true",
        found: &[
            ("SET-016.one-event", Warning),
            ("SET-024.events", Failed),
            ("INTEROP-043.one-event", Failed),
        ],
        breaks: Set(|_, claims| {
            if let Some(Value::Object(events)) = claims.get_mut("events") {
                events.insert("https://tr.example.com/events/told".into(), json!(true));
            }
        }),
    },
    Fault {
        name: "events are called by a word",
        found: &[
            ("SET-024.events", Failed),
            ("SSF-T-171.paused", Failed),
            ("SSF-T-171.disabled", Failed),
            ("SSF-T-241.last", Failed),
        ],
        breaks: Set(|_, claims| {
            if !is_verification(claims) {
                claims.insert("events".into(), json!({ "revoked": {} }));
            }
        }),
    },
    Fault {
        name: "jti stands twice",
        found: &[
            ("SET-025.no-name-twice", Failed),
            ("SUBJ-007.once", Warning),
        ],
        breaks: Payload(|claims| {
            let twice = claims.replacen(r#""jti":"#, r#""jti":"0","jti":"#, 1);
            twice.into_bytes()
        }),
    },
    Fault {
        name: "toe is in milliseconds",
        found: &[("SET-026.toe", Warning)],
        breaks: Set(|_, claims| {
            let toe = claims.get("toe").and_then(Value::as_u64);
            claims.insert("toe".into(), json!(toe.map(|toe| toe * 1000)));
        }),
    },
    Fault {
        name: "a claim has a short name of its own",
        found: &[("SET-040.further-claims", Note)],
        breaks: Set(|_, claims| drop(claims.insert("tenant".into(), json!("t")))),
    },
    Fault {
        name: "a verification repeats its subject",
        found: &[
            ("SET-007.no-subject", Failed),
            ("SSF-T-225.members", Warning),
        ],
        breaks: Set(|_, claims| {
            let subject = claims.get("sub_id").cloned();
            if let Some(Value::Object(event)) = claims
                .get_mut("events")
                .and_then(|events| events.get_mut(VERIFICATION))
            {
                event.insert("subject".into(), json!(subject));
            }
        }),
    },
    Fault {
        name: "claims are Latin-1",
        found: &[("JWTBCP-007.utf-8", Failed)],
        breaks: Payload(|claims| {
            let latin = claims.chars().map(|one| u8::try_from(one).unwrap_or(b'?'));
            latin.collect()
        }),
    },
];

/// Whether a SET is a verification.
pub(in crate::peer::faults) fn is_verification(claims: &Members) -> bool {
    let events = claims.get("events");
    events.is_some_and(|events| events.get(VERIFICATION).is_some())
}

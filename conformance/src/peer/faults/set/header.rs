//! Faults of headers and signatures.

use serde_json::json;

use crate::{
    checks::Verdict::{Failed, Warning},
    peer::{Breaks::Set, Fault},
};

/// The faults.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "typ is JWT",
        found: &[("SET-001.typ", Failed), ("SET-028.short", Warning)],
        breaks: Set(|header, _| drop(header.insert("typ".into(), json!("JWT")))),
    },
    Fault {
        name: "there is no typ",
        found: &[("SET-001.typ", Failed)],
        breaks: Set(|header, _| drop(header.remove("typ"))),
    },
    Fault {
        name: "typ is written in full",
        found: &[("SET-028.short", Warning)],
        breaks: Set(|header, _| {
            header.insert("typ".into(), json!("application/secevent+jwt"));
        }),
    },
    Fault {
        name: "SETs are not signed",
        found: &[("SET-029.algorithm", Failed), ("INTEROP-028.rs256", Failed)],
        breaks: Set(|header, _| drop(header.insert("alg".into(), json!("none")))),
    },
    Fault {
        name: "SETs have an HMAC",
        found: &[("SET-029.algorithm", Failed), ("INTEROP-028.rs256", Failed)],
        breaks: Set(|header, _| drop(header.insert("alg".into(), json!("HS256")))),
    },
    Fault {
        name: "SETs are signed with ES256",
        found: &[
            ("INTEROP-028.rs256", Failed),
            ("SSF-T-012.new-key", Failed),
            ("SSF-T-012.former-key", Warning),
        ],
        breaks: Set(|header, _| {
            header.insert("alg".into(), json!("ES256"));
            header.insert("kid".into(), json!("b"));
        }),
    },
    Fault {
        name: "SETs are signed with another key than kid names",
        found: &[("SET-029.signature", Failed)],
        breaks: Set(|header, _| drop(header.insert("kid".into(), json!("a")))),
    },
    Fault {
        name: "kid names a key that is not published",
        found: &[("INTEROP-009.kid", Failed)],
        breaks: Set(|header, _| drop(header.insert("kid".into(), json!("z")))),
    },
    Fault {
        name: "the header says where the key is",
        found: &[("SET-029.key-elsewhere", Warning)],
        breaks: Set(|header, _| {
            header.insert("jku".into(), json!("https://tr.example.com/jwks.json"));
        }),
    },
    Fault {
        name: "a parameter of the header is critical",
        found: &[("SET-029.crit", Warning)],
        breaks: Set(|header, _| {
            header.insert("crit".into(), json!(["b64"]));
            header.insert("b64".into(), json!(true));
        }),
    },
];

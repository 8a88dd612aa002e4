//! Faults of subjects.

use serde_json::{Value, json};

use crate::{
    checks::Verdict::{Failed, Note, Warning},
    peer::{
        Breaks::{Payload, Set},
        Fault, Members,
    },
};

/// The faults.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "a member of a complex subject is a text",
        found: &[
            ("SUBJ-004.complex", Failed),
            ("SSF-T-203.less-specific", Warning),
            ("SSF-T-204.more-specific", Warning),
        ],
        breaks: Set(|_, claims| {
            subject(claims, "complex", |s| {
                set(s, "user", |user| user["email"].clone());
            });
        }),
    },
    Fault {
        name: "a complex subject has a member that SSF does not name",
        found: &[
            ("SUBJ-005.names", Note),
            ("SSF-T-203.less-specific", Warning),
            ("SSF-T-204.more-specific", Warning),
        ],
        breaks: Set(|_, claims| {
            subject(claims, "complex", |s| {
                let team = json!({ "format": "opaque", "id": "team" });
                drop(s.insert("team".into(), team));
            });
        }),
    },
    Fault {
        name: "a member of a complex subject stands twice",
        found: &[("SUBJ-007.once", Warning)],
        breaks: Payload(|claims| {
            let tenant = r#""tenant":{"format":"iss_sub""#;
            let twice =
                r#""tenant":{"format":"opaque","id":"another"},"tenant":{"format":"iss_sub""#;
            claims.replace(tenant, twice).into_bytes()
        }),
    },
    Fault {
        name: "a number is called phone",
        found: &[
            ("SUBJ-010.format", Note),
            ("RISC-005.subject", Failed),
            ("RISC-009.subject", Failed),
        ],
        breaks: Set(|_, claims| {
            subject(claims, "phone_number", |s| {
                drop(s.insert("format".into(), json!("phone")));
            });
        }),
    },
    Fault {
        name: "the jti of jwt_id is a list",
        found: &[("SUBJ-011.jwt_id", Failed)],
        breaks: Set(|_, claims| {
            subject(claims, "jwt_id", |s| set(s, "jti", listed));
        }),
    },
    Fault {
        name: "the assertion_id of saml_assertion_id is a list",
        found: &[("SUBJ-012.saml_assertion_id", Failed)],
        breaks: Set(|_, claims| {
            subject(claims, "saml_assertion_id", |s| {
                set(s, "assertion_id", listed);
            });
        }),
    },
    Fault {
        name: "ip-addresses is one address",
        found: &[("SUBJ-013.ip-addresses", Failed)],
        breaks: Set(|_, claims| {
            subject(claims, "ip-addresses", |s| {
                set(s, "ip-addresses", |all| all[0].clone());
            });
        }),
    },
    Fault {
        name: "a subject has a member that its format does not have",
        found: &[("SUBJ-020.members", Failed)],
        breaks: Set(|_, claims| {
            subject(claims, "did", |s| {
                drop(s.insert("name".into(), json!("Alice")));
            });
        }),
    },
    Fault {
        name: "the iss of iss_sub is empty",
        found: &[("SUBJ-021.not-empty", Failed)],
        breaks: Set(|_, claims| {
            subject(claims, "iss_sub", |s| {
                drop(s.insert("iss".into(), json!("")));
            });
        }),
    },
    Fault {
        name: "the name of a format has a blank",
        found: &[("SUBJ-010.format", Note), ("SUBJ-022.name", Failed)],
        breaks: Set(|_, claims| {
            subject(claims, "ip-addresses", |s| {
                drop(s.insert("format".into(), json!("ip addresses")));
            });
        }),
    },
    Fault {
        name: "an account is a web page",
        found: &[("SUBJ-023.account", Failed)],
        breaks: Set(|_, claims| {
            subject(claims, "account", |s| {
                set(s, "uri", |uri| {
                    text(uri).replace("acct:", "https://").into()
                });
            });
        }),
    },
    Fault {
        name: "an address has a name",
        found: &[("SUBJ-024.email", Failed)],
        breaks: Set(|_, claims| {
            subject(claims, "email", |s| {
                set(s, "email", |email| {
                    format!("Alice <{}>", text(email)).into()
                });
            });
        }),
    },
    Fault {
        name: "the sub of iss_sub is a list",
        found: &[("SUBJ-026.iss_sub", Failed)],
        breaks: Set(|_, claims| {
            subject(claims, "iss_sub", |s| set(s, "sub", listed));
        }),
    },
    Fault {
        name: "the id of opaque is a list",
        found: &[("SUBJ-028.opaque", Failed)],
        breaks: Set(|_, claims| {
            subject(claims, "opaque", |s| set(s, "id", listed));
        }),
    },
    Fault {
        name: "a number has no plus sign",
        found: &[("SUBJ-029.phone_number", Failed)],
        breaks: Set(|_, claims| {
            subject(claims, "phone_number", |s| {
                set(s, "phone_number", |number| {
                    text(number).replace('+', "").into()
                });
            });
        }),
    },
    Fault {
        name: "a DID has no method",
        found: &[("SUBJ-030.did", Failed)],
        breaks: Set(|_, claims| {
            subject(claims, "did", |s| {
                set(s, "url", |url| {
                    text(url).replace("did:example:", "did:").into()
                });
            });
        }),
    },
    Fault {
        name: "a URI has no scheme",
        found: &[("SUBJ-031.uri", Failed)],
        breaks: Set(|_, claims| {
            subject(claims, "uri", |s| {
                set(s, "uri", |uri| text(uri).replace("https:", "").into());
            });
        }),
    },
    Fault {
        name: "identifiers are one",
        found: &[("SUBJ-032.aliases", Failed)],
        breaks: Set(|_, claims| {
            subject(claims, "aliases", |s| {
                set(s, "identifiers", |all| all[0].clone());
            });
        }),
    },
    Fault {
        name: "aliases have aliases",
        found: &[("SUBJ-033.nested", Failed)],
        breaks: Set(|_, claims| {
            subject(claims, "aliases", |s| {
                set(
                    s,
                    "identifiers",
                    |all| json!([{ "format": "aliases", "identifiers": all }]),
                );
            });
        }),
    },
    Fault {
        name: "an alias stands twice",
        found: &[("SUBJ-034.twice", Warning)],
        breaks: Set(|_, claims| {
            subject(claims, "aliases", |s| {
                set(s, "identifiers", |all| json!([all[0], all[0]]));
            });
        }),
    },
];

/// Changes subjects of one format, where one of each is gathered: others go by the subjects that they asked for.
fn subject(claims: &mut Members, format: &str, change: impl FnOnce(&mut Members)) {
    if let Some(Value::Object(subject)) = claims.get_mut("sub_id")
        && subject.get("format").is_some_and(|found| found == format)
        && is_gathered(subject, format)
    {
        change(subject);
    }
}

/// Whether a subject is one of those whose members end with the name of the format, which those of other cases do not.
fn is_gathered(subject: &Members, format: &str) -> bool {
    let text = Value::Object(subject.clone()).to_string();
    let is_plain = matches!(format, "email" | "opaque");
    !is_plain || text.contains(&format!("-{format}"))
}

fn set(subject: &mut Members, name: &str, change: impl FnOnce(&Value) -> Value) {
    if let Some(value) = subject.get_mut(name) {
        *value = change(value);
    }
}

fn listed(value: &Value) -> Value {
    json!([value])
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

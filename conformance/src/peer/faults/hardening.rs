//! Faults that no specification forbids and attackers look for.

use serde_json::{Value, json};

use super::spoils::overlooks_url;
use crate::{
    checks::Verdict::Warning,
    peer::{
        Breaks::{Answer, Request, Rules},
        Fault,
        Operation::{Create, Read},
    },
};

/// The faults.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "streams are pushed to where clouds tell their secrets",
        found: &[("SSF-T-250.address-of-secrets", Warning)],
        breaks: Request(|asked| overlooks_url(asked, |url| url.contains("//169.254."))),
    },
    Fault {
        name: "addresses that are written as numbers are taken for names",
        found: &[("SSF-T-250.address-as-number", Warning)],
        breaks: Request(|asked| overlooks_url(asked, |url| url.contains("//2852039166"))),
    },
    Fault {
        name: "addresses of IPv4 within IPv6 are not looked at",
        found: &[("SSF-T-250.address-within-ipv6", Warning)],
        breaks: Request(|asked| overlooks_url(asked, |url| url.contains("//[::ffff:"))),
    },
    Fault {
        name: "streams are pushed to private addresses",
        found: &[("SSF-T-250.private-address", Warning)],
        breaks: Request(|asked| overlooks_url(asked, |url| url.contains("//10."))),
    },
    Fault {
        name: "streams are pushed to private addresses of IPv6",
        found: &[("SSF-T-250.private-ipv6", Warning)],
        breaks: Request(|asked| overlooks_url(asked, |url| url.contains("//[fd00::"))),
    },
    Fault {
        name: "streams are pushed to 0.0.0.0",
        found: &[("SSF-T-250.no-address", Warning)],
        breaks: Request(|asked| overlooks_url(asked, |url| url.contains("//0.0.0.0"))),
    },
    Fault {
        name: "a password may stand in endpoint_url",
        found: &[("SSF-T-250.user-and-password", Warning)],
        breaks: Request(|asked| overlooks_url(asked, |url| url.contains('@'))),
    },
    Fault {
        name: "a fragment may stand in endpoint_url",
        found: &[("SSF-T-250.fragment", Warning)],
        breaks: Request(|asked| overlooks_url(asked, |url| url.contains('#'))),
    },
    Fault {
        name: "endpoint_url may be a file",
        found: &[("SSF-T-250.scheme", Warning)],
        breaks: Request(|asked| overlooks_url(asked, |url| url.starts_with("file:"))),
    },
    Fault {
        name: "what is nested deep is cut off",
        found: &[("SSF-T-109.deep", Warning)],
        breaks: Request(|asked| {
            if asked.is(Create) && asked.body.ends_with(b"]]]}") {
                asked.body = b"{}".to_vec();
            }
        }),
    },
    Fault {
        name: "bodies may be as long as they like",
        found: &[("SSF-T-109.long", Warning)],
        breaks: Rules(|rules| rules.takes_long_bodies = true),
    },
    Fault {
        name: "of a member that stands twice the last counts",
        found: &[("SSF-T-109.twice", Warning)],
        breaks: Request(|asked| {
            if asked.is(Create)
                && let Ok(read) = serde_json::from_slice::<Value>(&asked.body)
            {
                asked.body = read.to_string().into_bytes();
            }
        }),
    },
    Fault {
        name: "what is not UTF-8 is replaced",
        found: &[("SSF-T-109.not-utf-8", Warning)],
        breaks: Request(|asked| {
            if asked.is(Create) {
                asked.body = String::from_utf8_lossy(&asked.body)
                    .into_owned()
                    .into_bytes();
            }
        }),
    },
    Fault {
        name: "authorization_header may have line breaks",
        found: &[("SSF-T-251.line-break", Warning)],
        breaks: Request(|asked| {
            if asked.is(Create) {
                asked.change(|body| {
                    let delivery = body.get_mut("delivery");
                    let secret = delivery.and_then(|all| all.get_mut("authorization_header"));
                    if let Some(Value::String(secret)) = secret {
                        secret.retain(|c| !c.is_control());
                    }
                });
            }
        }),
    },
    Fault {
        name: "the metadata follows Host",
        found: &[("SSF-T-009.other-host", Warning)],
        breaks: Answer(|asked, reply| {
            let host = asked.header("host").unwrap_or_default();
            if host.ends_with(".invalid") && asked.path.starts_with("/.well-known/ssf-") {
                let issuer = format!("https://{host}");
                reply.change(|document| drop(document.insert("issuer".to_owned(), json!(issuer))));
            }
        }),
    },
    Fault {
        name: "the metadata follows Forwarded",
        found: &[("SSF-T-009.forwarded-host", Warning)],
        breaks: Answer(|asked, reply| {
            if let Some(forwarded) = asked.header("forwarded")
                && asked.path.starts_with("/.well-known/ssf-")
            {
                let issuer = forwarded.to_owned();
                reply.change(|document| drop(document.insert("issuer".to_owned(), json!(issuer))));
            }
        }),
    },
    Fault {
        name: "where a stream is polled follows X-Forwarded-Host",
        found: &[("SSF-T-105.other-host", Warning)],
        breaks: Answer(|asked, reply| {
            if let Some(host) = asked.header("x-forwarded-host")
                && asked.is(Create)
                && reply.is_success()
            {
                let url = format!("https://{host}/poll");
                reply.change(|stream| stream["delivery"]["endpoint_url"] = json!(url));
            }
        }),
    },
    Fault {
        name: "what is wrong with a delivery is told with all that it has",
        found: &[("SSF-T-251.not-repeated", Warning)],
        breaks: Answer(|asked, reply| {
            if asked.is(Create) && reply.status == 400 {
                reply.body.clone_from(&asked.body);
            }
        }),
    },
    Fault {
        name: "what is wrong with a token is told with the token",
        found: &[("BEARER-006.not-repeated", Warning)],
        breaks: Answer(|asked, reply| {
            if asked.is(Read) && reply.status == 401 {
                let shown = asked.header("authorization").unwrap_or_default();
                reply.body = format!("{shown} is unknown").into_bytes();
            }
        }),
    },
    Fault {
        name: "jti is a number that goes up",
        found: &[("SET-021.unguessable", Warning)],
        breaks: Rules(|rules| rules.numbers_sets = true),
    },
];

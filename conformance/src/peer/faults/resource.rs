//! Faults in the metadata of the protected resource.

use serde_json::json;

use crate::{
    checks::Verdict::{Failed, Warning},
    peer::{
        Breaks::{Answer, Site},
        Fault,
    },
};

/// The faults.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "the metadata of the resource is text",
        found: &[("PRM-001.json", Failed)],
        breaks: Answer(|asked, reply| {
            if asked
                .path
                .starts_with("/.well-known/oauth-protected-resource")
            {
                reply.set_header("Content-Type", "text/plain");
            }
        }),
    },
    Fault {
        name: "the metadata is that of another resource",
        found: &[("PRM-002.resource", Failed)],
        breaks: Site(|site| member(site, "resource", json!("https://other.example.com/ssf"))),
    },
    Fault {
        name: "authorization servers have no TLS",
        found: &[("PRM-003.authorization_servers", Warning)],
        breaks: Site(|site| {
            member(
                site,
                "authorization_servers",
                json!(["http://as.example.com"]),
            );
        }),
    },
    Fault {
        name: "the metadata of the resource has no scopes",
        found: &[("PRM-004.scopes_supported", Warning)],
        breaks: Site(|site| member(site, "scopes_supported", json!(null))),
    },
    Fault {
        name: "tokens are sent in a cookie",
        found: &[("PRM-005.bearer_methods_supported", Warning)],
        breaks: Site(|site| member(site, "bearer_methods_supported", json!(["cookie"]))),
    },
    Fault {
        name: "lists without an element stand in the metadata of the resource",
        found: &[("PRM-006.empty", Failed)],
        breaks: Site(|site| member(site, "dpop_signing_alg_values_supported", json!([]))),
    },
    Fault {
        name: "the challenge leads to the issuer's metadata",
        found: &[
            ("PRM-007.challenge", Warning),
            ("PRM-004.scopes_supported", Warning),
            ("PRM-002.resource", Failed),
        ],
        breaks: Answer(|_, reply| {
            for (name, value) in &mut reply.headers {
                if *name == "WWW-Authenticate" {
                    *value = value.replace("oauth-protected-resource", "ssf-configuration");
                }
            }
        }),
    },
];

fn member(site: &mut crate::peer::Site, name: &str, value: serde_json::Value) {
    if let Some(document) = &mut site.resource {
        document[name] = value;
    }
}

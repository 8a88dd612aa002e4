//! Faults of metadata and keys.

use serde_json::{Value, json};

use crate::{
    checks::Verdict::{self, Failed, Note, Warning},
    peer::{
        Breaks::Site as Spoil,
        Fault, Reply, Site,
        site::{ec, rsa},
    },
};

const OBEYS: (&str, Verdict) = ("SSF-T-003.document-obeys-7.1", Failed);

/// The faults.
pub const FAULTS: &[Fault] = &[
    // Where the metadata is.
    Fault {
        name: "the segment is appended to the issuer",
        breaks: Spoil(append),
        found: &[
            ("SSF-T-001.metadata-at-well-known-path", Failed),
            ("SSF-T-002.last-slash-removed", Failed),
        ],
    },
    Fault {
        name: "the issuer's last slash is kept",
        breaks: Spoil(|site| site.metadata_path.push('/')),
        found: &[
            ("SSF-T-001.metadata-at-well-known-path", Failed),
            ("SSF-T-002.last-slash-removed", Failed),
        ],
    },
    Fault {
        name: "the issuer has no last slash and the segment is appended",
        breaks: Spoil(|site| {
            site.issuer.pop();
            site.document["issuer"] = json!(site.issuer);
            append(site);
        }),
        found: &[("SSF-T-001.metadata-at-well-known-path", Failed)],
    },
    Fault {
        name: "the metadata is behind a redirect",
        breaks: Spoil(|site| {
            site.metadata.status = 302;
            site.metadata
                .headers
                .push(("Location", "/jwks.json".to_owned()));
        }),
        found: &[
            ("SSF-T-001.metadata-at-well-known-path", Failed),
            ("SSF-T-002.last-slash-removed", Failed),
        ],
    },
    // How it comes.
    Fault {
        name: "the content type is that of a page",
        breaks: Spoil(|site| {
            site.metadata.headers = vec![("Content-Type", "text/html".to_owned())];
        }),
        found: &[("SSF-T-004.content-type", Failed)],
    },
    Fault {
        name: "there is no content type",
        breaks: Spoil(|site| site.metadata.headers.clear()),
        found: &[("SSF-T-004.content-type", Failed)],
    },
    Fault {
        name: "the status is another success",
        breaks: Spoil(|site| site.metadata.status = 203),
        found: &[("SSF-T-005.status-200-with-an-object", Failed)],
    },
    Fault {
        name: "the metadata is in an array",
        breaks: Spoil(|site| site.document = json!([site.document])),
        found: &[OBEYS, ("SSF-T-005.status-200-with-an-object", Failed)],
    },
    Fault {
        name: "the metadata is a page",
        breaks: Spoil(|site| site.metadata.body = b"<html></html>".to_vec()),
        found: &[OBEYS, ("SSF-T-005.status-200-with-an-object", Failed)],
    },
    Fault {
        name: "issuer stands twice",
        breaks: Spoil(|site| {
            let document = site.document.to_string();
            let twice = document.replacen('{', r#"{"issuer":"https://elsewhere.example.com","#, 1);
            site.metadata.body = twice.into_bytes();
        }),
        found: &[("SSF-T-005.members-stand-once", Warning)],
    },
    Fault {
        name: "there is a member of its own",
        breaks: Spoil(|site| site.document["x_vendor"] = json!(true)),
        found: &[("SSF-T-006.further-members", Note)],
    },
    Fault {
        name: "a bare string stands for an array",
        breaks: Spoil(|site| {
            site.document["delivery_methods_supported"] = json!("urn:ietf:rfc:8935");
        }),
        found: &[
            ("SSF-T-007.several-values-are-arrays", Failed),
            ("SSF-T-014.delivery-methods", Warning),
        ],
    },
    Fault {
        name: "an array is empty",
        breaks: Spoil(|site| site.document["critical_subject_members"] = json!([])),
        found: &[("SSF-T-007.several-values-are-arrays", Failed)],
    },
    Fault {
        name: "an unknown tenant is answered with 200",
        breaks: Spoil(|site| site.unknown_tenant = Reply::json(&json!({"error": "not_found"}))),
        found: &[("SSF-T-008.error-status", Failed)],
    },
    Fault {
        name: "an unknown tenant is redirected",
        breaks: Spoil(|site| site.unknown_tenant = Reply::error(302)),
        found: &[("SSF-T-008.error-status", Failed)],
    },
    Fault {
        name: "an unknown tenant breaks the server",
        breaks: Spoil(|site| site.unknown_tenant = Reply::error(500)),
        found: &[("SSF-T-008.error-status", Failed)],
    },
    Fault {
        name: "issuer lacks the slash with which it is asked",
        breaks: Spoil(|site| site.document["issuer"] = json!(site.issuer.trim_end_matches('/'))),
        found: &[("SSF-R-003.issuer-identical", Failed)],
    },
    Fault {
        name: "the metadata is at the path of RISC too",
        breaks: Spoil(|site| site.risc = Reply::json(&site.document)),
        found: &[("SSF-T-037.nothing-at-risc-path", Warning)],
    },
    Fault {
        name: "the path of RISC answers with a server error",
        breaks: Spoil(|site| site.risc = Reply::error(500)),
        found: &[("SSF-T-037.nothing-at-risc-path", Warning)],
    },
    // What it says.
    Fault {
        name: "spec_version has a dot",
        breaks: Spoil(|site| site.document["spec_version"] = json!("1.0")),
        found: &[("SSF-T-010.spec_version-form", Warning)],
    },
    Fault {
        name: "there is no spec_version",
        breaks: Spoil(|site| without(site, "spec_version")),
        found: &[
            ("SSF-T-010.spec_version-form", Note),
            ("INTEROP-007.spec_version", Failed),
        ],
    },
    Fault {
        name: "there is no issuer",
        breaks: Spoil(|site| without(site, "issuer")),
        found: &[OBEYS, ("SSF-T-011.issuer-form", Failed)],
    },
    Fault {
        name: "issuer has a query",
        breaks: Spoil(|site| site.document["issuer"] = json!(format!("{}?a", site.issuer))),
        found: &[
            OBEYS,
            ("SSF-R-003.issuer-identical", Failed),
            ("SSF-T-011.issuer-form", Failed),
        ],
    },
    Fault {
        name: "issuer has no TLS",
        breaks: Spoil(|site| site.document["issuer"] = json!(site.issuer.replace("https", "http"))),
        found: &[
            OBEYS,
            ("SSF-R-003.issuer-identical", Failed),
            ("SSF-T-011.issuer-form", Failed),
        ],
    },
    Fault {
        name: "jwks_uri has no TLS",
        breaks: Spoil(|site| plain(site, "jwks_uri")),
        found: &[OBEYS, ("SSF-T-013.jwks_uri-https", Failed)],
    },
    Fault {
        name: "there is no delivery_methods_supported",
        breaks: Spoil(|site| without(site, "delivery_methods_supported")),
        found: &[
            ("SSF-T-014.delivery-methods", Warning),
            ("INTEROP-008.delivery_methods_supported", Failed),
        ],
    },
    Fault {
        name: "a delivery method is that of RISC",
        breaks: Spoil(|site| {
            let push = "https://schemas.openid.net/secevent/risc/delivery-method/push";
            site.document["delivery_methods_supported"] = json!([push]);
        }),
        found: &[
            ("SSF-T-014.delivery-methods", Warning),
            ("SSF-T-083.delivery", Failed),
        ],
    },
    Fault {
        name: "a delivery method is no URI",
        breaks: Spoil(|site| site.document["delivery_methods_supported"] = json!(["push"])),
        found: &[
            ("SSF-T-014.delivery-methods", Warning),
            ("SSF-T-083.delivery", Failed),
        ],
    },
    Fault {
        name: "there is no configuration_endpoint",
        breaks: Spoil(|site| without(site, "configuration_endpoint")),
        found: &[
            ("SSF-T-015.configuration_endpoint-given", Note),
            ("INTEROP-010.configuration_endpoint", Failed),
        ],
    },
    Fault {
        name: "configuration_endpoint has no TLS",
        breaks: Spoil(|site| plain(site, "configuration_endpoint")),
        found: &[OBEYS, ("SSF-T-016.configuration_endpoint-https", Failed)],
    },
    Fault {
        name: "configuration_endpoint has no authority",
        breaks: Spoil(|site| site.document["configuration_endpoint"] = json!("https:/ssf/streams")),
        found: &[OBEYS, ("SSF-T-016.configuration_endpoint-https", Failed)],
    },
    Fault {
        name: "configuration_endpoint is a path",
        breaks: Spoil(|site| site.document["configuration_endpoint"] = json!("/ssf/streams")),
        found: &[OBEYS, ("SSF-T-016.configuration_endpoint-https", Failed)],
    },
    Fault {
        name: "configuration_endpoint is null",
        breaks: Spoil(|site| site.document["configuration_endpoint"] = Value::Null),
        found: &[OBEYS, ("SSF-T-016.configuration_endpoint-https", Failed)],
    },
    Fault {
        name: "there is no status_endpoint",
        breaks: Spoil(|site| without(site, "status_endpoint")),
        found: &[
            ("SSF-T-017.status_endpoint-given", Note),
            ("SSF-T-053.status_endpoint", Warning),
            ("INTEROP-011.status_endpoint", Failed),
        ],
    },
    Fault {
        name: "status_endpoint has no TLS",
        breaks: Spoil(|site| plain(site, "status_endpoint")),
        found: &[OBEYS, ("SSF-T-018.status_endpoint-https", Failed)],
    },
    Fault {
        name: "there is no add_subject_endpoint",
        breaks: Spoil(|site| without(site, "add_subject_endpoint")),
        found: &[("SSF-T-019.add_subject_endpoint-given", Note)],
    },
    Fault {
        name: "add_subject_endpoint has no TLS",
        breaks: Spoil(|site| plain(site, "add_subject_endpoint")),
        found: &[OBEYS, ("SSF-T-020.add_subject_endpoint-https", Failed)],
    },
    Fault {
        name: "there is no remove_subject_endpoint",
        breaks: Spoil(|site| without(site, "remove_subject_endpoint")),
        found: &[("SSF-T-021.remove_subject_endpoint-given", Note)],
    },
    Fault {
        name: "remove_subject_endpoint has no TLS",
        breaks: Spoil(|site| plain(site, "remove_subject_endpoint")),
        found: &[OBEYS, ("SSF-T-022.remove_subject_endpoint-https", Failed)],
    },
    Fault {
        name: "there is no verification_endpoint",
        breaks: Spoil(|site| without(site, "verification_endpoint")),
        found: &[
            ("SSF-T-023.verification_endpoint-given", Note),
            ("SSF-T-053.verification_endpoint", Warning),
            ("INTEROP-014.verification_endpoint", Failed),
        ],
    },
    Fault {
        name: "verification_endpoint has no TLS",
        breaks: Spoil(|site| plain(site, "verification_endpoint")),
        found: &[OBEYS, ("SSF-T-024.verification_endpoint-https", Failed)],
    },
    Fault {
        name: "a critical member stands twice",
        breaks: Spoil(|site| site.document["critical_subject_members"] = json!(["user", "user"])),
        found: &[("SSF-T-025.critical-subject-members", Warning)],
    },
    Fault {
        name: "a critical member is a number",
        breaks: Spoil(|site| site.document["critical_subject_members"] = json!(["user", 7])),
        found: &[("SSF-T-025.critical-subject-members", Warning)],
    },
    Fault {
        name: "there are no critical members",
        breaks: Spoil(|site| without(site, "critical_subject_members")),
        found: &[("SSF-T-025.critical-subject-members", Note)],
    },
    Fault {
        name: "an authorization scheme is a string",
        breaks: Spoil(|site| site.document["authorization_schemes"] = json!(["urn:ietf:rfc:6749"])),
        found: &[
            OBEYS,
            ("SSF-T-026.authorization-schemes", Warning),
            ("SSF-T-028.authorization-schemes-spec_urn", Failed),
            ("INTEROP-015.oauth", Failed),
        ],
    },
    Fault {
        name: "an authorization scheme lacks spec_urn",
        breaks: Spoil(|site| site.document["authorization_schemes"] = json!([{"urn": "urn:x:y"}])),
        found: &[
            OBEYS,
            ("SSF-T-028.authorization-schemes-spec_urn", Failed),
            ("INTEROP-015.oauth", Failed),
        ],
    },
    Fault {
        name: "a spec_urn is a URL",
        breaks: Spoil(|site| {
            let scheme = json!({"spec_urn": "https://www.rfc-editor.org/rfc/rfc6749"});
            site.document["authorization_schemes"] = json!([scheme]);
        }),
        found: &[
            OBEYS,
            ("SSF-T-028.authorization-schemes-spec_urn", Failed),
            ("INTEROP-015.oauth", Failed),
        ],
    },
    Fault {
        name: "there are no authorization schemes",
        breaks: Spoil(|site| without(site, "authorization_schemes")),
        found: &[
            ("SSF-T-026.authorization-schemes", Note),
            ("INTEROP-015.oauth", Failed),
        ],
    },
    Fault {
        name: "default_subjects is in lower case",
        breaks: Spoil(|site| site.document["default_subjects"] = json!("all")),
        found: &[OBEYS, ("SSF-T-031.default_subjects-value", Failed)],
    },
    Fault {
        name: "there is no default_subjects",
        breaks: Spoil(|site| without(site, "default_subjects")),
        found: &[("SSF-T-030.default_subjects-given", Note)],
    },
    // The keys.
    Fault {
        name: "there is nothing at jwks_uri",
        breaks: Spoil(|site| site.jwks = Reply::error(404)),
        found: &[("SSF-T-013.jwks-answers", Failed)],
    },
    Fault {
        name: "nothing listens at jwks_uri",
        breaks: Spoil(|site| site.document["jwks_uri"] = json!("https://127.0.0.1:1/jwks.json")),
        found: &[
            ("SSF-T-013.jwks-answers", Failed),
            ("SSF-T-012.new-key", Failed),
            ("SSF-T-012.former-key", Warning),
        ],
    },
    Fault {
        name: "the keys are a bare array",
        breaks: Spoil(|site| site.keys = json!([rsa("a", 256)])),
        found: &[("SSF-T-013.jwks-answers", Failed)],
    },
    Fault {
        name: "the keys are an object by kid",
        breaks: Spoil(|site| site.keys = json!({"keys": {"a": rsa("a", 256)}})),
        found: &[("SSF-T-013.jwks-answers", Failed)],
    },
    Fault {
        name: "all keys are for encryption",
        breaks: Spoil(|site| {
            let mut key = rsa("a", 256);
            key["use"] = json!("enc");
            site.keys = json!({"keys": [key]});
        }),
        found: &[
            ("SSF-T-013.jwks-holds-a-signing-key", Failed),
            ("INTEROP-009.kid", Failed),
        ],
    },
    Fault {
        name: "there are no keys",
        breaks: Spoil(|site| site.keys = json!({"keys": []})),
        found: &[
            ("SSF-T-013.jwks-holds-a-signing-key", Failed),
            ("INTEROP-009.kid", Failed),
        ],
    },
    Fault {
        name: "a key lacks its exponent",
        breaks: Spoil(|site| drop_member(&mut site.keys["keys"][0], "e")),
        found: &[("SSF-T-013.jwks-keys-complete", Failed)],
    },
    Fault {
        name: "the only key is incomplete",
        breaks: Spoil(|site| {
            let mut key = ec("a");
            drop_member(&mut key, "crv");
            site.keys = json!({"keys": [key]});
        }),
        found: &[
            ("SSF-T-013.jwks-holds-a-signing-key", Failed),
            ("SSF-T-013.jwks-keys-complete", Failed),
            ("INTEROP-009.kid", Failed),
        ],
    },
    Fault {
        name: "a key lacks its type",
        breaks: Spoil(|site| drop_member(&mut site.keys["keys"][1], "kty")),
        found: &[("SSF-T-013.jwks-keys-complete", Failed)],
    },
    Fault {
        name: "a private exponent is published",
        breaks: Spoil(|site| site.keys["keys"][0]["d"] = json!("AQAB")),
        found: &[("SSF-T-013.jwks-keys-public", Failed)],
    },
    Fault {
        name: "a symmetric key is published",
        breaks: Spoil(|site| {
            site.keys["keys"][1] = json!({"kty": "oct", "k": "AQAB"});
        }),
        found: &[("SSF-T-013.jwks-keys-public", Failed)],
    },
    Fault {
        name: "an RSA key has 1024 bits",
        breaks: Spoil(|site| site.keys["keys"][1] = rsa("b", 128)),
        found: &[("JWTBCP-005.rsa-size", Failed)],
    },
    Fault {
        name: "two keys share a kid",
        breaks: Spoil(|site| site.keys["keys"][1] = ec("a")),
        found: &[("SSF-T-013.jwks-kid-distinct", Warning)],
    },
];

fn append(site: &mut Site) {
    site.metadata_path = String::from("/tenant/.well-known/ssf-configuration");
}

fn without(site: &mut Site, name: &str) {
    drop_member(&mut site.document, name);
}

fn plain(site: &mut Site, name: &str) {
    let url = site.document[name].as_str().unwrap_or_default();
    site.document[name] = json!(url.replace("https://", "http://"));
}

fn drop_member(object: &mut Value, name: &str) {
    if let Some(members) = object.as_object_mut() {
        members.remove(name);
    }
}

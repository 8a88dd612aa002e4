//! A mutant for each check: the faultless transmitter, broken in one way, and what exactly must be found.

use serde_json::{Value, json};
use ssf_conformance::checks::Verdict::{self, Failed, Note, Warning};

use crate::{
    server::Reply,
    site::{Site, ec, rsa},
};

/// One fault and all that must be found besides *passed* and *not run*.
pub(crate) struct Mutant {
    pub(crate) fault: &'static str,
    pub(crate) change: fn(&mut Site),
    pub(crate) found: &'static [(&'static str, Verdict)],
}

const OBEYS: (&str, Verdict) = ("document-obeys-7.1", Failed);

pub(crate) const MUTANTS: &[Mutant] = &[
    // Where the metadata is.
    Mutant {
        fault: "the segment is appended to the issuer",
        change: append,
        found: &[
            ("metadata-at-well-known-path", Failed),
            ("last-slash-removed", Failed),
        ],
    },
    Mutant {
        fault: "the issuer's last slash is kept",
        change: |site| site.metadata_path.push('/'),
        found: &[
            ("metadata-at-well-known-path", Failed),
            ("last-slash-removed", Failed),
        ],
    },
    Mutant {
        fault: "the issuer has no last slash and the segment is appended",
        change: |site| {
            site.issuer.pop();
            site.document["issuer"] = json!(site.issuer);
            append(site);
        },
        found: &[("metadata-at-well-known-path", Failed)],
    },
    Mutant {
        fault: "the metadata is behind a redirect",
        change: |site| {
            site.metadata.status = 302;
            site.metadata
                .headers
                .push(("Location", "/jwks.json".to_owned()));
        },
        found: &[
            ("metadata-at-well-known-path", Failed),
            ("last-slash-removed", Failed),
        ],
    },
    // How it comes.
    Mutant {
        fault: "the content type is that of a page",
        change: |site| site.metadata.headers = vec![("Content-Type", "text/html".to_owned())],
        found: &[("content-type", Failed)],
    },
    Mutant {
        fault: "there is no content type",
        change: |site| site.metadata.headers.clear(),
        found: &[("content-type", Failed)],
    },
    Mutant {
        fault: "the status is another success",
        change: |site| site.metadata.status = 203,
        found: &[("status-200-with-an-object", Failed)],
    },
    Mutant {
        fault: "the metadata is in an array",
        change: |site| site.document = json!([site.document]),
        found: &[OBEYS, ("status-200-with-an-object", Failed)],
    },
    Mutant {
        fault: "the metadata is a page",
        change: |site| site.metadata.body = b"<html></html>".to_vec(),
        found: &[OBEYS, ("status-200-with-an-object", Failed)],
    },
    Mutant {
        fault: "issuer stands twice",
        change: |site| {
            let document = site.document.to_string();
            let twice = document.replacen('{', r#"{"issuer":"https://elsewhere.example.com","#, 1);
            site.metadata.body = twice.into_bytes();
        },
        found: &[("members-stand-once", Warning)],
    },
    Mutant {
        fault: "there is a member of its own",
        change: |site| site.document["x_vendor"] = json!(true),
        found: &[("further-members", Note)],
    },
    Mutant {
        fault: "a bare string stands for an array",
        change: |site| site.document["delivery_methods_supported"] = json!("urn:ietf:rfc:8935"),
        found: &[
            ("several-values-are-arrays", Failed),
            ("delivery-methods", Warning),
        ],
    },
    Mutant {
        fault: "an array is empty",
        change: |site| site.document["critical_subject_members"] = json!([]),
        found: &[("several-values-are-arrays", Failed)],
    },
    Mutant {
        fault: "an unknown tenant is answered with 200",
        change: |site| site.unknown_tenant = Reply::json(&json!({"error": "not_found"})),
        found: &[("error-status", Failed)],
    },
    Mutant {
        fault: "an unknown tenant is redirected",
        change: |site| site.unknown_tenant = Reply::error(302),
        found: &[("error-status", Failed)],
    },
    Mutant {
        fault: "an unknown tenant breaks the server",
        change: |site| site.unknown_tenant = Reply::error(500),
        found: &[("error-status", Failed)],
    },
    Mutant {
        fault: "issuer lacks the slash with which it is asked",
        change: |site| site.document["issuer"] = json!(site.issuer.trim_end_matches('/')),
        found: &[("issuer-identical", Failed)],
    },
    Mutant {
        fault: "the metadata is at the path of RISC too",
        change: |site| site.risc = Reply::json(&site.document),
        found: &[("nothing-at-risc-path", Warning)],
    },
    Mutant {
        fault: "the path of RISC answers with a server error",
        change: |site| site.risc = Reply::error(500),
        found: &[("nothing-at-risc-path", Warning)],
    },
    // What it says.
    Mutant {
        fault: "spec_version has a dot",
        change: |site| site.document["spec_version"] = json!("1.0"),
        found: &[("spec_version-form", Warning)],
    },
    Mutant {
        fault: "there is no spec_version",
        change: |site| without(site, "spec_version"),
        found: &[("spec_version-form", Note)],
    },
    Mutant {
        fault: "there is no issuer",
        change: |site| without(site, "issuer"),
        found: &[OBEYS, ("issuer-form", Failed)],
    },
    Mutant {
        fault: "issuer has a query",
        change: |site| site.document["issuer"] = json!(format!("{}?a", site.issuer)),
        found: &[OBEYS, ("issuer-identical", Failed), ("issuer-form", Failed)],
    },
    Mutant {
        fault: "issuer has no TLS",
        change: |site| site.document["issuer"] = json!(site.issuer.replace("https", "http")),
        found: &[OBEYS, ("issuer-identical", Failed), ("issuer-form", Failed)],
    },
    Mutant {
        fault: "jwks_uri has no TLS",
        change: |site| plain(site, "jwks_uri"),
        found: &[OBEYS, ("jwks_uri-https", Failed)],
    },
    Mutant {
        fault: "there is no delivery_methods_supported",
        change: |site| without(site, "delivery_methods_supported"),
        found: &[("delivery-methods", Warning)],
    },
    Mutant {
        fault: "a delivery method is that of RISC",
        change: |site| {
            let push = "https://schemas.openid.net/secevent/risc/delivery-method/push";
            site.document["delivery_methods_supported"] = json!([push]);
        },
        found: &[("delivery-methods", Warning)],
    },
    Mutant {
        fault: "a delivery method is no URI",
        change: |site| site.document["delivery_methods_supported"] = json!(["push"]),
        found: &[("delivery-methods", Warning)],
    },
    Mutant {
        fault: "there is no configuration_endpoint",
        change: |site| without(site, "configuration_endpoint"),
        found: &[("configuration_endpoint-given", Note)],
    },
    Mutant {
        fault: "configuration_endpoint has no TLS",
        change: |site| plain(site, "configuration_endpoint"),
        found: &[OBEYS, ("configuration_endpoint-https", Failed)],
    },
    Mutant {
        fault: "configuration_endpoint has no authority",
        change: |site| site.document["configuration_endpoint"] = json!("https:/ssf/streams"),
        found: &[OBEYS, ("configuration_endpoint-https", Failed)],
    },
    Mutant {
        fault: "configuration_endpoint is a path",
        change: |site| site.document["configuration_endpoint"] = json!("/ssf/streams"),
        found: &[OBEYS, ("configuration_endpoint-https", Failed)],
    },
    Mutant {
        fault: "configuration_endpoint is null",
        change: |site| site.document["configuration_endpoint"] = Value::Null,
        found: &[OBEYS, ("configuration_endpoint-https", Failed)],
    },
    Mutant {
        fault: "there is no status_endpoint",
        change: |site| without(site, "status_endpoint"),
        found: &[("status_endpoint-given", Note)],
    },
    Mutant {
        fault: "status_endpoint has no TLS",
        change: |site| plain(site, "status_endpoint"),
        found: &[OBEYS, ("status_endpoint-https", Failed)],
    },
    Mutant {
        fault: "there is no add_subject_endpoint",
        change: |site| without(site, "add_subject_endpoint"),
        found: &[("add_subject_endpoint-given", Note)],
    },
    Mutant {
        fault: "add_subject_endpoint has no TLS",
        change: |site| plain(site, "add_subject_endpoint"),
        found: &[OBEYS, ("add_subject_endpoint-https", Failed)],
    },
    Mutant {
        fault: "there is no remove_subject_endpoint",
        change: |site| without(site, "remove_subject_endpoint"),
        found: &[("remove_subject_endpoint-given", Note)],
    },
    Mutant {
        fault: "remove_subject_endpoint has no TLS",
        change: |site| plain(site, "remove_subject_endpoint"),
        found: &[OBEYS, ("remove_subject_endpoint-https", Failed)],
    },
    Mutant {
        fault: "there is no verification_endpoint",
        change: |site| without(site, "verification_endpoint"),
        found: &[("verification_endpoint-given", Note)],
    },
    Mutant {
        fault: "verification_endpoint has no TLS",
        change: |site| plain(site, "verification_endpoint"),
        found: &[OBEYS, ("verification_endpoint-https", Failed)],
    },
    Mutant {
        fault: "a critical member stands twice",
        change: |site| site.document["critical_subject_members"] = json!(["user", "user"]),
        found: &[("critical-subject-members", Warning)],
    },
    Mutant {
        fault: "a critical member is a number",
        change: |site| site.document["critical_subject_members"] = json!(["user", 7]),
        found: &[("critical-subject-members", Warning)],
    },
    Mutant {
        fault: "there are no critical members",
        change: |site| without(site, "critical_subject_members"),
        found: &[("critical-subject-members", Note)],
    },
    Mutant {
        fault: "an authorization scheme is a string",
        change: |site| site.document["authorization_schemes"] = json!(["urn:ietf:rfc:6749"]),
        found: &[
            OBEYS,
            ("authorization-schemes", Warning),
            ("authorization-schemes-spec_urn", Failed),
        ],
    },
    Mutant {
        fault: "an authorization scheme lacks spec_urn",
        change: |site| site.document["authorization_schemes"] = json!([{"urn": "urn:x:y"}]),
        found: &[OBEYS, ("authorization-schemes-spec_urn", Failed)],
    },
    Mutant {
        fault: "a spec_urn is a URL",
        change: |site| {
            let scheme = json!({"spec_urn": "https://www.rfc-editor.org/rfc/rfc6749"});
            site.document["authorization_schemes"] = json!([scheme]);
        },
        found: &[OBEYS, ("authorization-schemes-spec_urn", Failed)],
    },
    Mutant {
        fault: "there are no authorization schemes",
        change: |site| without(site, "authorization_schemes"),
        found: &[("authorization-schemes", Note)],
    },
    Mutant {
        fault: "default_subjects is in lower case",
        change: |site| site.document["default_subjects"] = json!("all"),
        found: &[OBEYS, ("default_subjects-value", Failed)],
    },
    Mutant {
        fault: "there is no default_subjects",
        change: |site| without(site, "default_subjects"),
        found: &[("default_subjects-given", Note)],
    },
    // The keys.
    Mutant {
        fault: "there is nothing at jwks_uri",
        change: |site| site.jwks = Reply::error(404),
        found: &[("jwks-answers", Failed)],
    },
    Mutant {
        fault: "nothing listens at jwks_uri",
        change: |site| site.document["jwks_uri"] = json!("https://127.0.0.1:1/jwks.json"),
        found: &[("jwks-answers", Failed)],
    },
    Mutant {
        fault: "the keys are a bare array",
        change: |site| site.keys = json!([rsa("a", 256)]),
        found: &[("jwks-answers", Failed)],
    },
    Mutant {
        fault: "the keys are an object by kid",
        change: |site| site.keys = json!({"keys": {"a": rsa("a", 256)}}),
        found: &[("jwks-answers", Failed)],
    },
    Mutant {
        fault: "all keys are for encryption",
        change: |site| {
            let mut key = rsa("a", 256);
            key["use"] = json!("enc");
            site.keys = json!({"keys": [key]});
        },
        found: &[("jwks-holds-a-signing-key", Failed)],
    },
    Mutant {
        fault: "there are no keys",
        change: |site| site.keys = json!({"keys": []}),
        found: &[("jwks-holds-a-signing-key", Failed)],
    },
    Mutant {
        fault: "a key lacks its exponent",
        change: |site| drop_member(&mut site.keys["keys"][0], "e"),
        found: &[("jwks-keys-complete", Failed)],
    },
    Mutant {
        fault: "the only key is incomplete",
        change: |site| {
            let mut key = ec("a");
            drop_member(&mut key, "crv");
            site.keys = json!({"keys": [key]});
        },
        found: &[
            ("jwks-holds-a-signing-key", Failed),
            ("jwks-keys-complete", Failed),
        ],
    },
    Mutant {
        fault: "a key lacks its type",
        change: |site| drop_member(&mut site.keys["keys"][1], "kty"),
        found: &[("jwks-keys-complete", Failed)],
    },
    Mutant {
        fault: "a private exponent is published",
        change: |site| site.keys["keys"][0]["d"] = json!("AQAB"),
        found: &[("jwks-keys-public", Failed)],
    },
    Mutant {
        fault: "a symmetric key is published",
        change: |site| {
            let key = json!({"kty": "oct", "k": "AQAB"});
            site.keys = json!({"keys": [rsa("a", 256), key]});
        },
        found: &[("jwks-keys-public", Failed)],
    },
    Mutant {
        fault: "an RSA key has 1024 bits",
        change: |site| site.keys = json!({"keys": [rsa("a", 256), rsa("b", 128)]}),
        found: &[("jwks-rsa-size", Failed)],
    },
    Mutant {
        fault: "two keys share a kid",
        change: |site| site.keys = json!({"keys": [rsa("a", 256), ec("a")]}),
        found: &[("jwks-kid-distinct", Warning)],
    },
];

fn append(site: &mut Site) {
    site.metadata_path = String::from("/tenant/.well-known/ssf-configuration");
}

fn without(site: &mut Site, name: &str) {
    drop_member(&mut site.document, name);
}

fn plain(site: &mut Site, name: &str) {
    let url = site.document[name].as_str().unwrap();
    site.document[name] = json!(url.replace("https://", "http://"));
}

fn drop_member(object: &mut Value, name: &str) {
    let removed = object.as_object_mut().unwrap().remove(name);
    assert!(removed.is_some(), "there is no {name} to remove");
}

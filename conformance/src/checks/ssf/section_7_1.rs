//! The members of the metadata document (SSF 1.0 §7.1).

use std::collections::BTreeSet;

use serde_json::Value;
use ssf_types::metadata::SpecVersion;
use url::Url;

use crate::{
    checks::{Check, Level, Outcome, on_document, on_member, shortened, shown},
    exchange::Recording,
};

/// The members that the section defines.
pub(super) const MEMBERS: [&str; 12] = [
    "spec_version",
    "issuer",
    "jwks_uri",
    "delivery_methods_supported",
    "configuration_endpoint",
    "status_endpoint",
    "add_subject_endpoint",
    "remove_subject_endpoint",
    "verification_endpoint",
    "critical_subject_members",
    "authorization_schemes",
    "default_subjects",
];

/// The checks of this section.
pub const CHECKS: &[Check] = &[
    Check {
        id: "SSF-T-010.spec_version-form",
        section: "SSF 1.0 §7.1",
        level: Level::May,
        statement: "spec_version has the form 1_0 or 1_0-ID3",
        judge: spec_version,
    },
    Check {
        id: "SSF-T-011.issuer-form",
        section: "SSF 1.0 §7.1",
        level: Level::Must,
        statement: "issuer is an https URL without query and fragment",
        judge: issuer,
    },
    Check {
        id: "SSF-T-012.jwks_uri-given",
        section: "SSF 1.0 §7.1",
        level: Level::Must,
        statement: "jwks_uri is there if the transmitter signs its SETs",
        judge: jwks_uri_given,
    },
    Check {
        id: "SSF-T-013.jwks_uri-https",
        section: "SSF 1.0 §7.1",
        level: Level::Must,
        statement: "jwks_uri, when given, is an HTTPS URL",
        judge: |recording| https(recording, "jwks_uri"),
    },
    Check {
        id: "SSF-T-014.delivery-methods",
        section: "SSF 1.0 §7.1",
        level: Level::Should,
        statement: "delivery_methods_supported lists the URIs of delivery methods",
        judge: delivery_methods,
    },
    Check {
        id: "SSF-T-015.configuration_endpoint-given",
        section: "SSF 1.0 §7.1",
        level: Level::May,
        statement: "configuration_endpoint may be offered",
        judge: |recording| offered(recording, "configuration_endpoint"),
    },
    Check {
        id: "SSF-T-016.configuration_endpoint-https",
        section: "SSF 1.0 §7.1",
        level: Level::Must,
        statement: "configuration_endpoint, when given, is an HTTPS URL",
        judge: |recording| https(recording, "configuration_endpoint"),
    },
    Check {
        id: "SSF-T-017.status_endpoint-given",
        section: "SSF 1.0 §7.1",
        level: Level::May,
        statement: "status_endpoint may be offered",
        judge: |recording| offered(recording, "status_endpoint"),
    },
    Check {
        id: "SSF-T-053.status_endpoint",
        section: "SSF 1.0 §8",
        level: Level::Should,
        statement: "where streams are managed, their status can be read: there is a status_endpoint",
        judge: |recording| recommended(recording, "status_endpoint"),
    },
    Check {
        id: "SSF-T-018.status_endpoint-https",
        section: "SSF 1.0 §7.1",
        level: Level::Must,
        statement: "status_endpoint, when given, is an HTTPS URL",
        judge: |recording| https(recording, "status_endpoint"),
    },
    Check {
        id: "SSF-T-019.add_subject_endpoint-given",
        section: "SSF 1.0 §7.1",
        level: Level::May,
        statement: "add_subject_endpoint may be offered",
        judge: |recording| offered(recording, "add_subject_endpoint"),
    },
    Check {
        id: "SSF-T-020.add_subject_endpoint-https",
        section: "SSF 1.0 §7.1",
        level: Level::Must,
        statement: "add_subject_endpoint, when given, is an HTTPS URL",
        judge: |recording| https(recording, "add_subject_endpoint"),
    },
    Check {
        id: "SSF-T-021.remove_subject_endpoint-given",
        section: "SSF 1.0 §7.1",
        level: Level::May,
        statement: "remove_subject_endpoint may be offered",
        judge: |recording| offered(recording, "remove_subject_endpoint"),
    },
    Check {
        id: "SSF-T-022.remove_subject_endpoint-https",
        section: "SSF 1.0 §7.1",
        level: Level::Must,
        statement: "remove_subject_endpoint, when given, is an HTTPS URL",
        judge: |recording| https(recording, "remove_subject_endpoint"),
    },
    Check {
        id: "SSF-T-023.verification_endpoint-given",
        section: "SSF 1.0 §7.1",
        level: Level::May,
        statement: "verification_endpoint may be offered",
        judge: |recording| offered(recording, "verification_endpoint"),
    },
    Check {
        id: "SSF-T-053.verification_endpoint",
        section: "SSF 1.0 §8",
        level: Level::Should,
        statement: "where streams are managed, they can be verified: there is a verification_endpoint",
        judge: |recording| recommended(recording, "verification_endpoint"),
    },
    Check {
        id: "SSF-T-024.verification_endpoint-https",
        section: "SSF 1.0 §7.1",
        level: Level::Must,
        statement: "verification_endpoint, when given, is an HTTPS URL",
        judge: |recording| https(recording, "verification_endpoint"),
    },
    Check {
        id: "SSF-T-025.critical-subject-members",
        section: "SSF 1.0 §7.1",
        level: Level::May,
        statement: "critical_subject_members lists names of members of complex subjects",
        judge: critical_subject_members,
    },
    Check {
        id: "SSF-T-026.authorization-schemes",
        section: "SSF 1.0 §7.1",
        level: Level::May,
        statement: "authorization_schemes lists objects that tell how requests are authorized",
        judge: authorization_schemes,
    },
    Check {
        id: "SSF-T-027.authorization-schemes-public",
        section: "SSF 1.0 §7.1",
        level: Level::Should,
        statement: "authorization_schemes can be read without authorization",
        judge: authorization_schemes_public,
    },
    Check {
        id: "SSF-T-028.authorization-schemes-spec_urn",
        section: "SSF 1.0 §7.1.1",
        level: Level::Must,
        statement: "each authorization scheme has a spec_urn, which is a URN",
        judge: spec_urns,
    },
    Check {
        id: "SSF-T-030.default_subjects-given",
        section: "SSF 1.0 §7.1",
        level: Level::May,
        statement: "default_subjects tells what a new stream covers",
        judge: |recording| offered(recording, "default_subjects"),
    },
    Check {
        id: "SSF-T-031.default_subjects-value",
        section: "SSF 1.0 §7.1",
        level: Level::Must,
        statement: "default_subjects is exactly ALL or NONE",
        judge: default_subjects,
    },
];

fn spec_version(recording: &Recording) -> Outcome {
    on_document(recording, |document| {
        let Some(found) = document.get("spec_version") else {
            return Outcome::noted("there is no spec_version, which means 1_0-ID1");
        };
        if found.as_str().is_some_and(is_spec_version) {
            Outcome::satisfied(shown(found))
        } else {
            Outcome::broken(shown(found))
        }
    })
}

fn is_spec_version(text: &str) -> bool {
    let version = SpecVersion::from(text.to_owned());
    matches!(version, SpecVersion::Numbered { .. })
}

fn issuer(recording: &Recording) -> Outcome {
    on_document(recording, |document| {
        let Some(found) = document.get("issuer") else {
            return Outcome::broken("there is no issuer");
        };
        if found.as_str().is_some_and(|text| text.contains(['?', '#'])) {
            return Outcome::broken(shown(found));
        }
        is_https(recording, found)
    })
}

fn jwks_uri_given(recording: &Recording) -> Outcome {
    on_document(recording, |document| match document.get("jwks_uri") {
        Some(found) => Outcome::satisfied(shown(found)),
        None => Outcome::not_run(
            "there is no jwks_uri, and whether SETs are signed is not seen by this command",
        ),
    })
}

fn https(recording: &Recording, name: &str) -> Outcome {
    on_member(recording, name, |found| is_https(recording, found))
}

/// Judges the text itself: URL parsers forgive blanks and missing slashes, which Receivers may not.
fn is_https(recording: &Recording, found: &Value) -> Outcome {
    let Some(text) = found.as_str() else {
        return Outcome::broken(format!("{} is not a string", shown(found)));
    };
    let url = match Url::parse(text) {
        Ok(url) if !text.contains(|c: char| c.is_whitespace() || c.is_control()) => url,
        Ok(_) | Err(_) => return Outcome::broken(format!("{} is not a URL", shown(found))),
    };
    let prefix = format!("{}://", url.scheme());
    let has_authority = text
        .get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(&prefix));
    let is_plain_loopback = url.scheme() == "http" && ssf_types::uri::is_loopback(&url);
    let plain = recording.target().is_plain();
    match url.scheme() {
        "https" | "http" if !has_authority => {
            Outcome::broken(format!("{} has no authority", shown(found)))
        }
        "https" if !plain => Outcome::satisfied(shown(found)),
        "https" => Outcome::not_run(Outcome::LOOPBACK),
        "http" if plain && is_plain_loopback => Outcome::not_run(Outcome::LOOPBACK),
        _ => Outcome::broken(format!("{} is not an https URL", shown(found))),
    }
}

fn offered(recording: &Recording, name: &str) -> Outcome {
    on_document(recording, |document| match document.get(name) {
        Some(found) => Outcome::satisfied(shown(found)),
        None => Outcome::noted(format!("there is no {name}")),
    })
}

fn recommended(recording: &Recording, name: &str) -> Outcome {
    on_document(recording, |document| {
        if !document.contains_key("configuration_endpoint") {
            return Outcome::not_run("there is no configuration_endpoint");
        }
        match document.get(name) {
            Some(found) => Outcome::satisfied(shown(found)),
            None => Outcome::broken(format!("there is no {name}")),
        }
    })
}

fn delivery_methods(recording: &Recording) -> Outcome {
    on_document(recording, |document| {
        let Some(found) = document.get("delivery_methods_supported") else {
            return Outcome::broken("there is no delivery_methods_supported");
        };
        let Some(methods) = found.as_array() else {
            return Outcome::broken(format!("{} is not an array", shown(found)));
        };
        let is_uri = |method: &&Value| method.as_str().is_some_and(|uri| Url::parse(uri).is_ok());
        if let Some(method) = methods.iter().find(|method| !is_uri(method)) {
            return Outcome::broken(format!("{} is not a URI", shown(method)));
        }
        let is_legacy = |method: &&Value| {
            method.as_str().is_some_and(|uri| {
                uri.starts_with("https://schemas.openid.net/secevent/risc/delivery-method/")
            })
        };
        if let Some(method) = methods.iter().find(is_legacy) {
            return Outcome::broken(format!(
                "{} is from RISC; SSF 1.0 has urn:ietf:rfc:8935 and urn:ietf:rfc:8936",
                shown(method)
            ));
        }
        Outcome::satisfied(shown(found))
    })
}

fn critical_subject_members(recording: &Recording) -> Outcome {
    listed(recording, "critical_subject_members", |members| {
        let mut seen = BTreeSet::new();
        members.iter().find_map(|member| match member.as_str() {
            None | Some("") => Some(format!("{} is not a name", shown(member))),
            Some(name) if !seen.insert(name) => {
                Some(format!("{} stands there twice", shortened(name)))
            }
            Some(_) => None,
        })
    })
}

fn authorization_schemes(recording: &Recording) -> Outcome {
    listed(recording, "authorization_schemes", |schemes| {
        let other = schemes.iter().find(|scheme| !scheme.is_object())?;
        Some(format!("{} is not an object", shown(other)))
    })
}

/// Judges an optional array: `fault` tells what is wrong with its elements.
fn listed(
    recording: &Recording,
    name: &str,
    fault: impl FnOnce(&[Value]) -> Option<String>,
) -> Outcome {
    on_document(recording, |document| {
        let Some(found) = document.get(name) else {
            return Outcome::noted(format!("there is no {name}"));
        };
        let Some(elements) = found.as_array() else {
            return Outcome::broken(format!("{} is not an array", shown(found)));
        };
        match fault(elements) {
            Some(fault) => Outcome::broken(fault),
            None => Outcome::satisfied(shown(found)),
        }
    })
}

fn authorization_schemes_public(recording: &Recording) -> Outcome {
    on_document(recording, |document| {
        if document.contains_key("authorization_schemes") {
            return Outcome::satisfied("the answer to a request without credentials has it");
        }
        Outcome::not_run(
            "there is no authorization_schemes, and this command does not ask with credentials",
        )
    })
}

fn spec_urns(recording: &Recording) -> Outcome {
    on_member(recording, "authorization_schemes", |found| {
        let Some(schemes) = found.as_array() else {
            return Outcome::not_run("authorization_schemes is not an array");
        };
        let is_sound = |scheme: &&Value| {
            let urn = scheme.get("spec_urn").and_then(Value::as_str);
            urn.and_then(|urn| urn.get(..4))
                .is_some_and(|start| start.eq_ignore_ascii_case("urn:"))
        };
        match schemes.iter().find(|scheme| !is_sound(scheme)) {
            Some(scheme) => Outcome::broken(shown(scheme)),
            None => Outcome::satisfied(shown(found)),
        }
    })
}

fn default_subjects(recording: &Recording) -> Outcome {
    on_member(recording, "default_subjects", |found| {
        match found.as_str() {
            Some("ALL" | "NONE") => Outcome::satisfied(shown(found)),
            Some(_) | None => Outcome::broken(shown(found)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_two_numbers_and_perhaps_a_draft() {
        for text in ["1_0", "1_0-ID3", "10_12-ID10"] {
            assert!(is_spec_version(text), "{text}");
        }
        for text in [
            "",
            "1.0",
            "1_",
            "_0",
            "1_0-",
            "1_0-ID",
            "1_0-id1",
            "1_0-ID1-ID2",
            "1_0 ",
            "1_0_0",
        ] {
            assert!(!is_spec_version(text), "{text}");
        }
    }
}

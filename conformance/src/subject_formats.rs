//! The formats of subjects (RFC 9493 §3.2, SSF 1.0 §3.3, §3.5), judged without `ssf-types`.

use std::net::IpAddr;

use serde_json::{Map, Value};
use url::Url;

/// A format of subjects.
#[derive(Debug)]
pub struct SubjectFormat {
    /// Its name.
    pub name: &'static str,
    /// The members that it needs, and that it may have, besides `format`.
    pub members: &'static [&'static str],
    /// What the members hold, in words.
    pub expected: &'static str,
    /// Whether they hold that; nothing has to be there twice, and whether something is empty is judged apart.
    is_sound: fn(&Map<String, Value>) -> bool,
}

/// The format of subjects with several members, each of them a subject (SSF 1.0 §3.3).
pub const COMPLEX: &str = "complex";

/// The formats.
pub static FORMATS: [SubjectFormat; 12] = [
    SubjectFormat {
        name: "account",
        members: &["uri"],
        expected: "uri, such as acct:user@host",
        is_sound: |subject| text(subject, "uri").is_some_and(is_account),
    },
    SubjectFormat {
        name: "email",
        members: &["email"],
        expected: "email, an address alone",
        is_sound: |subject| text(subject, "email").is_some_and(is_address),
    },
    SubjectFormat {
        name: "iss_sub",
        members: &["iss", "sub"],
        expected: "iss and sub, two strings",
        is_sound: |subject| are_texts(subject, &["iss", "sub"]),
    },
    SubjectFormat {
        name: "opaque",
        members: &["id"],
        expected: "id, a string",
        is_sound: |subject| are_texts(subject, &["id"]),
    },
    SubjectFormat {
        name: "phone_number",
        members: &["phone_number"],
        expected: "phone_number, a plus sign and 2 to 15 digits",
        is_sound: |subject| text(subject, "phone_number").is_some_and(is_number),
    },
    SubjectFormat {
        name: "did",
        members: &["url"],
        expected: "url, a DID with its method",
        is_sound: |subject| text(subject, "url").is_some_and(is_did),
    },
    SubjectFormat {
        name: "uri",
        members: &["uri"],
        expected: "uri, with its scheme",
        is_sound: |subject| text(subject, "uri").is_some_and(|uri| Url::parse(uri).is_ok()),
    },
    SubjectFormat {
        name: "aliases",
        members: &["identifiers"],
        expected: "identifiers, an array of subjects with at least one",
        is_sound: |subject| {
            let identifiers = subject.get("identifiers").and_then(Value::as_array);
            identifiers.is_some_and(|some| !some.is_empty() && some.iter().all(has_format))
        },
    },
    SubjectFormat {
        name: "jwt_id",
        members: &["iss", "jti"],
        expected: "iss and jti, two strings",
        is_sound: |subject| are_texts(subject, &["iss", "jti"]),
    },
    SubjectFormat {
        name: "saml_assertion_id",
        members: &["issuer", "assertion_id"],
        expected: "issuer and assertion_id, two strings",
        is_sound: |subject| are_texts(subject, &["issuer", "assertion_id"]),
    },
    SubjectFormat {
        name: "ip-addresses",
        members: &["ip-addresses"],
        expected: "ip-addresses, an array of IPv4 and IPv6 addresses",
        is_sound: |subject| {
            let addresses = subject.get("ip-addresses").and_then(Value::as_array);
            addresses.is_some_and(|some| !some.is_empty() && some.iter().all(is_ip_address))
        },
    },
    SubjectFormat {
        name: COMPLEX,
        members: &[],
        expected: "members that are subjects, and at least one",
        is_sound: |subject| {
            let mut members = subject.iter().filter(|(name, _)| *name != "format");
            subject.len() > 1
                && members.all(|(_, member)| has_format(member) && !is_complex(member))
        },
    },
];

/// The format of a token, in a draft of 2018 (OAuth Event Types §2.1).
pub static OAUTH_TOKEN: SubjectFormat = SubjectFormat {
    name: "oauth_token",
    members: &["token_type", "token_identifier_alg", "token"],
    expected: "token_type, token_identifier_alg and token, as the draft has them",
    is_sound: |subject| {
        let is_type = |name| {
            matches!(
                name,
                "access_token" | "authorization_code" | "refresh_token"
            )
        };
        let is_hash = |name: &str| name.strip_prefix("hash_").is_some_and(|of| !of.is_empty());
        let is_algorithm = |name| matches!(name, "plain" | "prefix") || is_hash(name);
        text(subject, "token_type").is_some_and(is_type)
            && text(subject, "token_identifier_alg").is_some_and(is_algorithm)
            && text(subject, "token").is_some_and(|token| !token.is_empty())
    },
};

/// The format of a client there (OAuth Event Types §2.2).
pub static OAUTH_CLIENT: SubjectFormat = SubjectFormat {
    name: "oauth_client",
    members: &["client_id"],
    expected: "client_id, a string that is not empty",
    is_sound: |subject| text(subject, "client_id").is_some_and(|id| !id.is_empty()),
};

impl SubjectFormat {
    /// The format of this name, unless it is one of a draft.
    pub fn named(name: &str) -> Option<&'static Self> {
        FORMATS.iter().find(|format| format.name == name)
    }

    /// Whether the members of a subject hold what they should.
    pub fn is_sound(&self, subject: &Map<String, Value>) -> bool {
        (self.is_sound)(subject)
    }
}

/// Whether a name has the form of registered ones (RFC 9493 §8.1.2).
pub fn is_format_name(name: &str) -> bool {
    let is_allowed = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-')
    };
    // One that is agreed on may be a URI, which nobody else takes.
    let is_collision_resistant = name.contains(':') && Url::parse(name).is_ok();
    !name.is_empty() && (name.bytes().all(is_allowed) || is_collision_resistant)
}

fn text<'s>(subject: &'s Map<String, Value>, name: &str) -> Option<&'s str> {
    subject.get(name).and_then(Value::as_str)
}

fn are_texts(subject: &Map<String, Value>, names: &[&str]) -> bool {
    names.iter().all(|name| text(subject, name).is_some())
}

fn has_format(subject: &Value) -> bool {
    subject.get("format").is_some_and(Value::is_string)
}

fn is_complex(subject: &Value) -> bool {
    subject
        .get("format")
        .is_some_and(|format| format == COMPLEX)
}

fn is_account(uri: &str) -> bool {
    let address = uri
        .strip_prefix("acct:")
        .and_then(|rest| rest.rsplit_once('@'));
    address.is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
}

/// An address without a name and without a scheme (RFC 5322 §3.4.1), as far as both can be told apart from it.
fn is_address(text: &str) -> bool {
    let parts = text.rsplit_once('@');
    let is_bare = !text.contains(['<', '>']) && !text.starts_with("mailto:");
    is_bare
        && parts.is_some_and(|(local, domain)| {
            let is_quoted = local.starts_with('"') && local.ends_with('"');
            let has_space = |part: &str| part.contains(char::is_whitespace);
            !local.is_empty()
                && !domain.is_empty()
                && !has_space(domain)
                && (is_quoted || !has_space(local))
        })
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (2..=15).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_did(url: &str) -> bool {
    let mut parts = url.splitn(3, ':');
    let did = parts.next() == Some("did");
    did && parts.all(|part| !part.is_empty()) && url.matches(':').count() >= 2
}

fn is_ip_address(address: &Value) -> bool {
    address
        .as_str()
        .is_some_and(|text| text.parse::<IpAddr>().is_ok())
}

#[cfg(test)]
mod tests;

//! The formats of simple subject identifiers (RFC 9493 §3.2, SSF 1.0 §3.5).

use std::{fmt, net::IpAddr};

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;

use crate::json::{JsonError, Members};

/// Longest string in a subject identifier, in bytes; a URL or a distinguished name fits.
pub const SUBJECT_BYTES_MAX: usize = 2048;

/// Most entries of `identifiers` or `ip-addresses`.
pub const SUBJECT_LIST_MAX: usize = 32;

/// A simple subject identifier, by `format`.
///
/// Printing it for debugging shows the format alone.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub enum SimpleSubject {
    /// `account`: an `acct:` URI (RFC 9493 §3.2.1).
    Account {
        /// `acct:user@host`.
        uri: String,
    },
    /// `email`: an address without a display name (RFC 9493 §3.2.2).
    Email {
        /// `user@host`.
        email: String,
    },
    /// `iss_sub`: a subject of an issuer (RFC 9493 §3.2.3).
    IssSub {
        /// As `iss` in that issuer's tokens; may differ from the issuer of the SET.
        iss: String,
        /// As `sub` in that issuer's tokens.
        sub: String,
    },
    /// `opaque`: a string whose meaning was agreed (RFC 9493 §3.2.4).
    Opaque {
        /// The string.
        id: String,
    },
    /// `phone_number`: E.164 with its plus sign and without blanks (RFC 9493 §3.2.5).
    PhoneNumber {
        /// `+` and 2 to 15 digits.
        phone_number: String,
    },
    /// `did`: a decentralised identifier, perhaps with path, query and fragment (RFC 9493 §3.2.6).
    Did {
        /// `did:method:…`.
        url: String,
    },
    /// `uri`: any absolute URI (RFC 9493 §3.2.7).
    Uri {
        /// The URI.
        uri: String,
    },
    /// `aliases`: one subject under several identifiers, none of them `aliases` (RFC 9493 §3.2.8).
    Aliases {
        /// 1 to [`SUBJECT_LIST_MAX`] identifiers.
        identifiers: Vec<SimpleSubject>,
    },
    /// `jwt_id`: one JWT (SSF 1.0 §3.5.1).
    JwtId {
        /// Issuer of that JWT.
        iss: String,
        /// Its `jti`.
        jti: String,
    },
    /// `saml_assertion_id`: one SAML assertion (SSF 1.0 §3.5.2).
    SamlAssertionId {
        /// Issuer of the assertion.
        issuer: String,
        /// Its `ID`.
        assertion_id: String,
    },
    /// `ip-addresses`: a device by its addresses (SSF 1.0 §3.5.3).
    IpAddresses {
        /// 1 to [`SUBJECT_LIST_MAX`] addresses.
        ip_addresses: Vec<IpAddr>,
    },
    /// A format that is not ours to understand (SSF 1.0 §3.4); its bytes are kept.
    Other(OtherSubject),
}

/// A subject in a proprietary format.
#[derive(Clone)]
pub struct OtherSubject {
    format: String,
    json: Box<RawValue>,
}

impl OtherSubject {
    /// The value of `format`.
    pub fn format(&self) -> &str {
        &self.format
    }

    /// The whole subject as it stood on the wire.
    pub fn json(&self) -> &str {
        self.json.get()
    }
}

impl PartialEq for OtherSubject {
    fn eq(&self, other: &Self) -> bool {
        self.json() == other.json()
    }
}

impl Eq for OtherSubject {}

impl SimpleSubject {
    /// Reads a simple subject from the text of a JSON object that [`crate::json::check`] has passed.
    ///
    /// # Errors
    /// Names the faulty member, never its value.
    pub fn read_json(json: &str) -> Result<Self, JsonError> {
        let mut members = Members::parse(json)?;
        let format: String = members.required("format", "a string")?;
        Self::read(&format, members, json)
    }

    pub(super) fn read(
        format: &str,
        mut members: Members<'_>,
        json: &str,
    ) -> Result<Self, JsonError> {
        let members = &mut members;
        Ok(match format {
            "account" => Self::Account {
                uri: text(members, "uri", "an acct: URI", is_account)?,
            },
            "email" => Self::Email {
                email: text(members, "email", "an address such as a@b.example", is_email)?,
            },
            "iss_sub" => Self::IssSub {
                iss: any_text(members, "iss")?,
                sub: any_text(members, "sub")?,
            },
            "opaque" => Self::Opaque {
                id: any_text(members, "id")?,
            },
            "phone_number" => {
                let expected = "an E.164 number: +, then 2 to 15 digits, without blanks";
                Self::PhoneNumber {
                    phone_number: text(members, "phone_number", expected, is_e164)?,
                }
            }
            "did" => Self::Did {
                url: text(members, "url", "a DID URL", is_did)?,
            },
            "uri" => Self::Uri {
                uri: text(members, "uri", "an absolute URI", |uri| {
                    url::Url::parse(uri).is_ok()
                })?,
            },
            "aliases" => Self::Aliases {
                identifiers: members.required_with("identifiers", read_aliases)?,
            },
            "jwt_id" => Self::JwtId {
                iss: any_text(members, "iss")?,
                jti: any_text(members, "jti")?,
            },
            "saml_assertion_id" => Self::SamlAssertionId {
                issuer: any_text(members, "issuer")?,
                assertion_id: any_text(members, "assertion_id")?,
            },
            "ip-addresses" => {
                let expected = "an array of 1 to 32 IP addresses";
                let ip_addresses: Vec<IpAddr> = members.required("ip-addresses", expected)?;
                if ip_addresses.is_empty() || ip_addresses.len() > SUBJECT_LIST_MAX {
                    return Err(JsonError::invalid("ip-addresses", expected));
                }
                Self::IpAddresses { ip_addresses }
            }
            "complex" => return Err(JsonError::invalid("format", "that of a simple subject")),
            "" => return Err(JsonError::invalid("format", "the name of a format")),
            other => Self::read_other(other, json)?,
        })
    }

    fn read_other(format: &str, json: &str) -> Result<Self, JsonError> {
        let too_long = || JsonError::invalid("format", "that of a subject of at most 8192 bytes");
        if json.len() > 4 * SUBJECT_BYTES_MAX {
            return Err(too_long());
        }
        let json = RawValue::from_string(json.to_owned()).map_err(|_| JsonError::NotAnObject)?;
        Ok(Self::Other(OtherSubject {
            format: format.to_owned(),
            json,
        }))
    }

    /// The value of `format`.
    pub fn format(&self) -> &str {
        match self {
            Self::Account { .. } => "account",
            Self::Email { .. } => "email",
            Self::IssSub { .. } => "iss_sub",
            Self::Opaque { .. } => "opaque",
            Self::PhoneNumber { .. } => "phone_number",
            Self::Did { .. } => "did",
            Self::Uri { .. } => "uri",
            Self::Aliases { .. } => "aliases",
            Self::JwtId { .. } => "jwt_id",
            Self::SamlAssertionId { .. } => "saml_assertion_id",
            Self::IpAddresses { .. } => "ip-addresses",
            Self::Other(other) => &other.format,
        }
    }

    /// The identifiers under which this subject goes: those of `aliases`, or this one alone.
    pub fn alternatives(&self) -> &[Self] {
        if let Self::Aliases { identifiers } = self {
            identifiers
        } else {
            std::slice::from_ref(self)
        }
    }
}

fn any_text(members: &mut Members<'_>, name: &str) -> Result<String, JsonError> {
    text(members, name, "a string of 1 to 2048 bytes", |_| true)
}

fn text(
    members: &mut Members<'_>,
    name: &str,
    expected: &'static str,
    fits: impl Fn(&str) -> bool,
) -> Result<String, JsonError> {
    let text: String = members.required(name, expected)?;
    if text.is_empty() || text.len() > SUBJECT_BYTES_MAX || !fits(&text) {
        return Err(JsonError::invalid(name, expected));
    }
    Ok(text)
}

fn read_aliases(json: &str) -> Result<Vec<SimpleSubject>, JsonError> {
    let expected = || JsonError::invalid("length", "1 to 32");
    let items: Vec<&RawValue> = serde_json::from_str(json)
        .map_err(|_| JsonError::invalid("type", "an array of subject identifiers"))?;
    if items.is_empty() || items.len() > SUBJECT_LIST_MAX {
        return Err(expected());
    }
    let mut identifiers = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let identifier = SimpleSubject::read_json(item.get())
            .map_err(|error| error.within(&index.to_string()))?;
        if matches!(identifier, SimpleSubject::Aliases { .. }) {
            return Err(JsonError::invalid(
                "format",
                "other than aliases inside aliases",
            ));
        }
        identifiers.push(identifier);
    }
    Ok(identifiers)
}

fn is_account(uri: &str) -> bool {
    uri.strip_prefix("acct:")
        .and_then(|rest| rest.rsplit_once('@'))
        .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
}

/// The part of RFC 5322's addr-spec that tells an address from anything else people put there.
fn is_email(address: &str) -> bool {
    let plain =
        |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '<' | '>' | ',' | ';');
    address.rsplit_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && !local.contains('@')
    }) && address.chars().all(plain)
}

fn is_e164(number: &str) -> bool {
    number.strip_prefix('+').is_some_and(|digits| {
        (2..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0')
    })
}

fn is_did(url: &str) -> bool {
    url.strip_prefix("did:")
        .and_then(|rest| rest.split_once(':'))
        .is_some_and(|(method, id)| !method.is_empty() && !id.is_empty())
}

impl fmt::Debug for SimpleSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(…)", self.format())
    }
}

impl fmt::Debug for OtherSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(…)", self.format)
    }
}

impl Serialize for SimpleSubject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Self::Other(other) = self {
            return other.json.serialize(serializer);
        }
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("format", self.format())?;
        match self {
            Self::Account { uri } | Self::Uri { uri } => map.serialize_entry("uri", uri)?,
            Self::Email { email } => map.serialize_entry("email", email)?,
            Self::IssSub { iss, sub } => {
                map.serialize_entry("iss", iss)?;
                map.serialize_entry("sub", sub)?;
            }
            Self::Opaque { id } => map.serialize_entry("id", id)?,
            Self::PhoneNumber { phone_number } => {
                map.serialize_entry("phone_number", phone_number)?;
            }
            Self::Did { url } => map.serialize_entry("url", url)?,
            Self::Aliases { identifiers } => map.serialize_entry("identifiers", identifiers)?,
            Self::JwtId { iss, jti } => {
                map.serialize_entry("iss", iss)?;
                map.serialize_entry("jti", jti)?;
            }
            Self::SamlAssertionId {
                issuer,
                assertion_id,
            } => {
                map.serialize_entry("issuer", issuer)?;
                map.serialize_entry("assertion_id", assertion_id)?;
            }
            Self::IpAddresses { ip_addresses } => {
                map.serialize_entry("ip-addresses", ip_addresses)?;
            }
            Self::Other(_) => {}
        }
        map.end()
    }
}

//! The formats of simple subject identifiers (RFC 9493 §3.2, SSF 1.0 §3.5).

use std::{fmt, net::IpAddr};

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;

use super::{OtherSubject, SUBJECT_LIST_MAX, rules};
use crate::json::{JsonError, Members};

/// A simple subject identifier, by `format`.
///
/// What is read obeys the rules of its format, and so does what a constructor such as [`SimpleSubject::email`] makes. The
/// fields are open; what was put together by hand can be checked ([`SimpleSubject::check`]). Printing it for debugging
/// shows the format alone.
///
/// ```
/// use ssf_types::subject::SimpleSubject;
///
/// let alice = SimpleSubject::email("alice@example.com")?;
/// assert_eq!(alice.format(), "email");
/// assert_eq!(format!("{alice:?}"), "email(…)");
/// let error = SimpleSubject::email("Alice <alice@example.com>").unwrap_err();
/// assert_eq!(error.to_string(), "email must be an address such as a@b.example");
/// # Ok::<(), ssf_types::json::JsonError>(())
/// ```
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
        /// `user@host`: an addr-spec (RFC 5322 §3.4.1) of at most 64 bytes before the `@` and 255 after it.
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
    ///
    /// They are read in any text form without a zone, and IPv6 is written with all eight groups (RFC 4001 §4).
    IpAddresses {
        /// 1 to [`SUBJECT_LIST_MAX`] addresses.
        ip_addresses: Vec<IpAddr>,
    },
    /// `oauth_token`: one OAuth token, in a draft of 2018 (OAuth Event Types §2.1).
    OauthToken {
        /// `access_token`, `authorization_code` or `refresh_token`.
        token_type: String,
        /// What `token` is: `plain`, `prefix`, or `hash_` and the name of a hash algorithm.
        token_identifier_alg: String,
        /// The token, its beginning or its hash.
        token: String,
    },
    /// `oauth_client`: one OAuth client, in a draft of 2018 (OAuth Event Types §2.2).
    OauthClient {
        /// As in the client's requests.
        client_id: String,
    },
    /// `scim`: a provisioned resource (RFC 9967 §2.1).
    Scim {
        /// Where the resource is, below the base of its SCIM service: `/Users/2819c223`.
        uri: String,
        /// `externalId`: its name at the client that provisioned it.
        external_id: Option<String>,
    },
    /// A format that is not ours to understand (SSF 1.0 §3.4); its bytes are kept.
    Other(OtherSubject),
}

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
                uri: rules::ACCOUNT_URI.take(members)?,
            },
            "email" => Self::Email {
                email: rules::EMAIL.take(members)?,
            },
            "iss_sub" => Self::IssSub {
                iss: rules::ISS.take(members)?,
                sub: rules::SUB.take(members)?,
            },
            "opaque" => Self::Opaque {
                id: rules::ID.take(members)?,
            },
            "phone_number" => Self::PhoneNumber {
                phone_number: rules::PHONE_NUMBER.take(members)?,
            },
            "did" => Self::Did {
                url: rules::DID_URL.take(members)?,
            },
            "uri" => Self::Uri {
                uri: rules::URI.take(members)?,
            },
            "aliases" => read_aliases(members).and_then(Self::aliases)?,
            "jwt_id" => Self::JwtId {
                iss: rules::ISS.take(members)?,
                jti: rules::JTI.take(members)?,
            },
            "saml_assertion_id" => Self::SamlAssertionId {
                issuer: rules::ISSUER.take(members)?,
                assertion_id: rules::ASSERTION_ID.take(members)?,
            },
            "ip-addresses" => members
                .required::<Vec<IpAddr>>("ip-addresses", rules::ADDRESSES_EXPECTED)
                .and_then(Self::ip_addresses)?,
            "oauth_token" => Self::OauthToken {
                token_type: rules::TOKEN_TYPE.take(members)?,
                token_identifier_alg: rules::TOKEN_IDENTIFIER_ALG.take(members)?,
                token: rules::TOKEN.take(members)?,
            },
            "oauth_client" => Self::OauthClient {
                client_id: rules::CLIENT_ID.take(members)?,
            },
            "scim" => Self::Scim {
                uri: rules::SCIM_URI.take(members)?,
                external_id: rules::EXTERNAL_ID.take_optional(members)?,
            },
            "complex" => return Err(JsonError::invalid("format", "that of a simple subject")),
            "" => return Err(JsonError::invalid("format", "the name of a format")),
            other => OtherSubject::keep(other, json).map(Self::Other)?,
        })
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
            Self::OauthToken { .. } => "oauth_token",
            Self::OauthClient { .. } => "oauth_client",
            Self::Scim { .. } => "scim",
            Self::Other(other) => other.format(),
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

/// The entries of `identifiers`; no more are read than it takes to see that they are too many.
fn read_aliases(members: &mut Members<'_>) -> Result<Vec<SimpleSubject>, JsonError> {
    let items: Vec<Box<RawValue>> = members.required("identifiers", rules::IDENTIFIERS_EXPECTED)?;
    let read = |(index, item): (usize, Box<RawValue>)| {
        SimpleSubject::read_json(item.get())
            .map_err(|error| error.within(&index.to_string()).within("identifiers"))
    };
    items
        .into_iter()
        .take(SUBJECT_LIST_MAX + 1)
        .enumerate()
        .map(read)
        .collect()
}

/// The text of an address; IPv6 has all eight groups, as in the example of SSF 1.0 §3.5.3.
fn text_form(address: &IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => address
            .segments()
            .map(|group| format!("{group:04x}"))
            .join(":"),
    }
}

impl fmt::Debug for SimpleSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Other(other) = self {
            return other.fmt(f);
        }
        write!(f, "{}(…)", self.format())
    }
}

impl Serialize for SimpleSubject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Self::Other(other) = self {
            return other.serialize(serializer);
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
                let addresses: Vec<String> = ip_addresses.iter().map(text_form).collect();
                map.serialize_entry("ip-addresses", &addresses)?;
            }
            Self::OauthToken {
                token_type,
                token_identifier_alg,
                token,
            } => {
                map.serialize_entry("token_type", token_type)?;
                map.serialize_entry("token_identifier_alg", token_identifier_alg)?;
                map.serialize_entry("token", token)?;
            }
            Self::OauthClient { client_id } => map.serialize_entry("client_id", client_id)?,
            Self::Scim { uri, external_id } => {
                map.serialize_entry("uri", uri)?;
                if let Some(external_id) = external_id {
                    map.serialize_entry("externalId", external_id)?;
                }
            }
            Self::Other(_) => {}
        }
        map.end()
    }
}

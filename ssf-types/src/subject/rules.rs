//! What each format asks of its members: one rule for each, for what is read and for what is built.

use std::net::IpAddr;

use super::{SimpleSubject, address};
use crate::json::{JsonError, Members};

/// Longest string in a subject identifier, in bytes; a URL or a distinguished name fits.
pub const SUBJECT_BYTES_MAX: usize = 2048;

/// Most entries of `identifiers` or `ip-addresses`.
pub const SUBJECT_LIST_MAX: usize = 32;

pub(super) const IDENTIFIERS_EXPECTED: &str = "an array of 1 to 32 subject identifiers";
pub(super) const ADDRESSES_EXPECTED: &str = "an array of 1 to 32 IP addresses";

/// The rule for a member that is a string.
pub(super) struct Text {
    name: &'static str,
    expected: &'static str,
    fits: fn(&str) -> bool,
}

impl Text {
    const fn any(name: &'static str) -> Self {
        Self {
            name,
            expected: "a string of 1 to 2048 bytes",
            fits: |_| true,
        }
    }

    /// Takes the member out and checks it.
    pub(super) fn take(&self, members: &mut Members<'_>) -> Result<String, JsonError> {
        let text: String = members.required(self.name, self.expected)?;
        self.check(&text)?;
        Ok(text)
    }

    /// Takes the member out and checks it, if it is there.
    pub(super) fn take_optional(
        &self,
        members: &mut Members<'_>,
    ) -> Result<Option<String>, JsonError> {
        let text: Option<String> = members.optional(self.name, self.expected)?;
        text.as_ref().map_or(Ok(()), |text| self.check(text))?;
        Ok(text)
    }

    fn check(&self, text: &str) -> Result<(), JsonError> {
        if text.is_empty() || text.len() > SUBJECT_BYTES_MAX || !(self.fits)(text) {
            return Err(JsonError::invalid(self.name, self.expected));
        }
        Ok(())
    }
}

pub(super) const ACCOUNT_URI: Text = Text {
    name: "uri",
    expected: "an acct: URI",
    fits: is_account,
};
pub(super) const EMAIL: Text = Text {
    name: "email",
    expected: "an address such as a@b.example",
    fits: address::is_addr_spec,
};
pub(super) const PHONE_NUMBER: Text = Text {
    name: "phone_number",
    expected: "an E.164 number: +, then 2 to 15 digits, without blanks",
    fits: is_e164,
};
pub(super) const DID_URL: Text = Text {
    name: "url",
    expected: "a DID URL",
    fits: is_did,
};
pub(super) const URI: Text = Text {
    name: "uri",
    expected: "an absolute URI",
    fits: |uri| is_unbroken(uri) && url::Url::parse(uri).is_ok(),
};
pub(super) const TOKEN_TYPE: Text = Text {
    name: "token_type",
    expected: "access_token, authorization_code or refresh_token",
    fits: |text| {
        matches!(
            text,
            "access_token" | "authorization_code" | "refresh_token"
        )
    },
};
pub(super) const TOKEN_IDENTIFIER_ALG: Text = Text {
    name: "token_identifier_alg",
    expected: "plain, prefix, or hash_ and the name of a hash algorithm",
    fits: is_token_identifier_alg,
};
pub(super) const ISS: Text = Text::any("iss");
pub(super) const SUB: Text = Text::any("sub");
pub(super) const ID: Text = Text::any("id");
pub(super) const JTI: Text = Text::any("jti");
pub(super) const ISSUER: Text = Text::any("issuer");
pub(super) const ASSERTION_ID: Text = Text::any("assertion_id");
pub(super) const TOKEN: Text = Text::any("token");
pub(super) const CLIENT_ID: Text = Text::any("client_id");
pub(super) const SCIM_URI: Text = Text::any("uri");
pub(super) const EXTERNAL_ID: Text = Text::any("externalId");

impl SimpleSubject {
    /// Checks the rules of the format, which a subject that was read obeys and one that was put together may not.
    ///
    /// # Errors
    /// Names the faulty member, never its value.
    pub fn check(&self) -> Result<(), JsonError> {
        match self {
            Self::Account { uri } => ACCOUNT_URI.check(uri),
            Self::Email { email } => EMAIL.check(email),
            Self::IssSub { iss, sub } => ISS.check(iss).and_then(|()| SUB.check(sub)),
            Self::Opaque { id } => ID.check(id),
            Self::PhoneNumber { phone_number } => PHONE_NUMBER.check(phone_number),
            Self::Did { url } => DID_URL.check(url),
            Self::Uri { uri } => URI.check(uri),
            Self::Aliases { identifiers } => check_aliases(identifiers),
            Self::JwtId { iss, jti } => ISS.check(iss).and_then(|()| JTI.check(jti)),
            Self::SamlAssertionId {
                issuer,
                assertion_id,
            } => ISSUER
                .check(issuer)
                .and_then(|()| ASSERTION_ID.check(assertion_id)),
            Self::IpAddresses { ip_addresses } => check_addresses(ip_addresses),
            Self::OauthToken {
                token_type,
                token_identifier_alg,
                token,
            } => TOKEN_TYPE
                .check(token_type)
                .and_then(|()| TOKEN_IDENTIFIER_ALG.check(token_identifier_alg))
                .and_then(|()| TOKEN.check(token)),
            Self::OauthClient { client_id } => CLIENT_ID.check(client_id),
            Self::Scim { uri, external_id } => {
                let external_id = external_id.as_deref();
                SCIM_URI
                    .check(uri)
                    .and_then(|()| external_id.map_or(Ok(()), |id| EXTERNAL_ID.check(id)))
            }
            Self::Other(_) => Ok(()),
        }
    }

    /// The subject itself, if it obeys the rules of its format.
    pub(super) fn checked(self) -> Result<Self, JsonError> {
        self.check()?;
        Ok(self)
    }
}

fn check_aliases(identifiers: &[SimpleSubject]) -> Result<(), JsonError> {
    if identifiers.is_empty() || identifiers.len() > SUBJECT_LIST_MAX {
        return Err(JsonError::invalid("identifiers", IDENTIFIERS_EXPECTED));
    }
    for (index, identifier) in identifiers.iter().enumerate() {
        if matches!(identifier, SimpleSubject::Aliases { .. }) {
            return Err(
                JsonError::invalid("format", "other than aliases inside aliases")
                    .within(&index.to_string())
                    .within("identifiers"),
            );
        }
        identifier
            .check()
            .map_err(|error| error.within(&index.to_string()).within("identifiers"))?;
    }
    Ok(())
}

fn check_addresses(addresses: &[IpAddr]) -> Result<(), JsonError> {
    if addresses.is_empty() || addresses.len() > SUBJECT_LIST_MAX {
        return Err(JsonError::invalid("ip-addresses", ADDRESSES_EXPECTED));
    }
    Ok(())
}

/// Whether there are no blanks and no control characters, which the parser of URLs would drop in silence.
fn is_unbroken(uri: &str) -> bool {
    !uri.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// Neither a user nor a host ends before one of these, and an `acct:` URI has nothing behind its host (RFC 7565 §7).
const ENDS_OF_HOST: [char; 3] = ['/', '?', '#'];

fn is_account(uri: &str) -> bool {
    uri.strip_prefix("acct:")
        .filter(|rest| is_unbroken(rest) && !rest.contains(ENDS_OF_HOST))
        .and_then(address::split)
        .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
}

fn is_e164(number: &str) -> bool {
    number.strip_prefix('+').is_some_and(|digits| {
        (2..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0')
    })
}

fn is_did(url: &str) -> bool {
    let is_method = |method: &str| {
        let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        !method.is_empty() && method.bytes().all(lower)
    };
    url.strip_prefix("did:")
        .filter(|rest| is_unbroken(rest))
        .and_then(|rest| rest.split_once(':'))
        .is_some_and(|(method, id)| is_method(method) && !id.is_empty())
}

fn is_token_identifier_alg(alg: &str) -> bool {
    let hash = alg.strip_prefix("hash_");
    matches!(alg, "plain" | "prefix") || hash.is_some_and(|hash| !hash.is_empty())
}

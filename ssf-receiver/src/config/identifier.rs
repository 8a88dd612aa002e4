//! `NAME=MEMBER/FORMAT`: which claims, or headers, are identifiers of a session, and of what kind.

use ssf_types::{subject::SimpleSubject, uri::Issuer};

use super::layers::Value;
use crate::revocation::COLLECTIVE;

/// Most identifiers that are made of one token, or of the headers of one request.
const RULES_MAX: usize = 16;

/// Longest name of a claim, a header or a member, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// How a claim, or a header, becomes an identifier of a session.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct IdentifierRule {
    /// The claim, or the header in lower case.
    pub name: String,
    /// The member of complex subjects that the identifier stands for, such as `user`.
    pub member: String,
    /// How the identifier is written.
    pub format: IdentifierFormat,
}

/// A format of identifiers (RFC 9493 §3.2, SSF 1.0 §3.5) that one text suffices for, with the issuer of the session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum IdentifierFormat {
    /// `account`.
    Account,
    /// `did`.
    Did,
    /// `email`.
    Email,
    /// `iss_sub`: the text is the `sub`.
    IssSub,
    /// `jwt_id`: the text is the `jti`.
    JwtId,
    /// `opaque`.
    Opaque,
    /// `phone_number`.
    PhoneNumber,
    /// `uri`.
    Uri,
}

impl IdentifierFormat {
    const ALL: [Self; 8] = [
        Self::Account,
        Self::Did,
        Self::Email,
        Self::IssSub,
        Self::JwtId,
        Self::Opaque,
        Self::PhoneNumber,
        Self::Uri,
    ];

    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Did => "did",
            Self::Email => "email",
            Self::IssSub => "iss_sub",
            Self::JwtId => "jwt_id",
            Self::Opaque => "opaque",
            Self::PhoneNumber => "phone_number",
            Self::Uri => "uri",
        }
    }

    /// The identifier with this text; `issuer` is that of the session.
    pub(crate) fn identifier(self, issuer: &Issuer, text: String) -> SimpleSubject {
        let iss = || issuer.as_str().to_owned();
        match self {
            Self::Account => SimpleSubject::Account { uri: text },
            Self::Did => SimpleSubject::Did { url: text },
            Self::Email => SimpleSubject::Email { email: text },
            Self::IssSub => SimpleSubject::IssSub {
                iss: iss(),
                sub: text,
            },
            Self::JwtId => SimpleSubject::JwtId {
                iss: iss(),
                jti: text,
            },
            Self::Opaque => SimpleSubject::Opaque { id: text },
            Self::PhoneNumber => SimpleSubject::PhoneNumber { phone_number: text },
            Self::Uri => SimpleSubject::Uri { uri: text },
        }
    }
}

impl IdentifierRule {
    fn new(name: &str, member: &str, format: IdentifierFormat) -> Self {
        Self {
            name: name.to_owned(),
            member: member.to_owned(),
            format,
        }
    }

    /// Whether it makes an identifier of one user, or one session, of that claim.
    pub(crate) fn is_of(&self, claim: &str) -> bool {
        self.name == claim && self.is_individual()
    }

    fn is_individual(&self) -> bool {
        !COLLECTIVE.contains(&self.member.as_str())
    }

    /// What tokens of OpenID Connect and of RFC 9068 have.
    pub(super) fn of_tokens() -> Vec<Self> {
        vec![
            Self::new("sub", "user", IdentifierFormat::IssSub),
            Self::new("email", "user", IdentifierFormat::Email),
            Self::new("sid", "session", IdentifierFormat::Opaque),
            Self::new("jti", "session", IdentifierFormat::JwtId),
        ]
    }
}

/// Reads a list of rules. One of them has to name a user, a session or a device: nobody's session ends because of a tenant or a
/// group alone.
pub(super) fn read_rules(value: &Value) -> Result<Vec<IdentifierRule>, String> {
    let names: Vec<&str> = IdentifierFormat::ALL.map(IdentifierFormat::as_str).into();
    let expected = || {
        format!(
            "must be a list of 1 to {RULES_MAX} texts NAME=MEMBER/FORMAT, such as sub=user/iss_sub, with a format among {}, and one of a user or a session among them",
            names.join(", ")
        )
    };
    let entries = value.list().ok_or_else(expected)?;
    let rules: Option<Vec<_>> = entries.iter().map(|entry| read_rule(entry)).collect();
    rules
        .filter(|rules| (1..=RULES_MAX).contains(&rules.len()))
        .filter(|rules| rules.iter().any(IdentifierRule::is_individual))
        .ok_or_else(expected)
}

fn read_rule(text: &str) -> Option<IdentifierRule> {
    // A claim may be a URL, and have any character.
    let (name, place) = text.rsplit_once('=')?;
    let (member, format) = place.split_once('/')?;
    let is_short = |text: &str| (1..=NAME_BYTES_MAX).contains(&text.len());
    if !is_short(name) || !is_short(member) {
        return None;
    }
    let mut formats = IdentifierFormat::ALL.into_iter();
    let format = formats.find(|one| one.as_str() == format)?;
    Some(IdentifierRule::new(name, member, format))
}

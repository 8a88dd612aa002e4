//! What a request shows of who sends it: tokens, and headers of a proxy that knows a session.

use std::{net::IpAddr, str};

use actix_web::http::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderValue};
use ssf_types::{subject::SimpleSubject, time::Timestamp, uri::Issuer};

use crate::{
    Session,
    config::{IdentifierRule, SessionHeaders},
    revocation::COLLECTIVE,
};

/// Most tokens of one request: one in `Authorization` and one in a cookie, which browsers send once for each path it was set
/// for.
const TOKENS_MAX: usize = 4;

/// Schemes of `Authorization` that have an access token (RFC 6750 §2.1, RFC 9449 §7.1).
const SCHEMES: [&str; 2] = ["Bearer", "DPoP"];

/// What is looked at.
pub(super) struct Terms {
    /// Whether anybody's tokens count.
    pub(super) reads_tokens: bool,
    /// The cookie that holds a token.
    pub(super) cookie: Option<String>,
    /// The headers of a session.
    pub(super) session_headers: Option<SessionHeaders>,
}

/// What a request shows.
pub(super) struct Shown<'r> {
    /// Tokens, which nobody has looked at.
    pub(super) tokens: Vec<&'r str>,
    /// The session that a proxy tells of, as each transmitter may end it; empty if it tells of none.
    pub(super) sessions: Vec<Session>,
}

/// What a request shows cannot be read in one way alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum ShownError {
    /// There are more tokens than anybody has.
    #[error("there are more than {TOKENS_MAX} tokens")]
    TooMany,
    /// A header is there twice, or is no text.
    #[error("a header is there twice, or is no text")]
    Unreadable,
    /// The headers of a session name nobody.
    #[error("the session has no identifier that a SET could name")]
    Nameless,
    /// The headers of a session come from somebody who is not to be believed.
    #[error("session headers come from an address that is not among trusted_proxies")]
    Untrusted,
}

impl<'r> Shown<'r> {
    /// Reads the headers of a request that comes from `peer`.
    pub(super) fn of(
        headers: &'r HeaderMap,
        peer: Option<IpAddr>,
        terms: &Terms,
    ) -> Result<Self, ShownError> {
        let mut tokens = Vec::new();
        if terms.reads_tokens {
            tokens.extend(authorized(headers)?);
            if let Some(name) = &terms.cookie {
                tokens.extend(cookies(headers, name)?);
            }
        }
        if tokens.len() > TOKENS_MAX {
            return Err(ShownError::TooMany);
        }
        let sessions = match &terms.session_headers {
            Some(wanted) => told(headers, peer, wanted)?,
            None => Vec::new(),
        };
        Ok(Self { tokens, sessions })
    }
}

/// Registers the identifiers that the rules make of texts; `None` if no SET could name any of them.
///
/// `issuer` is that of the session, and `text_of` the text of a claim or a header.
pub(super) fn identified(
    session: Session,
    rules: &[IdentifierRule],
    issuer: &Issuer,
    text_of: impl Fn(&str) -> Option<String>,
) -> Option<Session> {
    let register = |session: Session, rule: &IdentifierRule| match text_of(&rule.name) {
        Some(text) => {
            session.identifier(rule.member.as_str(), rule.format.identifier(issuer, text))
        }
        None => session,
    };
    let session = rules.iter().fold(session, register);
    let is_individual = |(member, _): (&str, &SimpleSubject)| !COLLECTIVE.contains(&member);
    let is_named = session.identifiers().any(is_individual);
    is_named.then_some(session)
}

/// Tokens in `Authorization`; other schemes have none.
fn authorized(headers: &HeaderMap) -> Result<Vec<&str>, ShownError> {
    let mut tokens = Vec::new();
    for value in headers.get_all(AUTHORIZATION) {
        let value = text(value.as_bytes())?.trim();
        let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
        if SCHEMES.iter().any(|one| scheme.eq_ignore_ascii_case(one)) {
            tokens.push(token.trim());
        }
    }
    Ok(tokens)
}

/// The values of all cookies of this name; empty ones are what is left of a session that the application ended.
fn cookies<'r>(headers: &'r HeaderMap, name: &str) -> Result<Vec<&'r str>, ShownError> {
    let mut values = Vec::new();
    // Byte by byte, since other cookies are none of our business.
    let headers = headers.get_all(COOKIE).map(HeaderValue::as_bytes);
    for pair in headers.flat_map(|header| header.split(|byte| *byte == b';')) {
        let value = pair.trim_ascii().strip_prefix(name.as_bytes());
        let Some(value) = value.and_then(|rest| rest.trim_ascii_start().strip_prefix(b"=")) else {
            continue;
        };
        let value = text(value)?.trim();
        let quoted = value
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        let value = quoted.unwrap_or(value);
        if !value.is_empty() {
            values.push(value);
        }
    }
    Ok(values)
}

/// The session that a proxy tells of, as each transmitter may end it; empty if it tells of none.
fn told(
    headers: &HeaderMap,
    peer: Option<IpAddr>,
    wanted: &SessionHeaders,
) -> Result<Vec<Session>, ShownError> {
    let is_there = |rule: &IdentifierRule| headers.contains_key(rule.name.as_str());
    if !wanted.identifiers.iter().any(is_there) {
        return Ok(Vec::new());
    }
    // A socket that takes both families has IPv4 addresses in the form of IPv6.
    let peer = peer.map(|peer| peer.to_canonical());
    let is_trusted = |peer: IpAddr| wanted.trusted_proxies.iter().any(|net| net.contains(&peer));
    if !peer.is_some_and(is_trusted) {
        return Err(ShownError::Untrusted);
    }
    let mut texts = Vec::new();
    for rule in &wanted.identifiers {
        if let Some(text) = only(headers, &rule.name)? {
            texts.push((rule.name.as_str(), text));
        }
    }
    // A proxy writes an empty header where it has nothing to tell.
    if texts.is_empty() {
        return Ok(Vec::new());
    }
    let moment = |name: &str| -> Result<Option<Timestamp>, ShownError> {
        let text = only(headers, name)?;
        Ok(text
            .and_then(|text| text.parse().ok())
            .map(Timestamp::from_secs))
    };
    // Whoever cannot tell when a session began has it end with all of its user's.
    let began = moment(&wanted.began)?.unwrap_or_default();
    let auth_time = match &wanted.auth_time {
        Some(name) => moment(name)?,
        None => None,
    };
    let text_of = |name: &str| {
        let mut texts = texts.iter();
        texts
            .find(|(found, _)| *found == name)
            .map(|(_, text)| (*text).to_owned())
    };
    let in_scope = |scope: &Issuer| {
        let mut session = Session::new(scope.clone(), began);
        if let Some(auth_time) = auth_time {
            session = session.auth_time(auth_time);
        }
        let issuer = wanted.issuer.as_ref().unwrap_or(scope);
        identified(session, &wanted.identifiers, issuer, text_of)
    };
    let sessions: Option<Vec<Session>> = wanted.scopes.iter().map(in_scope).collect();
    sessions.ok_or(ShownError::Nameless)
}

/// The text of a header that is there once; `None` if it is absent or empty.
fn only<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, ShownError> {
    let mut values = headers.get_all(name);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(ShownError::Unreadable);
    }
    let value = text(value.as_bytes())?.trim();
    Ok((!value.is_empty()).then_some(value))
}

fn text(bytes: &[u8]) -> Result<&str, ShownError> {
    str::from_utf8(bytes).map_err(|_| ShownError::Unreadable)
}

#[cfg(test)]
mod tests;

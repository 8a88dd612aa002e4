//! What `/auth` decides by: tokens, or headers of proxies.

use std::net::IpAddr;

use ipnet::IpNet;
use ssf_types::uri::{EndpointUrl, Issuer};

use super::{
    Source, TransmitterSettings,
    identifier::{IdentifierRule, read_rules},
    layers::Value,
    reader::Reader,
    scopes,
    secret::Faulty,
    token_issuer::{self, TokenIssuerSettings},
};

/// Longest name of a cookie or a header, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// Longest address of a sign-in, in bytes: what browsers and proxies take without a doubt.
const SIGN_IN_URL_BYTES_MAX: usize = 2048;

/// Most addresses and networks of proxies.
const PROXIES_MAX: usize = 64;

/// What `/auth` decides by.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuthSettings {
    /// Whose tokens count; with none, tokens are not looked at.
    pub token_issuers: Vec<TokenIssuerSettings>,
    /// The cookie that holds a token, beside `Authorization`.
    pub cookie: Option<String>,
    /// Which headers tell of a session, and whose.
    pub session_headers: Option<SessionHeaders>,
    /// What becomes of requests that show neither.
    pub anonymous: Anonymous,
    /// Where the page leads that people get who are refused: a path of the application, or a URL.
    pub sign_in_url: Option<String>,
}

/// What becomes of requests that show no session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Anonymous {
    /// They are refused.
    Refuse,
    /// They pass, since the application asks whom it wants to know.
    Pass,
}

/// Headers with which a proxy tells of a session that it knows.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionHeaders {
    /// Which of them are identifiers.
    pub identifiers: Vec<IdentifierRule>,
    /// The header with when the session began: seconds since 1970, by the clock of the identity provider.
    pub began: String,
    /// The header with when the user last proved who they are.
    pub auth_time: Option<String>,
    /// The `iss` of `iss_sub` and `jwt_id`; `None` for the transmitter.
    pub issuer: Option<Issuer>,
    /// The issuers of the transmitters whose SETs end the sessions; at least one.
    pub scopes: Vec<Issuer>,
    /// Whose headers count.
    pub trusted_proxies: Vec<IpNet>,
}

/// Reads it; there is none where neither tokens nor headers are named.
///
/// Without transmitters there is something wrong that is told elsewhere.
pub(super) fn read(
    reader: &mut Reader,
    transmitters: &[TransmitterSettings],
) -> Result<Option<AuthSettings>, Faulty> {
    let token_issuers = token_issuer::read(reader, transmitters);
    let cookie = reader.value("auth_cookie", |value| value.map(read_name).transpose());
    let anonymous = reader.value("auth_anonymous", |value| match value.map(Value::text) {
        None | Some(Some("refuse")) => Ok(Anonymous::Refuse),
        Some(Some("pass")) => Ok(Anonymous::Pass),
        Some(_) => Err("must be refuse or pass".to_owned()),
    });
    let sign_in_url = reader.value("auth_sign_in_url", |value| {
        value.map(read_sign_in_url).transpose()
    });
    let session_headers = read_session_headers(reader, transmitters)?;
    let (token_issuers, cookie) = (token_issuers.ok_or(Faulty)?, cookie.ok_or(Faulty)?);
    if cookie.is_some() && token_issuers.is_empty() {
        let problem = "must stand beside a table [[token_issuer]], whose tokens the cookie holds";
        reader.fault("auth_cookie", Source::Default, problem.to_owned());
    }
    let settings = AuthSettings {
        token_issuers,
        cookie,
        session_headers,
        anonymous: anonymous.ok_or(Faulty)?,
        sign_in_url: sign_in_url.ok_or(Faulty)?,
    };
    let is_asked = !settings.token_issuers.is_empty() || settings.session_headers.is_some();
    Ok(is_asked.then_some(settings))
}

fn read_session_headers(
    reader: &mut Reader,
    transmitters: &[TransmitterSettings],
) -> Result<Option<SessionHeaders>, Faulty> {
    let identifiers = reader.value("session_headers", |value| {
        value.map(read_header_rules).transpose()
    });
    let is_set = !matches!(identifiers, Some(None));
    let beside = |value: Option<&Value>| {
        if value.is_some() && !is_set {
            return Err("must stand beside session_headers".to_owned());
        }
        Ok(())
    };
    let needed = |value: Option<&Value>| {
        if value.is_none() && is_set {
            return Err("must be set, because session_headers is".to_owned());
        }
        beside(value)
    };
    let proxies = reader.value("trusted_proxies", |value| {
        needed(value)?;
        value.map(read_proxies).transpose()
    });
    let began = reader.value("session_began_header", |value| {
        needed(value)?;
        value.map(read_header).transpose()
    });
    let auth_time = reader.value("session_auth_time_header", |value| {
        beside(value)?;
        value.map(read_header).transpose()
    });
    let issuer = reader.value("session_issuer", |value| {
        beside(value)?;
        let parse = |value: &Value| Issuer::parse(value.text().unwrap_or_default());
        let issuer = value.map(parse).transpose();
        issuer.map_err(|error| format!("must be an https URL without query and fragment: {error}"))
    });
    let own = issuer.as_ref().and_then(Option::as_ref);
    let scopes = reader.value("session_transmitters", |value| {
        beside(value)?;
        if !is_set || transmitters.is_empty() {
            return Ok(Vec::new());
        }
        scopes::read(value, own, transmitters)
    });
    let (auth_time, issuer) = (auth_time.ok_or(Faulty)?, issuer.ok_or(Faulty)?);
    let scopes = scopes.ok_or(Faulty)?;
    let (identifiers, began) = (identifiers.ok_or(Faulty)?, began.ok_or(Faulty)?);
    let trusted_proxies = proxies.ok_or(Faulty)?;
    let (Some(identifiers), Some(began), Some(trusted_proxies)) =
        (identifiers, began, trusted_proxies)
    else {
        return Ok(None);
    };
    Ok(Some(SessionHeaders {
        identifiers,
        began,
        auth_time,
        issuer,
        scopes,
        trusted_proxies,
    }))
}

fn read_header_rules(value: &Value) -> Result<Vec<IdentifierRule>, String> {
    let mut rules = read_rules(value)?;
    for rule in &mut rules {
        rule.name = checked_header(&rule.name).ok_or_else(|| NO_HEADER.to_owned())?;
    }
    Ok(rules)
}

const NO_HEADER: &str = "must be the name of a header, such as X-Session-Id";

fn read_header(value: &Value) -> Result<String, String> {
    let header = value.text().and_then(checked_header);
    header.ok_or_else(|| NO_HEADER.to_owned())
}

/// The name of a header in lower case, as names are compared.
fn checked_header(name: &str) -> Option<String> {
    is_token(name).then(|| name.to_ascii_lowercase())
}

fn read_name(value: &Value) -> Result<String, String> {
    let name = value.text().filter(|name| is_token(name));
    name.map(str::to_owned)
        .ok_or_else(|| "must be the name of a cookie".to_owned())
}

fn read_sign_in_url(value: &Value) -> Result<String, String> {
    let text = value.text().unwrap_or_default();
    // Two slashes, or one that browsers take for a second, lead to another host.
    let is_path = text.starts_with('/') && !text.starts_with("//") && !text.contains('\\');
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    if text.len() <= SIGN_IN_URL_BYTES_MAX
        && is_plain
        && (is_path || EndpointUrl::parse(text).is_ok())
    {
        return Ok(text.to_owned());
    }
    Err(format!(
        "must be a path, such as /login, or an https URL, of at most {SIGN_IN_URL_BYTES_MAX} visible ASCII characters"
    ))
}

/// Whether a text can be the name of a header or a cookie (RFC 9110 §5.6.2).
fn is_token(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_plain)
}

fn read_proxies(value: &Value) -> Result<Vec<IpNet>, String> {
    let expected = || {
        format!(
            "must be a list of 1 to {PROXIES_MAX} addresses or networks, such as 127.0.0.1, 10.0.0.0/24"
        )
    };
    let entries = value.list().ok_or_else(expected)?;
    let network = |text: &String| {
        let address = text.parse::<IpAddr>().map(IpNet::from);
        address.or_else(|_| text.parse()).ok()
    };
    let networks: Option<Vec<IpNet>> = entries.iter().map(network).collect();
    networks
        .filter(|networks| (1..=PROXIES_MAX).contains(&networks.len()))
        .ok_or_else(expected)
}

//! How a transmitter's stream management lets the program in: with a token, or as a client that an authorization server gives
//! tokens.

use std::{fs::File, io::Read, path::Path};

use secrecy::SecretString;
use ssf_types::{jose::SigningKey, uri::Issuer};

use super::{
    Source,
    layers::Value,
    reader::Reader,
    secret::{self, Faulty},
};
use crate::{
    OAuthClient,
    client::{Http, access::Access},
};

/// Longest file with a key, in bytes: RSA keys of 8192 bits have 7 KiB.
const KEY_BYTES_MAX: u64 = 16 * 1024;

/// Longest name of a client, in bytes.
const CLIENT_ID_BYTES_MAX: usize = 255;

/// Most scopes that are asked for, and their length in bytes.
const SCOPES_MAX: usize = 32;
const SCOPE_BYTES_MAX: usize = 255;

/// What lets the program in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Credentials {
    /// A bearer token.
    Token(SecretString),
    /// A client that gets tokens.
    Client(Box<OAuthClient>),
}

impl Credentials {
    /// What authorises requests to the transmitter.
    pub(crate) fn access(self, issuer: &Issuer, http: &Http) -> Access {
        match self {
            Self::Token(token) => Access::Token(token),
            Self::Client(client) => Access::of_client(*client, issuer, http),
        }
    }
}

/// Reads them; `None` if there are none.
pub(super) fn read(table: &mut Reader) -> Result<Option<Credentials>, Faulty> {
    let token = secret::read(table, "management_token", "management_token_file");
    let client_secret = secret::read(table, "client_secret", "client_secret_file");
    let key = table.value("client_key_file", |value| value.map(read_key).transpose());
    let id = table.value("client_id", |value| value.map(read_client_id).transpose());
    let server = table.value("authorization_server", |value| {
        value.map(read_server).transpose()
    });
    let scopes = table.value("scopes", |value| value.map(read_scopes).transpose());
    let (Some(key), Some(id), Some(server), Some(scopes)) = (key, id, server, scopes) else {
        return Err(Faulty);
    };
    let mut fault = |key: &'static str, problem: &str| {
        table.fault(key, Source::Default, problem.to_owned());
        Err(Faulty)
    };
    let client = match (token?, id, client_secret?, key) {
        (token, None, None, None) if server.is_none() && scopes.is_none() => {
            return Ok(token.map(Credentials::Token));
        }
        (None, Some(id), Some(secret), None) => OAuthClient::with_secret(id, secret),
        (None, Some(id), None, Some(key)) => OAuthClient::with_key(id, key),
        (Some(_), ..) => {
            let problem = "must not stand beside client_id and what belongs to it: a client gets its tokens by itself";
            return fault("management_token", problem);
        }
        (None, None, ..) => {
            let problem = "must be set beside client_secret_file, client_key_file, authorization_server and scopes";
            return fault("client_id", problem);
        }
        (None, Some(_), ..) => {
            let problem = "must be set beside client_id, or client_key_file, and not both";
            return fault("client_secret_file", problem);
        }
    };
    let client = match server {
        Some(server) => client.authorization_server(server),
        None => client,
    };
    let client = match scopes {
        Some(scopes) => client.scopes(scopes),
        None => client,
    };
    Ok(Some(Credentials::Client(Box::new(client))))
}

pub(super) fn read_client_id(value: &Value) -> Result<String, String> {
    let is_id = |text: &&str| {
        (1..=CLIENT_ID_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
    };
    let text = value.text().filter(is_id);
    text.map(str::to_owned)
        .ok_or_else(|| format!("must be 1 to {CLIENT_ID_BYTES_MAX} visible ASCII characters"))
}

fn read_server(value: &Value) -> Result<Issuer, String> {
    let text = value.text().unwrap_or_default();
    Issuer::parse(text).map_err(|error| {
        format!("must be the issuer of an authorization server, an https URL: {error}")
    })
}

/// Texts without blanks, quotes and backslashes (RFC 6749 §3.3).
fn read_scopes(value: &Value) -> Result<Vec<String>, String> {
    let is_scope = |scope: &String| {
        (1..=SCOPE_BYTES_MAX).contains(&scope.len())
            && scope
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'))
    };
    value
        .list()
        .filter(|scopes| scopes.len() <= SCOPES_MAX && scopes.iter().all(is_scope))
        .ok_or_else(|| {
            format!("must be a list of at most {SCOPES_MAX} scopes, each of at most {SCOPE_BYTES_MAX} bytes")
        })
}

pub(super) fn read_key(value: &Value) -> Result<SigningKey, String> {
    let path = value.text().filter(|path| !path.is_empty());
    let path = Path::new(path.ok_or("must be the path of a file")?);
    let mut text = String::new();
    let file = File::open(path).map_err(|error| format!("cannot be read: {error}"))?;
    file.take(KEY_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(|error| format!("cannot be read: {error}"))?;
    if text.len() as u64 > KEY_BYTES_MAX {
        return Err(format!("has more than {KEY_BYTES_MAX} bytes"));
    }
    let key = if text.trim_start().starts_with('{') {
        SigningKey::from_jwk(text.as_bytes())
    } else {
        SigningKey::from_any_pem(&text)
    };
    key.map_err(|error| format!("must be a private key, in PEM or as a JWK: {error}"))
}

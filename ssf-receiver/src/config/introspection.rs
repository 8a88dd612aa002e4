//! `[introspection]`: the authorization server that is asked about tokens, and who may ask here.

use secrecy::SecretString;
use ssf_types::uri::{EndpointUrl, Issuer};

use super::{
    Credentials, Source, TransmitterSettings,
    credentials::{read_client_id, read_key},
    identifier::{IdentifierRule, read_rules},
    layers::Value,
    reader::Reader,
    scopes,
    secret::{self, Faulty},
};
use crate::OAuthClient;

/// Longest `aud` of an assertion, in bytes.
const AUDIENCE_BYTES_MAX: usize = 2048;

/// The authorization server that is asked about tokens, and who may ask here.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IntrospectionSettings {
    /// Its introspection endpoint.
    pub url: EndpointUrl,
    /// What the program shows there.
    pub credentials: Credentials,
    /// The `aud` of assertions that a client signs; `None` for `issuer`.
    pub assertion_audience: Option<String>,
    /// What those show who ask here: as a bearer token, or with `caller_id`.
    pub caller_secret: SecretString,
    /// The name that belongs to it in the scheme `Basic`; `None` if that is not taken.
    pub caller_id: Option<String>,
    /// Whose tokens an answer without `iss` is about.
    pub issuer: Issuer,
    /// The issuers of the transmitters whose SETs end the sessions; at least one.
    pub scopes: Vec<Issuer>,
    /// Which members of an answer are identifiers of the session.
    pub identifiers: Vec<IdentifierRule>,
}

/// Reads the table; `None` if there is none.
///
/// Without transmitters there is something wrong that is told elsewhere.
pub(super) fn read(
    reader: &mut Reader,
    transmitters: &[TransmitterSettings],
) -> Result<Option<IntrospectionSettings>, Faulty> {
    let Some(mut table) = reader.table("introspection")? else {
        return Ok(None);
    };
    let settings = of_table(&mut table, transmitters);
    reader.close(table);
    settings.map(Some).ok_or(Faulty)
}

fn of_table(
    table: &mut Reader,
    transmitters: &[TransmitterSettings],
) -> Option<IntrospectionSettings> {
    let url = table.value("url", |value| {
        let expected = "must be set: the https URL of the authorization server's introspection endpoint, or an http one on loopback";
        let text = value.and_then(Value::text).ok_or(expected)?;
        EndpointUrl::parse(text).map_err(|error| format!("{expected}: {error}"))
    });
    let credentials = read_credentials(table);
    let assertion_audience = table.value("assertion_audience", |value| {
        value.map(read_audience).transpose()
    });
    let caller_secret = secret::read(table, "caller_secret", "caller_secret_file");
    let caller_id = table.value("caller_id", |value| value.map(read_client_id).transpose());
    let issuer = table.value("issuer", |value| {
        let parse = |value: &Value| Issuer::parse(value.text().unwrap_or_default());
        let issuer = value.map(parse).transpose();
        issuer.map_err(|error| format!("must be an https URL without query and fragment: {error}"))
    });
    let identifiers = table.value("identifiers", |value| match value {
        None => Ok(IdentifierRule::of_tokens()),
        Some(value) => read_rules(value),
    });
    let scopes = table.value("transmitters", |value| {
        if transmitters.is_empty() {
            return Ok(Vec::new());
        }
        let own = issuer.as_ref().and_then(Option::as_ref);
        scopes::read(value, own, transmitters)
    });
    let caller_secret = caller_secret.ok()?;
    if caller_secret.is_none() {
        let problem = "must be set: what those show who ask here";
        table.fault("caller_secret_file", Source::Default, problem.to_owned());
    }
    let scopes = scopes?;
    Some(IntrospectionSettings {
        url: url?,
        credentials: credentials?,
        assertion_audience: assertion_audience?,
        caller_secret: caller_secret?,
        caller_id: caller_id?,
        issuer: issuer?.or_else(|| scopes.first().cloned())?,
        scopes,
        identifiers: identifiers?,
    })
}

fn read_credentials(table: &mut Reader) -> Option<Credentials> {
    let token = secret::read(table, "token", "token_file");
    let secret = secret::read(table, "client_secret", "client_secret_file");
    let key = table.value("client_key_file", |value| value.map(read_key).transpose());
    let id = table.value("client_id", |value| value.map(read_client_id).transpose());
    let client = match (token.ok()?, id?, secret.ok()?, key?) {
        (Some(token), None, None, None) => return Some(Credentials::Token(token)),
        (None, Some(id), Some(secret), None) => OAuthClient::with_secret(id, secret),
        (None, Some(id), None, Some(key)) => OAuthClient::with_key(id, key),
        _ => {
            let problem = "must be set, with client_secret_file or client_key_file beside it and not both; or else token_file alone";
            table.fault("client_id", Source::Default, problem.to_owned());
            return None;
        }
    };
    Some(Credentials::Client(Box::new(client)))
}

fn read_audience(value: &Value) -> Result<String, String> {
    let is_sound = |text: &&str| (1..=AUDIENCE_BYTES_MAX).contains(&text.len());
    let text = value.text().filter(is_sound);
    text.map(str::to_owned)
        .ok_or_else(|| format!("must be a text of 1 to {AUDIENCE_BYTES_MAX} bytes"))
}

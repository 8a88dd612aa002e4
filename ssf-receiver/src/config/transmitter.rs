//! `[[transmitter]]`: whom SETs come from.

use secrecy::{ExposeSecret, SecretString};
use ssf_types::{
    audience::Audience,
    event::Family,
    secret::AuthorizationHeader,
    uri::{EventTypeUri, Issuer},
};

use super::{
    Source,
    layers::Value,
    reader::{Reader, is_name},
    secret,
};
use crate::revocation::Unknown;

/// Most members of complex subjects that sessions are said to register.
const MEMBERS_MAX: usize = 16;

/// Longest name of such a member, in bytes.
const MEMBER_BYTES_MAX: usize = 64;

/// What was said of one transmitter.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TransmitterSettings {
    /// Its name here: the last segment of the path that it pushes to.
    pub name: String,
    /// Its issuer, byte for byte.
    pub issuer: Issuer,
    /// How its stream is come by.
    pub stream: StreamSettings,
    /// What the stream asks for; `None` for what an embedded receiver asks for.
    pub events: Option<Vec<EventTypeUri>>,
    /// Members of complex subjects that sessions register; `None` for those of an embedded receiver.
    pub members: Option<Vec<String>>,
    /// What to do with members that sessions do not register.
    pub unknown_members: Unknown,
}

/// How a stream is come by.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StreamSettings {
    /// It is found or made with this bearer token, and SETs are pushed.
    Pushed(SecretString),
    /// It is found or made with this bearer token, and polled.
    Polled(SecretString),
    /// Somebody else made it, and SETs are pushed: its `aud`, and the `Authorization` that they come with.
    Existing(Audience, AuthorizationHeader),
}

/// Reads the tables, of which there has to be one.
pub(super) fn read(reader: &mut Reader) -> Option<TransmitterSettings> {
    let mut tables = reader.tables("transmitter")?;
    let names: Vec<&str> = tables.iter().map(|(name, _)| name.as_str()).collect();
    if names.len() != 1 {
        let problem = match names.as_slice() {
            [] => "must be set: one table [[transmitter]] with a name, and what is known of it"
                .to_owned(),
            names => format!(
                "must be one transmitter: a process serves no more; there are {}",
                names.join(", ")
            ),
        };
        reader.fault("transmitter", Source::Default, problem);
    }
    let (name, mut table) = tables.pop()?;
    if !is_name(&name) {
        let problem = "must have a name of the characters a-z and 0-9".to_owned();
        table.fault("name", Source::Default, problem);
    }
    let settings = one(name, &mut table);
    // What is wrong with the others does not matter: there must not be any.
    reader.close(table);
    settings
}

fn one(name: String, table: &mut Reader) -> Option<TransmitterSettings> {
    let issuer = table.value("issuer", |value| {
        let text = value.ok_or("must be set: an https URL, byte for byte as in the SETs")?;
        let text = text.text().ok_or("must be an https URL")?;
        Issuer::parse(text)
            .map_err(|error| format!("must be an https URL without query and fragment: {error}"))
    });
    let stream = read_stream(table);
    let events = table.value("events", |value| value.map(read_events).transpose());
    let members = table.value("members", |value| value.map(read_members).transpose());
    let unknown_members = table.value("unknown_members", |value| match value.map(Value::text) {
        None | Some(Some("widen")) => Ok(Unknown::Widen),
        Some(Some("ignore")) => Ok(Unknown::Ignore),
        Some(_) => Err("must be widen or ignore".to_owned()),
    });
    Some(TransmitterSettings {
        name,
        issuer: issuer?,
        stream: stream?,
        events: events?,
        members: members?,
        unknown_members: unknown_members?,
    })
}

fn read_stream(table: &mut Reader) -> Option<StreamSettings> {
    let token = secret::read(table, "management_token", "management_token_file");
    let header = secret::read(table, "push_authorization", "push_authorization_file");
    let managed = table.value("delivery", |value| match value.map(Value::text) {
        None | Some(Some("push")) => Ok(StreamSettings::Pushed as fn(_) -> _),
        Some(Some("poll")) => Ok(StreamSettings::Polled as fn(_) -> _),
        Some(_) => Err("must be push or poll".to_owned()),
    });
    let audience = table.value("audience", |value| value.map(read_audience).transpose());
    match (token.ok()?, header.ok()?, audience?) {
        (Some(token), None, None) => Some(managed?(token)),
        (None, Some(header), Some(audience)) => {
            let parsed = AuthorizationHeader::parse(header.expose_secret());
            let header = parsed.map_err(|error| {
                table.fault("push_authorization", Source::Default, error.to_string());
            });
            Some(StreamSettings::Existing(audience, header.ok()?))
        }
        (None, None, None) => {
            let problem = "must be set, or audience and push_authorization_file for a stream that somebody else made";
            table.fault("management_token_file", Source::Default, problem.to_owned());
            None
        }
        (None, _, _) => {
            let problem = "must stand beside push_authorization_file: a stream that somebody else made has both";
            table.fault("audience", Source::Default, problem.to_owned());
            None
        }
        (Some(_), _, _) => {
            let problem = "must not stand beside audience or push_authorization, which are for a stream that somebody else made";
            table.fault("management_token", Source::Default, problem.to_owned());
            None
        }
    }
}

fn read_audience(value: &Value) -> Result<Audience, String> {
    let expected = "must be the aud of the stream's SETs: a list of texts";
    let values = value.list().ok_or(expected)?;
    Audience::new(values).map_err(|_| expected.to_owned())
}

pub(super) fn read_events(value: &Value) -> Result<Vec<EventTypeUri>, String> {
    let expected = "must be a list of event type URIs, framework events excepted";
    let uris = value
        .list()
        .filter(|uris| !uris.is_empty())
        .ok_or(expected)?;
    if uris
        .iter()
        .any(|uri| uri.starts_with(Family::Ssf.base_uri()))
    {
        return Err(expected.to_owned());
    }
    let parsed: Result<Vec<_>, _> = uris.into_iter().map(EventTypeUri::parse).collect();
    parsed.map_err(|_| expected.to_owned())
}

fn read_members(value: &Value) -> Result<Vec<String>, String> {
    let is_short = |member: &String| member.len() <= MEMBER_BYTES_MAX;
    value
        .list()
        .filter(|members| (1..=MEMBERS_MAX).contains(&members.len()))
        .filter(|members| members.iter().all(is_short))
        .ok_or_else(|| {
            format!("must be a list of 1 to {MEMBERS_MAX} members, such as user, session, each of at most {MEMBER_BYTES_MAX} bytes")
        })
}

//! `[[transmitter]]`: whom SETs come from.

use std::{net::SocketAddr, ops::RangeInclusive, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use ssf_types::{
    audience::Audience,
    dialect::Dialect,
    event::Family,
    secret::AuthorizationHeader,
    uri::{EndpointUrl, EventTypeUri, Issuer, UriError},
};

use super::{
    Credentials, Listen, Source, actions, credentials,
    layers::Value,
    reader::{Reader, is_name},
    secret,
};
use crate::{
    actions::{Action, Trigger},
    freshness::WhenStale,
    revocation::{SCOPES_MAX, Unknown, issuer_form},
};

/// Most members of complex subjects that sessions are said to register.
const MEMBERS_MAX: usize = 16;

/// Longest name of such a member, in bytes.
const MEMBER_BYTES_MAX: usize = 64;

/// How many revocations may be kept in memory, at least and at most: 44 KB to 4.4 GB.
const REVOCATIONS: RangeInclusive<u64> = 1_000..=100_000_000;

/// At which age something is over, at least and at most, in hours: up to ten years.
const AGE_HOURS: RangeInclusive<u64> = 1..=87_600;

/// At which age a push secret is changed, at least and at most, in days.
const DAYS: RangeInclusive<u64> = 1..=3_650;

/// What was said of one transmitter.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TransmitterSettings {
    /// Its name here: the last segment of the path that it pushes to.
    pub name: String,
    /// Its issuer, byte for byte.
    pub issuer: Issuer,
    /// How it writes SETs.
    pub dialect: &'static Dialect,
    /// How its stream is come by.
    pub stream: StreamSettings,
    /// What the stream asks for; `None` for what an embedded receiver asks for.
    pub events: Option<Vec<EventTypeUri>>,
    /// Members of complex subjects that sessions register; `None` for those of an embedded receiver.
    pub members: Option<Vec<String>>,
    /// What to do with members that sessions do not register.
    pub unknown_members: Unknown,
    /// The same for events about a device.
    pub unknown_members_of_device_events: Unknown,
    /// What becomes of sessions while it is not known what was revoked lately.
    pub when_stale: WhenStale,
    /// What follows from events, where it is not what follows by default.
    pub actions: Vec<(Trigger, Action)>,
    /// Most revocations in memory.
    pub revocations_max: u32,
    /// At which age sessions are over; whole hours.
    pub session_age_max: Duration,
    /// At which age SETs are forgotten; whole days.
    pub set_age_max: Duration,
    /// Within which time a user proves afresh who they are; whole hours.
    pub authentication_age_max: Option<Duration>,
    /// At which age the push secret is changed by itself; whole days.
    pub push_secret_age_max: Option<Duration>,
    /// What those show who end all sessions of a user that this transmitter may end; `None` if nobody does.
    pub revocation_secret: Option<SecretString>,
}

/// How a stream is come by.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StreamSettings {
    /// It is found or made with these credentials, and SETs are pushed.
    Pushed(Credentials),
    /// It is found or made with these credentials, and polled.
    Polled(Credentials),
    /// Somebody else made it, and SETs are pushed: its `aud`, and the `Authorization` that they come with.
    Existing(Audience, AuthorizationHeader),
    /// Somebody else made it, and it is polled: its `aud`, where, and the bearer token for that.
    ExistingPolled(Audience, EndpointUrl, SecretString),
}

/// Reads the tables, of which there has to be at least one.
pub(super) fn read(reader: &mut Reader) -> Option<Vec<TransmitterSettings>> {
    let tables = reader.tables("transmitter")?;
    if !(1..=SCOPES_MAX).contains(&tables.len()) {
        let problem = format!(
            "must be set: 1 to {SCOPES_MAX} tables [[transmitter]], each with a name, and what is known of it"
        );
        reader.fault("transmitter", Source::Default, problem);
    }
    let mut transmitters: Vec<Option<TransmitterSettings>> = Vec::new();
    for (name, mut table) in tables {
        if !is_name(&name) {
            let problem = "must have a name of the characters a-z and 0-9".to_owned();
            table.fault("name", Source::Default, problem);
        }
        let settings = one(name, &mut table);
        let is_taken = |issuer: &Issuer| {
            let mut others = transmitters.iter().flatten();
            others.any(|other| issuer_form(&other.issuer) == issuer_form(issuer))
        };
        if settings.as_ref().is_some_and(|one| is_taken(&one.issuer)) {
            let problem = "must not be that of another table".to_owned();
            table.fault("issuer", Source::Default, problem);
        }
        transmitters.push(settings);
        reader.close(table);
    }
    transmitters.into_iter().collect()
}

impl TransmitterSettings {
    /// Where the transmitter pushes to, if the address that was bound is `bound`; `None` if it is polled.
    ///
    /// # Errors
    /// Never, since what the URL is made of was checked with room to spare.
    pub fn endpoint(
        &self,
        listen: &Listen,
        bound: SocketAddr,
    ) -> Result<Option<EndpointUrl>, UriError> {
        match &self.stream {
            StreamSettings::Polled(_) | StreamSettings::ExistingPolled(..) => Ok(None),
            StreamSettings::Pushed(_) | StreamSettings::Existing(..) => {
                listen.endpoint(bound, &self.name).map(Some)
            }
        }
    }
}

fn one(name: String, table: &mut Reader) -> Option<TransmitterSettings> {
    let issuer = table.value("issuer", |value| {
        let text = value.ok_or("must be set: an https URL, byte for byte as in the SETs")?;
        let text = text.text().ok_or("must be an https URL")?;
        Issuer::parse(text)
            .map_err(|error| format!("must be an https URL without query and fragment: {error}"))
    });
    let dialect = table.value("dialect", read_dialect);
    let stream = read_stream(table);
    let events = table.value("events", |value| value.map(read_events).transpose());
    let members = table.value("members", |value| value.map(read_members).transpose());
    let unknown_members = table.value("unknown_members", |value| {
        read_unknown(value, Unknown::Widen)
    });
    let of_device = table.value("unknown_members_of_device_events", |value| {
        read_unknown(value, Unknown::Ignore)
    });
    let when_stale = table.value("when_stale", read_when_stale);
    let is_mute = matches!(stream, Some(StreamSettings::Existing(..)));
    if is_mute && when_stale.is_some_and(|one| one != WhenStale::Open) {
        let problem = "must be open for a stream that somebody else manages, and that is pushed: nothing tells whether it is silent";
        table.fault("when_stale", Source::Default, problem.to_owned());
    }
    let actions = table.value("actions", |value| value.map(actions::read).transpose());
    let revocations_max = table.number("revocations_max", 1_000_000, REVOCATIONS);
    let session_age = table.number("session_age_max_hours", 30 * 24, AGE_HOURS);
    let set_age = table.number("set_age_max_days", 90, DAYS);
    let authentication_age = table.value("authentication_age_max_hours", read_age);
    let push_secret_age = table.value("push_secret_age_max_days", read_days);
    let revocation_secret = secret::read(table, "revocation_secret", "revocation_secret_file");
    Some(TransmitterSettings {
        name,
        issuer: issuer?,
        dialect: dialect?,
        stream: stream?,
        events: events?,
        members: members?,
        unknown_members: unknown_members?,
        unknown_members_of_device_events: of_device?,
        when_stale: when_stale?,
        actions: actions?.unwrap_or_default(),
        revocations_max: u32::try_from(revocations_max?).ok()?,
        session_age_max: Duration::from_hours(session_age?),
        set_age_max: Duration::from_hours(24 * set_age?),
        authentication_age_max: authentication_age?,
        push_secret_age_max: push_secret_age?,
        revocation_secret: revocation_secret.ok()?,
    })
}

#[derive(Clone, Copy)]
enum Method {
    Push,
    Poll,
}

/// What is known of a stream that somebody else made.
struct Parts {
    audience: Option<Audience>,
    header: Option<SecretString>,
    poll_url: Option<EndpointUrl>,
    poll_token: Option<SecretString>,
}

fn read_stream(table: &mut Reader) -> Option<StreamSettings> {
    let method = table.value("delivery", |value| match value.map(Value::text) {
        None | Some(Some("push")) => Ok(Method::Push),
        Some(Some("poll")) => Ok(Method::Poll),
        Some(_) => Err("must be push or poll".to_owned()),
    });
    let credentials = credentials::read(table);
    let parts = read_parts(table);
    let (method, credentials, parts) = (method?, credentials.ok()?, parts?);
    let Some(credentials) = credentials else {
        return existing(method, parts, table);
    };
    if !parts.is_empty() {
        let problem = "must not stand beside audience, push_authorization, poll_url or poll_token, which are for a stream that somebody else made";
        table.fault("management_token", Source::Default, problem.to_owned());
        return None;
    }
    Some(match method {
        Method::Push => StreamSettings::Pushed(credentials),
        Method::Poll => StreamSettings::Polled(credentials),
    })
}

fn read_parts(table: &mut Reader) -> Option<Parts> {
    let header = secret::read(table, "push_authorization", "push_authorization_file");
    let poll_token = secret::read(table, "poll_token", "poll_token_file");
    let poll_url = table.value("poll_url", |value| value.map(read_url).transpose());
    let audience = table.value("audience", |value| value.map(read_audience).transpose());
    Some(Parts {
        audience: audience?,
        header: header.ok()?,
        poll_url: poll_url?,
        poll_token: poll_token.ok()?,
    })
}

impl Parts {
    fn is_empty(&self) -> bool {
        let is_pushed = self.header.is_some();
        let is_polled = self.poll_url.is_some() || self.poll_token.is_some();
        self.audience.is_none() && !is_pushed && !is_polled
    }
}

/// A stream that somebody else made, of which everything has to be known.
fn existing(method: Method, parts: Parts, table: &mut Reader) -> Option<StreamSettings> {
    if parts.is_empty() {
        let problem = "must be set, or client_id; or, for a stream that somebody else made, audience and push_authorization_file, or delivery = \"poll\", audience, poll_url and poll_token_file";
        table.fault("management_token_file", Source::Default, problem.to_owned());
        return None;
    }
    let Parts {
        audience,
        header,
        poll_url,
        poll_token,
    } = parts;
    let problem = match (method, audience, (header, poll_url, poll_token)) {
        (Method::Push, Some(audience), (Some(header), None, None)) => {
            match AuthorizationHeader::parse(header.expose_secret()) {
                Ok(header) => return Some(StreamSettings::Existing(audience, header)),
                Err(error) => {
                    table.fault("push_authorization", Source::Default, error.to_string());
                    return None;
                }
            }
        }
        (Method::Poll, Some(audience), (None, Some(url), Some(token))) => {
            return Some(StreamSettings::ExistingPolled(audience, url, token));
        }
        (Method::Push, ..) => {
            "must stand beside push_authorization_file: a stream that somebody else made, and that pushes, has both and no more"
        }
        (Method::Poll, ..) => {
            "must stand beside poll_url and poll_token_file: a stream that somebody else made, and that is polled, has all three and no more"
        }
    };
    table.fault("audience", Source::Default, problem.to_owned());
    None
}

fn read_url(value: &Value) -> Result<EndpointUrl, String> {
    EndpointUrl::parse(value.text().unwrap_or_default())
        .map_err(|error| format!("must be an https URL: {error}"))
}

fn read_age(value: Option<&Value>) -> Result<Option<Duration>, String> {
    match value.map(Value::number) {
        None => Ok(None),
        Some(Some(hours)) if AGE_HOURS.contains(&hours) => Ok(Some(Duration::from_hours(hours))),
        Some(_) => Err(format!(
            "must be a whole number from {} to {}",
            AGE_HOURS.start(),
            AGE_HOURS.end()
        )),
    }
}

fn read_days(value: Option<&Value>) -> Result<Option<Duration>, String> {
    match value.map(Value::number) {
        None => Ok(None),
        Some(Some(days)) if DAYS.contains(&days) => Ok(Some(Duration::from_hours(24 * days))),
        Some(_) => Err(format!(
            "must be a whole number from {} to {}",
            DAYS.start(),
            DAYS.end()
        )),
    }
}

fn read_dialect(value: Option<&Value>) -> Result<&'static Dialect, String> {
    let Some(value) = value else {
        return Ok(&Dialect::SSF_1_0);
    };
    let dialect = value.text().and_then(Dialect::named);
    dialect.ok_or_else(|| {
        let names: Vec<&str> = Dialect::ALL.iter().map(|dialect| dialect.name).collect();
        format!("must be one of {}", names.join(", "))
    })
}

fn read_unknown(value: Option<&Value>, default: Unknown) -> Result<Unknown, String> {
    match value.map(Value::text) {
        None => Ok(default),
        Some(Some("widen")) => Ok(Unknown::Widen),
        Some(Some("ignore")) => Ok(Unknown::Ignore),
        Some(_) => Err("must be widen or ignore".to_owned()),
    }
}

fn read_when_stale(value: Option<&Value>) -> Result<WhenStale, String> {
    let Some(value) = value else {
        return Ok(WhenStale::default());
    };
    let named = |one: &WhenStale| value.text() == Some(one.as_str());
    let found = WhenStale::ALL.into_iter().find(named);
    found.ok_or_else(|| "must be open, soft or closed".to_owned())
}

pub(super) fn read_audience(value: &Value) -> Result<Audience, String> {
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

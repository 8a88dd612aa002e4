//! What stands on the command line of `stream`.

use std::{error::Error, io::Read, path::PathBuf};

use clap::Args;
use secrecy::ExposeSecret;
use ssf_types::{
    id::{IdError, Jti, StreamId},
    json,
    secret::AuthorizationHeader,
    stream::{Delivery, PollDelivery, PushDelivery, StreamStatus},
    subject::Subject,
    uri::{EndpointUrl, EventTypeUri, UriError},
};

use crate::{
    cli::{
        SettingsError,
        chosen::{Chosen, ChosenArgs},
        shown::Shape,
    },
    config::secret,
};

/// Longest subject that is read, in bytes: all the aliases of one have room.
const SUBJECT_BYTES_MAX: u64 = 256 * 1024;

/// Most SETs of one poll by hand unless told otherwise.
const SETS_DEFAULT: u64 = 10;

/// What every command has.
#[derive(Args, Debug)]
pub(crate) struct Common {
    /// Writes one JSON document instead of lines with name=value
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: ChosenArgs,
}

impl Common {
    pub(super) fn read(self) -> Result<(Chosen, Shape), SettingsError> {
        let shape = if self.json { Shape::Json } else { Shape::Lines };
        Ok((self.settings.read()?, shape))
    }
}

#[derive(Args, Debug)]
pub(crate) struct StreamArgs {
    /// Id of the stream
    #[arg(value_name = "STREAM", value_parser = stream_id)]
    pub(super) stream: StreamId,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Args, Debug)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    pub(super) delivery: DeliveryArgs,
    /// An event type to ask for; may stand several times [default: those of the configuration]
    #[arg(long = "event", value_name = "URI", value_parser = event_type)]
    pub(super) events: Vec<EventTypeUri>,
    /// A line for the people who look after streams
    #[arg(long, value_name = "TEXT")]
    pub(super) description: Option<String>,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Args, Debug)]
pub(crate) struct UpdateArgs {
    /// Id of the stream
    #[arg(value_name = "STREAM", value_parser = stream_id)]
    pub(super) stream: StreamId,
    #[command(flatten)]
    pub(super) delivery: DeliveryArgs,
    /// An event type to ask for from now on, instead of all others; may stand several times
    #[arg(long = "event", value_name = "URI", value_parser = event_type)]
    pub(super) events: Vec<EventTypeUri>,
    /// A line for the people who look after streams
    #[arg(long, value_name = "TEXT")]
    pub(super) description: Option<String>,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Args, Debug)]
pub(crate) struct ReplaceArgs {
    /// Id of the stream
    #[arg(value_name = "STREAM", value_parser = stream_id)]
    pub(super) stream: StreamId,
    #[command(flatten)]
    pub(super) delivery: DeliveryArgs,
    /// An event type to ask for; may stand several times
    #[arg(long = "event", value_name = "URI", required = true, value_parser = event_type)]
    pub(super) events: Vec<EventTypeUri>,
    /// A line for the people who look after streams
    #[arg(long, value_name = "TEXT")]
    pub(super) description: Option<String>,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Args, Debug)]
pub(crate) struct SetStatusArgs {
    /// Id of the stream
    #[arg(value_name = "STREAM", value_parser = stream_id)]
    pub(super) stream: StreamId,
    /// enabled, paused or disabled
    #[arg(value_name = "STATUS", value_parser = status)]
    pub(super) status: StreamStatus,
    /// Why, for the people at the transmitter
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Args, Debug)]
pub(crate) struct SubjectArgs {
    /// Id of the stream
    #[arg(value_name = "STREAM", value_parser = stream_id)]
    pub(super) stream: StreamId,
    #[command(flatten)]
    pub(super) subject: SubjectText,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Args, Debug)]
pub(crate) struct AddSubjectArgs {
    /// Says that nobody has checked that the subject is our user
    #[arg(long)]
    pub(super) unverified: bool,
    #[command(flatten)]
    pub(super) of: SubjectArgs,
}

#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// Id of the stream
    #[arg(value_name = "STREAM", value_parser = stream_id)]
    pub(super) stream: StreamId,
    /// What the event shall bring back; a receiver that serves refuses a state that it did not choose itself
    #[arg(long, value_name = "TEXT")]
    pub(super) state: Option<String>,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Args, Debug)]
pub(crate) struct PollArgs {
    /// Id of the stream
    #[arg(value_name = "STREAM", value_parser = stream_id)]
    pub(super) stream: StreamId,
    /// A SET that is acknowledged, and never comes again; may stand several times
    #[arg(long = "ack", value_name = "JTI", value_parser = jti)]
    pub(super) acknowledged: Vec<Jti>,
    /// Most SETs to fetch; 0 acknowledges alone
    #[arg(long = "max", value_name = "NUMBER", default_value_t = SETS_DEFAULT)]
    pub(super) sets_max: u64,
    #[command(flatten)]
    pub(super) common: Common,
}

/// How SETs shall be delivered.
#[derive(Args, Debug)]
pub(super) struct DeliveryArgs {
    /// Has SETs pushed to this URL
    #[arg(long, value_name = "URL", value_parser = endpoint, conflicts_with = "poll")]
    push: Option<EndpointUrl>,
    /// The file with the Authorization that they are pushed with, such as "Bearer x"
    #[arg(long, value_name = "FILE", requires = "push")]
    authorization_file: Option<PathBuf>,
    /// Has SETs polled
    #[arg(long)]
    poll: bool,
}

/// What was said of the delivery cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the file {} {problem}", path.display())]
pub(super) struct DeliveryError {
    path: PathBuf,
    problem: String,
}

impl DeliveryArgs {
    /// The delivery; `None` if nothing was said.
    pub(super) fn read(self) -> Result<Option<Delivery>, DeliveryError> {
        let Some(endpoint) = self.push else {
            let poll = Delivery::Poll(PollDelivery::default());
            return Ok(self.poll.then_some(poll));
        };
        let header = self.authorization_file.map(|path| {
            let header = secret::of_file(&path).and_then(|text| {
                AuthorizationHeader::parse(text.expose_secret()).map_err(|error| error.to_string())
            });
            header.map_err(|problem| DeliveryError { path, problem })
        });
        let push = PushDelivery::new(endpoint, header.transpose()?);
        Ok(Some(Delivery::Push(push)))
    }
}

/// A subject, which is not printed.
#[derive(Args)]
pub(super) struct SubjectText {
    /// The subject as JSON, such as {"format":"email","email":"alice@example.com"}; - reads it from standard input, where
    /// the list of processes does not show it
    #[arg(value_name = "SUBJECT")]
    subject: String,
}

impl std::fmt::Debug for SubjectText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SubjectText(…)")
    }
}

impl SubjectText {
    pub(super) fn read(self) -> Result<Subject, Box<dyn Error>> {
        let mut text = self.subject;
        if text == "-" {
            text.clear();
            let input = std::io::stdin().lock();
            input.take(SUBJECT_BYTES_MAX).read_to_string(&mut text)?;
        }
        Ok(Subject::read(json::check(text.as_bytes())?)?)
    }
}

fn stream_id(text: &str) -> Result<StreamId, IdError> {
    StreamId::parse(text)
}

fn jti(text: &str) -> Result<Jti, IdError> {
    Jti::parse(text)
}

fn endpoint(text: &str) -> Result<EndpointUrl, UriError> {
    EndpointUrl::parse(text)
}

pub(crate) fn event_type(text: &str) -> Result<EventTypeUri, UriError> {
    EventTypeUri::parse(text)
}

fn status(text: &str) -> Result<StreamStatus, &'static str> {
    let all = [
        StreamStatus::Enabled,
        StreamStatus::Paused,
        StreamStatus::Disabled,
    ];
    let mut all = all.into_iter();
    all.find(|status| status.as_str() == text)
        .ok_or("it is enabled, paused or disabled")
}

//! `stream`: all that a receiver may ask of a transmitter's stream management (SSF 1.0 §8.1), by hand.
//!
//! Nothing is kept here, and no database is opened: what is changed takes effect at the transmitter, and whoever serves
//! finds it there.

mod arguments;

use clap::Subcommand;
use serde_json::json;
use ssf_types::{
    metadata::TransmitterMetadata,
    poll::PollRequest,
    stream::{
        AddSubject, CreateStream, Delivery, RemoveSubject, ReplaceStream, StreamConfiguration,
        UpdateStatus, UpdateStream,
    },
};

pub(super) use self::arguments::event_type;
use self::arguments::{
    AddSubjectArgs, Common, CreateArgs, PollArgs, ReplaceArgs, SetStatusArgs, StreamArgs,
    SubjectArgs, UpdateArgs, VerifyArgs,
};
use super::Outcome;
use crate::{
    builder::events_default,
    cli::chosen::Chosen,
    client::{
        Http, REQUEST_TIMEOUT, access::Access, discovery, poll::PollAt, stream::StreamClient,
    },
    config::StreamSettings,
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Tells what the transmitter says of itself.
    Discover(Common),
    /// Tells the configurations of all streams that the credentials have.
    List(Common),
    /// Tells the configuration of a stream.
    Read(StreamArgs),
    /// Makes a stream; `serve` makes its own by itself.
    Create(Box<CreateArgs>),
    /// Changes what is named, and leaves the rest as it is.
    Update(Box<UpdateArgs>),
    /// Replaces all that a receiver supplies: what is not named is deleted.
    Replace(Box<ReplaceArgs>),
    /// Tells or changes whether a stream delivers.
    #[command(subcommand)]
    Status(StatusCommand),
    /// Changes whom a stream is about.
    #[command(subcommand)]
    Subject(SubjectCommand),
    /// Asks for a verification event, which comes as any other event does.
    Verify(VerifyArgs),
    /// Fetches SETs that wait, and acknowledges those alone that are named.
    Poll(PollArgs),
    /// Deletes a stream, with what waits in it.
    Delete(StreamArgs),
}

#[derive(Debug, Subcommand)]
pub(super) enum StatusCommand {
    /// Tells the status.
    Get(StreamArgs),
    /// Changes it to enabled, paused or disabled.
    Set(SetStatusArgs),
}

#[derive(Debug, Subcommand)]
pub(super) enum SubjectCommand {
    /// Adds a subject.
    Add(AddSubjectArgs),
    /// Removes a subject.
    Remove(SubjectArgs),
}

/// The command cannot be done.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    #[error(
        "this needs a management token or a client_id: the transmitter is configured for a stream that somebody else made"
    )]
    NoCredentials,
    #[error("say how SETs are to be delivered: --push URL or --poll")]
    NoDelivery,
}

pub(super) async fn execute(command: Command) -> Outcome {
    match command {
        Command::Discover(common) => discover(common).await,
        Command::List(common) => list(common).await,
        Command::Read(arguments) => read(arguments).await,
        Command::Create(arguments) => create(*arguments).await,
        Command::Update(arguments) => update(*arguments).await,
        Command::Replace(arguments) => replace(*arguments).await,
        Command::Status(StatusCommand::Get(arguments)) => status(arguments).await,
        Command::Status(StatusCommand::Set(arguments)) => set_status(arguments).await,
        Command::Subject(SubjectCommand::Add(arguments)) => add_subject(arguments).await,
        Command::Subject(SubjectCommand::Remove(arguments)) => remove_subject(arguments).await,
        Command::Verify(arguments) => verify(arguments).await,
        Command::Poll(arguments) => poll(arguments).await,
        Command::Delete(arguments) => delete(arguments).await,
    }
}

/// A transmitter whose metadata was read.
pub(super) struct Reached {
    pub(super) http: Http,
    /// `None` where somebody else made the stream.
    access: Option<Access>,
    pub(super) metadata: TransmitterMetadata,
}

impl Reached {
    pub(super) async fn with(config: Chosen) -> Result<Self, Box<dyn std::error::Error>> {
        let http = Http::new(&config.transmitter.issuer)?;
        let metadata = discovery::metadata(&http, &config.transmitter.issuer).await?;
        let access = match config.transmitter.stream {
            StreamSettings::Pushed(credentials) | StreamSettings::Polled(credentials) => {
                Some(credentials.access(&config.transmitter.issuer, &http))
            }
            StreamSettings::Existing(..) | StreamSettings::ExistingPolled(..) => None,
        };
        Ok(Self {
            http,
            access,
            metadata,
        })
    }

    pub(super) fn client(&self) -> Result<StreamClient<'_>, CommandError> {
        Ok(StreamClient {
            http: &self.http,
            metadata: &self.metadata,
            access: self.access.as_ref().ok_or(CommandError::NoCredentials)?,
        })
    }
}

async fn discover(common: Common) -> Outcome {
    let (config, shape) = common.read()?;
    let reached = Reached::with(config).await?;
    Ok(shape.show(&reached.metadata)?)
}

async fn list(common: Common) -> Outcome {
    let (config, shape) = common.read()?;
    let reached = Reached::with(config).await?;
    let streams = reached.client()?.list().await?;
    let streams: Vec<_> = streams.into_iter().map(without_secret).collect();
    Ok(shape.show(&streams)?)
}

async fn read(arguments: StreamArgs) -> Outcome {
    let (config, shape) = arguments.common.read()?;
    let reached = Reached::with(config).await?;
    let stream = reached.client()?.read(&arguments.stream).await?;
    Ok(shape.show(&without_secret(stream))?)
}

async fn create(arguments: CreateArgs) -> Outcome {
    let (config, shape) = arguments.common.read()?;
    let events = match arguments.events {
        events if !events.is_empty() => events,
        _ => config
            .transmitter
            .events
            .clone()
            .unwrap_or_else(events_default),
    };
    let mut request = CreateStream::poll(events);
    request.delivery = Some(arguments.delivery.read()?.ok_or(CommandError::NoDelivery)?);
    request.description = arguments.description;
    let reached = Reached::with(config).await?;
    let client = reached.client()?;
    let created = client.create(&client.numbered(request)?).await?;
    Ok(shape.show(&without_secret(created))?)
}

async fn update(arguments: UpdateArgs) -> Outcome {
    let (config, shape) = arguments.common.read()?;
    let mut request = UpdateStream::new(arguments.stream);
    request.delivery = arguments.delivery.read()?;
    request.description = arguments.description;
    request.events_requested = Some(arguments.events).filter(|events| !events.is_empty());
    let reached = Reached::with(config).await?;
    let changed = reached.client()?.update(&request).await?;
    Ok(shape.show(&without_secret(changed))?)
}

async fn replace(arguments: ReplaceArgs) -> Outcome {
    let (config, shape) = arguments.common.read()?;
    let delivery = arguments.delivery.read()?;
    let delivery = delivery.ok_or(CommandError::NoDelivery)?;
    let mut request = ReplaceStream::new(arguments.stream, delivery);
    request.description = arguments.description;
    request.events_requested = Some(arguments.events);
    let reached = Reached::with(config).await?;
    let changed = reached.client()?.replace(&request).await?;
    Ok(shape.show(&without_secret(changed))?)
}

async fn status(arguments: StreamArgs) -> Outcome {
    let (config, shape) = arguments.common.read()?;
    let reached = Reached::with(config).await?;
    let status = reached.client()?.status(&arguments.stream).await?;
    Ok(shape.show(&status)?)
}

async fn set_status(arguments: SetStatusArgs) -> Outcome {
    let (config, shape) = arguments.common.read()?;
    let mut request = UpdateStatus::new(arguments.stream, arguments.status);
    request.reason = arguments.reason;
    let reached = Reached::with(config).await?;
    let status = reached.client()?.set_status(&request).await?;
    Ok(shape.show(&status)?)
}

async fn add_subject(
    AddSubjectArgs {
        unverified,
        of: arguments,
    }: AddSubjectArgs,
) -> Outcome {
    let (config, shape) = arguments.common.read()?;
    let mut request = AddSubject::new(arguments.stream, arguments.subject.read()?);
    request.verified = unverified.then_some(false);
    let reached = Reached::with(config).await?;
    reached.client()?.add_subject(&request).await?;
    Ok(shape.show(&json!({ "added": request.stream_id }))?)
}

async fn remove_subject(arguments: SubjectArgs) -> Outcome {
    let (config, shape) = arguments.common.read()?;
    let request = RemoveSubject::new(arguments.stream, arguments.subject.read()?);
    let reached = Reached::with(config).await?;
    reached.client()?.remove_subject(&request).await?;
    Ok(shape.show(&json!({ "removed": request.stream_id }))?)
}

async fn verify(arguments: VerifyArgs) -> Outcome {
    let (config, shape) = arguments.common.read()?;
    let reached = Reached::with(config).await?;
    let client = reached.client()?;
    client.verify(&arguments.stream, arguments.state).await?;
    Ok(shape.show(&json!({ "asked": arguments.stream }))?)
}

/// One poll, which waits for nothing (RFC 8936 §2.4).
async fn poll(arguments: PollArgs) -> Outcome {
    let (config, shape) = arguments.common.read()?;
    let reached = Reached::with(config).await?;
    let client = reached.client()?;
    let stream = client.read(&arguments.stream).await?;
    let at = PollAt {
        endpoint: client.poll_endpoint(&stream)?,
        access: client.access.clone(),
    };
    let mut request = PollRequest::acknowledge(arguments.acknowledged);
    request.max_events = Some(arguments.sets_max);
    let answer = reached.http.poll(&at, &request, REQUEST_TIMEOUT).await?;
    Ok(shape.show(&answer.response)?)
}

async fn delete(arguments: StreamArgs) -> Outcome {
    let (config, shape) = arguments.common.read()?;
    let reached = Reached::with(config).await?;
    reached.client()?.delete(&arguments.stream).await?;
    Ok(shape.show(&json!({ "deleted": arguments.stream }))?)
}

/// A stream as it may be shown: a transmitter that repeats the push secret in its answer is not to be repeated.
fn without_secret(mut stream: StreamConfiguration) -> StreamConfiguration {
    if let Delivery::Push(push) = &mut stream.delivery {
        *push = push.without_secret();
    }
    stream
}

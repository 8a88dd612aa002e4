//! `receiver`: who may manage streams.

use std::{
    io::{self, Write},
    path::PathBuf,
    time::Duration,
};

use clap::{Args, Subcommand};
use ssf_types::{audience::Audience, id::StreamId, time::Timestamp, uri::Issuer};

use super::{Outcome, SettingArgs, audit, read_capped};
use crate::{
    app::{
        clock::SystemClock,
        receivers::{self, ClientKeys, NewCredential, NewReceiver, Removal, Secrets},
    },
    config::Config,
    domain::{
        audit::{Act, Action, Details},
        authorization_server::AuthorizationServer,
        credential::{CredentialKind, OVERLAP_DEFAULT, Registered},
        issuer::{IssuerName, IssuerNameError},
        profile::Profile,
        push_hosts::PushHosts,
        receiver::Receiver,
        scope::{Scope, Scopes, ScopesError},
    },
    ports::{Clock, ProfileSet, PushHostsBound, ReceiverStore, StoreError},
    server::open_store,
    store::{Access, SeaStore},
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Registers a Receiver and prints its token or its client secret, once.
    Add(Box<AddArgs>),
    /// Lists the Receivers, separated by tabs: id, name, audiences, issuer, scopes, what each is recognised by, its profile, and the hosts that it is bound to.
    List {
        #[command(flatten)]
        settings: SettingArgs,
    },
    /// Gives a Receiver a new token or client secret, or other keys; what it had counts for a while longer.
    Rotate(Box<RotateArgs>),
    /// Gives a Receiver another profile; what is sent to it from then on is written in that.
    SetProfile {
        /// Its name or its id
        receiver: String,
        /// ssf-1.0, ssf-id3, ssf-id2, sse-id1, apple, google-workspace, okta or sailpoint
        #[arg(value_parser = Profile::parse)]
        profile: Profile,
        #[command(flatten)]
        settings: SettingArgs,
    },
    /// Binds a Receiver to hosts: its streams push there and nowhere else, whoever has its token.
    SetPushHosts {
        /// Its name or its id
        receiver: String,
        /// Host of the endpoints that its streams may have; can be repeated; without any, it may choose
        #[arg(long, value_name = "HOST")]
        push_host: Vec<String>,
        #[command(flatten)]
        settings: SettingArgs,
    },
    /// Removes a Receiver: its tokens count no longer, and its streams end.
    Remove {
        /// Its name or its id
        receiver: String,
        #[command(flatten)]
        settings: SettingArgs,
    },
}

#[derive(Args, Debug)]
pub(super) struct AddArgs {
    /// What you call it; no two have the same name
    name: String,
    /// The aud of its SETs, usually a URL of the Receiver's; can be repeated
    #[arg(long, required = true, value_name = "URL")]
    audience: Vec<String>,
    /// Name of the issuer whose events it gets
    #[arg(long, default_value = IssuerName::MAIN, value_parser = parse_issuer_name)]
    issuer_name: IssuerName,
    /// What it may do, at most: ssf.read, ssf.manage, ssf.manage.poll; can be repeated [default: everything]
    #[arg(long, value_name = "SCOPE", value_parser = parse_scope)]
    scope: Vec<Scope>,
    /// How it speaks: ssf-1.0, ssf-id3, ssf-id2, sse-id1, apple, google-workspace, okta or sailpoint
    #[arg(long, value_name = "NAME", default_value = Profile::Strict.as_str(), value_parser = Profile::parse)]
    profile: Profile,
    /// Host of the endpoints that its streams may have; can be repeated [default: it may choose]
    #[arg(long, value_name = "HOST")]
    push_host: Vec<String>,
    #[command(flatten)]
    credentials: CredentialArgs,
    #[command(flatten)]
    settings: SettingArgs,
}

#[derive(Args, Debug)]
pub(super) struct RotateArgs {
    /// Its name or its id
    receiver: String,
    /// For how long what it had counts beside what it gets; 0 also ends all access tokens that it was issued
    #[arg(long, value_name = "SECONDS", default_value_t = OVERLAP_DEFAULT.as_secs())]
    overlap_seconds: u64,
    #[command(flatten)]
    credentials: CredentialArgs,
    #[command(flatten)]
    settings: SettingArgs,
}

/// What a Receiver is to be recognised by.
#[derive(Args, Debug)]
struct CredentialArgs {
    /// A bearer token, which is printed [default, if nothing else is asked for]
    #[arg(long)]
    bearer: bool,
    /// A client secret for the token endpoint, which is printed
    #[arg(long)]
    client_secret: bool,
    /// File with the client's public keys, a JWKS or a JWK, to sign assertions with
    #[arg(long, value_name = "FILE")]
    jwks_file: Option<PathBuf>,
    /// The client's public key, a JWK, to sign assertions with
    #[arg(long, value_name = "JSON", conflicts_with = "jwks_file")]
    jwk: Option<String>,
    /// The client's name at an external authorization server, whose access tokens it shows
    #[arg(long, value_name = "ID", requires = "authorization_server")]
    external_client_id: Option<String>,
    /// The issuer of that server, which the configuration has to name
    #[arg(long, value_name = "URL", requires = "external_client_id")]
    authorization_server: Option<String>,
}

impl CredentialArgs {
    /// Reads what a Receiver of `issuer` is to be recognised by.
    fn read(
        self,
        config: &Config,
        issuer: &IssuerName,
    ) -> Result<Vec<NewCredential>, Box<dyn std::error::Error>> {
        let mut credentials = Vec::new();
        if self.bearer {
            credentials.push(NewCredential::Bearer);
        }
        if self.client_secret {
            credentials.push(NewCredential::ClientSecret);
        }
        let document = match self.jwks_file {
            Some(path) => Some(read_capped(&path)?),
            None => self.jwk,
        };
        if let Some(document) = document {
            let keys = ClientKeys::parse(document.as_bytes())?;
            credentials.push(NewCredential::ClientKeys(keys));
        }
        if let (Some(client_id), Some(url)) = (self.external_client_id, self.authorization_server) {
            let authorization_server = Issuer::parse(url)?;
            let is_meant = |server: &AuthorizationServer| {
                server.for_issuer == *issuer && server.issuer == authorization_server
            };
            if !config.authorization_servers.iter().any(is_meant) {
                return Err(NoSuchServer.into());
            }
            credentials.push(NewCredential::External {
                authorization_server,
                client_id,
            });
        }
        Ok(credentials)
    }
}

/// The authorization server is not in the configuration.
#[derive(Debug, thiserror::Error)]
#[error(
    "there is no such authorization server for this issuer: the setting authorization_servers has to name it"
)]
struct NoSuchServer;

/// The issuer is not in the configuration.
#[derive(Debug, thiserror::Error)]
#[error("there is no issuer {0}: the setting issuers has to name it")]
pub(super) struct NoSuchIssuer(pub(super) IssuerName);

/// Nobody has this name or id.
#[derive(Debug, thiserror::Error)]
#[error("there is no receiver with this name or id")]
struct NoSuchReceiver;

/// Streams are pushed to other hosts.
#[derive(Debug, thiserror::Error)]
#[error(
    "these streams of the receiver are pushed to other hosts, and have to be moved or deleted before: {0}"
)]
struct PushedElsewhere(String);

impl PushedElsewhere {
    fn new(streams: &[StreamId]) -> Self {
        let ids: Vec<&str> = streams.iter().map(StreamId::as_str).collect();
        Self(ids.join(" "))
    }
}

pub(super) fn parse_issuer_name(text: &str) -> Result<IssuerName, IssuerNameError> {
    IssuerName::parse(text)
}

fn parse_scope(text: &str) -> Result<Scope, ScopesError> {
    Scope::parse(text).ok_or(ScopesError)
}

pub(super) async fn execute(command: Command) -> Outcome {
    match command {
        Command::Add(arguments) => add(*arguments).await,
        Command::List { settings } => list(settings).await,
        Command::Rotate(arguments) => rotate(*arguments).await,
        Command::SetProfile {
            receiver,
            profile,
            settings,
        } => set_profile(&receiver, profile, settings).await,
        Command::SetPushHosts {
            receiver,
            push_host,
            settings,
        } => set_push_hosts(&receiver, &push_host, settings).await,
        Command::Remove { receiver, settings } => remove(&receiver, settings).await,
    }
}

async fn add(arguments: AddArgs) -> Outcome {
    let config = arguments.settings.read()?;
    let issuer = arguments.issuer_name;
    if !config.has_issuer(&issuer) {
        return Err(NoSuchIssuer(issuer).into());
    }
    let mut credentials = arguments.credentials.read(&config, &issuer)?;
    if credentials.is_empty() {
        credentials.push(NewCredential::Bearer);
    }
    let audience = Audience::new(arguments.audience)?;
    let mut new = NewReceiver::new(issuer, arguments.name, audience, credentials);
    if !arguments.scope.is_empty() {
        new.scopes = Scopes::of(arguments.scope);
    }
    new.profile = arguments.profile;
    new.push_hosts = PushHosts::parse(arguments.push_host.iter().map(String::as_str))?;
    let (store, sealer) = open_store(&config, Access::Administer).await?;
    let act = Act::making(audit::actor()?, Action::AddReceiver, "receiver")
        .with("name", &new.name)
        .with("scopes", &new.scopes)
        .with("profile", new.profile.as_str())
        .with("push_hosts", &new.push_hosts);
    let adding = Box::pin(async {
        let added = receivers::add(&store, &sealer, new, SystemClock.now());
        Ok(added.await?)
    });
    let told = |(receiver, _): &(Receiver, Secrets)| Details::none().with("id", receiver.id);
    let (receiver, secrets) = audit::recorded(&store, act, adding, told).await?;
    print(&receiver, &secrets)?;
    Ok(())
}

async fn rotate(arguments: RotateArgs) -> Outcome {
    let config = arguments.settings.read()?;
    let (store, sealer) = open_store(&config, Access::Administer).await?;
    let receiver = find(&store, &arguments.receiver).await?;
    let credentials = arguments.credentials.read(&config, &receiver.issuer)?;
    let overlap = Duration::from_secs(arguments.overlap_seconds);
    let actor = audit::actor()?;
    let act = Act::on(actor, Action::RotateReceiver, "receiver", receiver.id)
        .with("overlap_seconds", arguments.overlap_seconds);
    let rotating = Box::pin(async {
        let now = SystemClock.now();
        let rotated = receivers::rotate(&store, &sealer, &receiver, credentials, overlap, now);
        Ok(rotated.await?)
    });
    let secrets = audit::recorded(&store, act, rotating, |_| Details::none()).await?;
    print(&receiver, &secrets)?;
    Ok(())
}

async fn set_profile(receiver: &str, profile: Profile, settings: SettingArgs) -> Outcome {
    let (store, _) = open_store(&settings.read()?, Access::Administer).await?;
    let receiver = find(&store, receiver).await?;
    let actor = audit::actor()?;
    let act = Act::on(actor, Action::SetProfile, "receiver", receiver.id)
        .with("profile", profile.as_str());
    let setting = Box::pin(async {
        match store.set_profile(receiver.id, profile).await? {
            ProfileSet::Set => Ok(()),
            ProfileSet::NotFound => Err(NoSuchReceiver.into()),
        }
    });
    audit::recorded(&store, act, setting, |()| Details::none()).await?;
    let mut out = io::stdout().lock();
    writeln!(out, "receiver_id={}", receiver.id)?;
    writeln!(out, "profile={}", profile.as_str())?;
    Ok(())
}

async fn set_push_hosts(receiver: &str, hosts: &[String], settings: SettingArgs) -> Outcome {
    let hosts = PushHosts::parse(hosts.iter().map(String::as_str))?;
    let (store, _) = open_store(&settings.read()?, Access::Administer).await?;
    let receiver = find(&store, receiver).await?;
    let actor = audit::actor()?;
    let act =
        Act::on(actor, Action::BindPushHosts, "receiver", receiver.id).with("push_hosts", &hosts);
    let binding = Box::pin(async {
        match store.bind_push_hosts(receiver.id, &hosts).await? {
            PushHostsBound::Bound => Ok(()),
            PushHostsBound::Elsewhere(streams) => Err(PushedElsewhere::new(&streams).into()),
            PushHostsBound::NotFound => Err(NoSuchReceiver.into()),
        }
    });
    audit::recorded(&store, act, binding, |()| Details::none()).await?;
    let mut out = io::stdout().lock();
    writeln!(out, "receiver_id={}", receiver.id)?;
    writeln!(out, "push_hosts={hosts}")?;
    Ok(())
}

async fn remove(receiver: &str, settings: SettingArgs) -> Outcome {
    let (store, _) = open_store(&settings.read()?, Access::Administer).await?;
    let receiver = find(&store, receiver).await?;
    let actor = audit::actor()?;
    let act = Act::on(actor, Action::RemoveReceiver, "receiver", receiver.id);
    let removing = Box::pin(async {
        let removed = receivers::remove(&store, receiver.id, SystemClock.now());
        Ok(removed.await?.ok_or(NoSuchReceiver)?)
    });
    let told = |removal: &Removal| {
        Details::none()
            .with("streams", removal.streams)
            .with("dropped", removal.dropped)
    };
    let removal = audit::recorded(&store, act, removing, told).await?;
    let mut out = io::stdout().lock();
    writeln!(out, "receiver_id={}", receiver.id)?;
    writeln!(out, "streams_deleted={}", removal.streams)?;
    writeln!(out, "deliveries_dropped={}", removal.dropped)?;
    Ok(())
}

/// The Receiver that is meant by its name or its id; names come first, since an id is nobody's choice.
async fn find(store: &SeaStore, meant: &str) -> Result<Receiver, Box<dyn std::error::Error>> {
    let receivers = store.receivers().await?;
    let found = receivers
        .iter()
        .find(|receiver| receiver.name == meant)
        .or_else(|| receivers.iter().find(|known| known.id.to_string() == meant));
    Ok(found.cloned().ok_or(NoSuchReceiver)?)
}

/// Prints what the Receiver has to know, and nobody learns again.
fn print(receiver: &Receiver, secrets: &Secrets) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if secrets.bearer.is_some() || secrets.client_secret.is_some() {
        writeln!(out, "# Give this to the receiver: secrets are shown once.")?;
    }
    writeln!(out, "receiver_id={}", receiver.id)?;
    if let Some(token) = &secrets.bearer {
        writeln!(out, "receiver_token={}", token.expose())?;
    }
    if let Some(secret) = &secrets.client_secret {
        writeln!(out, "client_id={}", receiver.id)?;
        writeln!(out, "client_secret={}", secret.expose())?;
    }
    Ok(())
}

async fn list(settings: SettingArgs) -> Outcome {
    let (store, _) = open_store(&settings.read()?, Access::Administer).await?;
    let now = SystemClock.now();
    let mut out = io::stdout().lock();
    for receiver in store.receivers().await? {
        let audience: Vec<&str> = receiver.audience.values().collect();
        writeln!(
            out,
            "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
            receiver.id,
            receiver.name,
            audience.join(" "),
            receiver.issuer,
            receiver.scopes,
            shown(&store, &receiver, now).await?,
            receiver.profile.as_str(),
            receiver.push_hosts,
        )?;
    }
    Ok(())
}

/// What a Receiver is recognised by, such as `bearer client_secret`; what was replaced and counts still is not repeated.
async fn shown(
    store: &SeaStore,
    receiver: &Receiver,
    now: Timestamp,
) -> Result<String, StoreError> {
    let registered = store.credentials(receiver.id).await?;
    let counts = |kind: &CredentialKind| {
        let of_kind = |own: &Registered| own.credential.kind() == *kind && own.counts(now);
        registered.iter().any(of_kind)
    };
    let kinds = CredentialKind::ALL.into_iter().filter(counts);
    let kinds: Vec<&str> = kinds.map(CredentialKind::as_str).collect();
    Ok(kinds.join(" "))
}

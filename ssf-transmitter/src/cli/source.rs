//! `source`: who may hand in events, of which types, and about whose subjects.

use std::{
    io::{self, Write},
    time::Duration,
};

use clap::{ArgGroup, Args, Subcommand};

use super::{
    Outcome, SettingArgs, audit,
    operator::name,
    receiver::{NoSuchIssuer, parse_issuer_name},
};
use crate::{
    app::{clock::SystemClock, ids},
    domain::{
        audit::{Act, Action, Details},
        credential::{OVERLAP_DEFAULT, OVERLAP_MAX},
        issuer::IssuerName,
        name::Name,
        quota::{OwnQuota, QuotaError},
        source::{EventTypes, Source, SourceError, SubjectIssuers},
    },
    ports::{Clock, Existing, Named, SourceStore},
    server::open_store,
    store::{Access, SeaStore},
    token::{BearerToken, TokenKind},
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Adds a source and prints its token, once.
    Add(Box<AddArgs>),
    /// Lists the sources: id, name, issuer, event types, subject issuers, events a second and backlog, separated by tabs.
    List {
        #[command(flatten)]
        settings: SettingArgs,
    },
    /// Gives a source another token and prints it, once.
    Rotate {
        /// Which one
        #[arg(value_parser = name)]
        name: Name,
        /// How long the former token counts still
        #[arg(long, value_name = "N", default_value_t = OVERLAP_DEFAULT.as_secs(), value_parser = clap::value_parser!(u64).range(0..=OVERLAP_MAX.as_secs()))]
        overlap_seconds: u64,
        #[command(flatten)]
        settings: SettingArgs,
    },
    /// Gives a source another quota; what is left out becomes as for all others.
    Set {
        /// Which one
        #[arg(value_parser = name)]
        name: Name,
        #[command(flatten)]
        quota: QuotaArgs,
        #[command(flatten)]
        settings: SettingArgs,
    },
    /// Removes a source; its tokens count no longer, at once. The events that it handed in stay.
    Remove {
        /// Which one
        #[arg(value_parser = name)]
        name: Name,
        #[command(flatten)]
        settings: SettingArgs,
    },
}

#[derive(Args, Debug)]
#[command(group = ArgGroup::new("subjects").args(["subject_issuer", "any_subject_issuer"]))]
pub(super) struct AddArgs {
    /// What you call it; no two have the same name
    #[arg(value_parser = name)]
    name: Name,
    /// The issuer that it hands in events for, by its name in the configuration
    #[arg(long, value_name = "NAME", default_value_t = IssuerName::default(), value_parser = parse_issuer_name)]
    issuer_name: IssuerName,
    /// A type of events that it may hand in: a URI, or a family: caep, risc, oauth; can be repeated [default: all]
    #[arg(long, value_name = "TYPE")]
    event_type: Vec<String>,
    /// An issuer whose subjects it may speak of; can be repeated [default: the issuer of its events]
    #[arg(long, value_name = "ISS")]
    subject_issuer: Vec<String>,
    /// It may speak of everybody's subjects
    #[arg(long)]
    any_subject_issuer: bool,
    #[command(flatten)]
    quota: QuotaArgs,
    #[command(flatten)]
    settings: SettingArgs,
}

/// What a source may hand in.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct QuotaArgs {
    /// How many events a second it may hand in [default: the setting `source_events_per_second`]
    #[arg(long, value_name = "N")]
    events_per_second: Option<u64>,
    /// How many of its events and their deliveries may wait [default: the setting `source_backlog_max`]
    #[arg(long, value_name = "N")]
    backlog_max: Option<u64>,
}

impl QuotaArgs {
    fn read(self) -> Result<OwnQuota, QuotaError> {
        OwnQuota::new(self.events_per_second, self.backlog_max)
    }
}

/// A source was not changed.
#[derive(Debug, thiserror::Error)]
enum SourceChangeError {
    #[error("there is a source of this name already")]
    NameTaken,
    #[error("there is no source of this name")]
    NotFound,
}

pub(super) async fn execute(command: Command) -> Outcome {
    match command {
        Command::Add(arguments) => Box::pin(add(*arguments)).await,
        Command::List { settings } => list(settings).await,
        Command::Rotate {
            name,
            overlap_seconds,
            settings,
        } => rotate(name, Duration::from_secs(overlap_seconds), settings).await,
        Command::Set {
            name,
            quota,
            settings,
        } => set(name, quota.read()?, settings).await,
        Command::Remove { name, settings } => remove(name, settings).await,
    }
}

async fn add(arguments: AddArgs) -> Outcome {
    let source = Source {
        id: ids::source_id(),
        event_types: EventTypes::named(arguments.event_type.iter().map(String::as_str))?,
        subject_issuers: subject_issuers(&arguments)?,
        quota: arguments.quota.read()?,
        name: arguments.name,
        issuer: arguments.issuer_name,
    };
    let config = arguments.settings.read()?;
    if !config.has_issuer(&source.issuer) {
        return Err(NoSuchIssuer(source.issuer).into());
    }
    let (store, sealer) = open_store(&config, Access::Administer).await?;
    let token = BearerToken::generate(TokenKind::Source);
    let fingerprint = token.fingerprint(&sealer);
    let act = act(Action::AddSource, &source)?.with("issuer", &source.issuer);
    let adding = Box::pin(async {
        let added = store.add_source(&source, fingerprint, SystemClock.now());
        match added.await? {
            Named::Added => Ok(()),
            Named::NameTaken => Err(SourceChangeError::NameTaken.into()),
        }
    });
    audit::recorded(&store, act, adding, |()| Details::none()).await?;
    let mut out = io::stdout().lock();
    writeln!(out, "# Give this token to the source: it is shown once.")?;
    writeln!(out, "source_id={}", source.id)?;
    writeln!(out, "source_token={}", token.expose())?;
    Ok(())
}

fn subject_issuers(arguments: &AddArgs) -> Result<SubjectIssuers, SourceError> {
    if arguments.any_subject_issuer {
        return Ok(SubjectIssuers::Any);
    }
    if arguments.subject_issuer.is_empty() {
        return Ok(SubjectIssuers::Own);
    }
    SubjectIssuers::listed(arguments.subject_issuer.clone())
}

async fn list(settings: SettingArgs) -> Outcome {
    let (store, _) = open_store(&settings.read()?, Access::Administer).await?;
    let mut out = io::stdout().lock();
    for source in store.sources().await? {
        let types = match source.event_types.names() {
            names if names.is_empty() => "all".to_owned(),
            names => names.join(" "),
        };
        let subjects = match &source.subject_issuers {
            SubjectIssuers::Own => "own".to_owned(),
            SubjectIssuers::Any => "any".to_owned(),
            SubjectIssuers::Listed(issuers) => issuers.join(" "),
        };
        let Source {
            id,
            name,
            issuer,
            quota,
            ..
        } = source;
        let limit = |own: Option<u64>| own.map_or("default".to_owned(), |own| own.to_string());
        let (pace, backlog) = (limit(quota.events_per_second), limit(quota.backlog_max));
        writeln!(
            out,
            "{id}\t{name}\t{issuer}\t{types}\t{subjects}\t{pace}\t{backlog}"
        )?;
    }
    Ok(())
}

async fn rotate(name: Name, overlap: Duration, settings: SettingArgs) -> Outcome {
    let (store, sealer) = open_store(&settings.read()?, Access::Administer).await?;
    let source = find(&store, &name).await?;
    let token = BearerToken::generate(TokenKind::Source);
    let fingerprint = token.fingerprint(&sealer);
    let act = act(Action::RotateSource, &source)?.with("overlap_seconds", overlap.as_secs());
    let rotating = Box::pin(async {
        let now = SystemClock.now();
        let until = now.after(overlap);
        existing(
            store
                .rotate_source(source.id, fingerprint, now, until)
                .await?,
        )
    });
    audit::recorded(&store, act, rotating, |()| Details::none()).await?;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "# Give this token to the source: it is shown once. It counts from now on."
    )?;
    writeln!(out, "source_token={}", token.expose())?;
    Ok(())
}

async fn set(name: Name, quota: OwnQuota, settings: SettingArgs) -> Outcome {
    let (store, _) = open_store(&settings.read()?, Access::Administer).await?;
    let source = find(&store, &name).await?;
    let mut act = act(Action::SetQuota, &source)?;
    let limits = [
        ("events_per_second", quota.events_per_second),
        ("backlog_max", quota.backlog_max),
    ];
    for (name, limit) in limits {
        if let Some(limit) = limit {
            act = act.with(name, limit);
        }
    }
    let setting = Box::pin(async { existing(store.set_quota(source.id, quota).await?) });
    audit::recorded(&store, act, setting, |()| Details::none()).await
}

async fn remove(name: Name, settings: SettingArgs) -> Outcome {
    let (store, _) = open_store(&settings.read()?, Access::Administer).await?;
    let source = find(&store, &name).await?;
    let act = act(Action::RemoveSource, &source)?;
    let removing = Box::pin(async { existing(store.remove_source(source.id).await?) });
    audit::recorded(&store, act, removing, |()| Details::none()).await
}

async fn find(store: &SeaStore, name: &Name) -> Result<Source, Box<dyn std::error::Error>> {
    let sources = store.sources().await?;
    let found = sources.into_iter().find(|known| known.name == *name);
    Ok(found.ok_or(SourceChangeError::NotFound)?)
}

fn existing(existing: Existing) -> Outcome {
    match existing {
        Existing::Changed => Ok(()),
        Existing::NotFound => Err(SourceChangeError::NotFound.into()),
    }
}

fn act(action: Action, source: &Source) -> io::Result<Act> {
    let act = Act::on(audit::actor()?, action, "source", source.id);
    Ok(act.with("name", &source.name))
}

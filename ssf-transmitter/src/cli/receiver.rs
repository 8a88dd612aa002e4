//! `receiver`: who may manage streams.

use std::io::{self, Write};

use clap::Subcommand;
use ssf_types::audience::Audience;

use super::{Outcome, SettingArgs, audit};
use crate::{
    app::{clock::SystemClock, ids},
    domain::{
        audit::{Act, Action, Details},
        issuer::{IssuerName, IssuerNameError},
        receiver::Receiver,
    },
    ports::{AddedReceiver, Clock, ReceiverStore},
    server::open_store,
    store::Access,
    token::{BearerToken, TokenKind},
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Registers a Receiver and prints its bearer token, once.
    Add {
        /// What you call it; no two have the same name
        name: String,
        /// The aud of its SETs, usually a URL of the Receiver's; can be repeated
        #[arg(long, required = true, value_name = "URL")]
        audience: Vec<String>,
        /// Name of the issuer whose events it gets
        #[arg(long, default_value = IssuerName::MAIN, value_parser = parse_issuer_name)]
        issuer_name: IssuerName,
        #[command(flatten)]
        settings: SettingArgs,
    },
    /// Lists the Receivers: id, name, audiences and the name of the issuer, separated by tabs.
    List {
        #[command(flatten)]
        settings: SettingArgs,
    },
}

/// A Receiver was not added.
#[derive(Debug, thiserror::Error)]
#[error("there is a receiver of this name already")]
struct NameTaken;

/// The issuer is not in the configuration.
#[derive(Debug, thiserror::Error)]
#[error("there is no issuer {0}: the setting issuers has to name it")]
pub(super) struct NoSuchIssuer(pub(super) IssuerName);

pub(super) fn parse_issuer_name(text: &str) -> Result<IssuerName, IssuerNameError> {
    IssuerName::parse(text)
}

pub(super) async fn execute(command: Command) -> Outcome {
    match command {
        Command::Add {
            name,
            audience,
            issuer_name,
            settings,
        } => add(name, audience, issuer_name, settings).await,
        Command::List { settings } => list(settings).await,
    }
}

async fn add(
    name: String,
    audience: Vec<String>,
    issuer: IssuerName,
    settings: SettingArgs,
) -> Outcome {
    let config = settings.read()?;
    let receiver = Receiver::new(ids::receiver_id(), issuer, name, Audience::new(audience)?)?;
    if !config.has_issuer(&receiver.issuer) {
        return Err(NoSuchIssuer(receiver.issuer).into());
    }
    let (store, sealer) = open_store(&config, Access::Administer).await?;
    let token = BearerToken::generate(TokenKind::Receiver);
    let fingerprint = token.fingerprint(&sealer);
    let act = Act::on(
        audit::actor()?,
        Action::AddReceiver,
        "receiver",
        receiver.id,
    )
    .with("name", &receiver.name);
    let adding = Box::pin(async {
        let added = store.add_receiver(&receiver, fingerprint, SystemClock.now());
        match added.await? {
            AddedReceiver::Added => Ok(()),
            AddedReceiver::NameTaken => Err(NameTaken.into()),
        }
    });
    audit::recorded(&store, act, adding, |()| Details::none()).await?;
    let mut out = io::stdout().lock();
    writeln!(out, "# Give this token to the receiver: it is shown once.")?;
    writeln!(out, "receiver_id={}", receiver.id)?;
    writeln!(out, "receiver_token={}", token.expose())?;
    Ok(())
}

async fn list(settings: SettingArgs) -> Outcome {
    let (store, _) = open_store(&settings.read()?, Access::Administer).await?;
    let mut out = io::stdout().lock();
    for receiver in store.receivers().await? {
        let audience: Vec<&str> = receiver.audience.values().collect();
        writeln!(
            out,
            "{}\t{}\t{}\t{}",
            receiver.id,
            receiver.name,
            audience.join(" "),
            receiver.issuer
        )?;
    }
    Ok(())
}

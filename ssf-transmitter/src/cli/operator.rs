//! `operator`: who may look after the transmitter over HTTP.

use std::{
    io::{self, Write},
    time::Duration,
};

use clap::Subcommand;

use super::{Outcome, SettingArgs, audit};
use crate::{
    app::{clock::SystemClock, ids},
    domain::{
        audit::{Act, Action, Details},
        credential::{OVERLAP_DEFAULT, OVERLAP_MAX},
        name::{Name, NameError},
        operator::{Operator, OperatorScope, OperatorScopes},
    },
    ports::{Clock, Existing, Named, OperatorStore},
    server::open_store,
    store::{Access, SeaStore},
    token::{BearerToken, TokenKind},
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Adds an operator and prints its token, once.
    Add {
        /// What you call it; no two have the same name
        #[arg(value_parser = name)]
        name: Name,
        /// What it may do: ops.read, ops.manage, ops.emit; can be repeated [default: all]
        #[arg(long, value_name = "SCOPE")]
        scope: Vec<OperatorScope>,
        #[command(flatten)]
        settings: SettingArgs,
    },
    /// Lists the operators: id, name and scopes, separated by tabs.
    List {
        #[command(flatten)]
        settings: SettingArgs,
    },
    /// Gives an operator another token and prints it, once.
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
    /// Removes an operator; its tokens count no longer, at once.
    Remove {
        /// Which one
        #[arg(value_parser = name)]
        name: Name,
        #[command(flatten)]
        settings: SettingArgs,
    },
}

/// An operator was not changed.
#[derive(Debug, thiserror::Error)]
enum OperatorError {
    #[error("there is an operator of this name already")]
    NameTaken,
    #[error("there is no operator of this name")]
    NotFound,
}

pub(super) fn name(text: &str) -> Result<Name, NameError> {
    Name::parse(text)
}

pub(super) async fn execute(command: Command) -> Outcome {
    match command {
        Command::Add {
            name,
            scope,
            settings,
        } => add(name, scope, settings).await,
        Command::List { settings } => list(settings).await,
        Command::Rotate {
            name,
            overlap_seconds,
            settings,
        } => rotate(name, Duration::from_secs(overlap_seconds), settings).await,
        Command::Remove { name, settings } => remove(name, settings).await,
    }
}

async fn add(name: Name, scope: Vec<OperatorScope>, settings: SettingArgs) -> Outcome {
    let scopes = if scope.is_empty() {
        OperatorScopes::all()
    } else {
        OperatorScopes::new(scope)?
    };
    let (store, sealer) = open_store(&settings.read()?, Access::Administer).await?;
    let operator = Operator {
        id: ids::operator_id(),
        name,
        scopes,
    };
    let token = BearerToken::generate(TokenKind::Operator);
    let fingerprint = token.fingerprint(&sealer);
    let act = act(Action::AddOperator, &operator)?.with("scopes", &operator.scopes);
    let adding = Box::pin(async {
        let added = store.add_operator(&operator, fingerprint, SystemClock.now());
        match added.await? {
            Named::Added => Ok(()),
            Named::NameTaken => Err(OperatorError::NameTaken.into()),
        }
    });
    audit::recorded(&store, act, adding, |()| Details::none()).await?;
    let mut out = io::stdout().lock();
    writeln!(out, "# Keep this token: it is shown once.")?;
    writeln!(out, "operator_id={}", operator.id)?;
    writeln!(out, "operator_token={}", token.expose())?;
    Ok(())
}

async fn list(settings: SettingArgs) -> Outcome {
    let (store, _) = open_store(&settings.read()?, Access::Administer).await?;
    let mut out = io::stdout().lock();
    for operator in store.operators().await? {
        let Operator { id, name, scopes } = operator;
        writeln!(out, "{id}\t{name}\t{scopes}")?;
    }
    Ok(())
}

async fn rotate(name: Name, overlap: Duration, settings: SettingArgs) -> Outcome {
    let (store, sealer) = open_store(&settings.read()?, Access::Administer).await?;
    let operator = find(&store, &name).await?;
    let token = BearerToken::generate(TokenKind::Operator);
    let fingerprint = token.fingerprint(&sealer);
    let act = act(Action::RotateOperator, &operator)?.with("overlap_seconds", overlap.as_secs());
    let rotating = Box::pin(async {
        let now = SystemClock.now();
        let until = now.after(overlap);
        existing(
            store
                .rotate_operator(operator.id, fingerprint, now, until)
                .await?,
        )
    });
    audit::recorded(&store, act, rotating, |()| Details::none()).await?;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "# Keep this token: it is shown once. It counts from now on."
    )?;
    writeln!(out, "operator_token={}", token.expose())?;
    Ok(())
}

async fn remove(name: Name, settings: SettingArgs) -> Outcome {
    let (store, _) = open_store(&settings.read()?, Access::Administer).await?;
    let operator = find(&store, &name).await?;
    let act = act(Action::RemoveOperator, &operator)?;
    let removing = Box::pin(async { existing(store.remove_operator(operator.id).await?) });
    audit::recorded(&store, act, removing, |()| Details::none()).await
}

async fn find(store: &SeaStore, name: &Name) -> Result<Operator, Box<dyn std::error::Error>> {
    let operators = store.operators().await?;
    let found = operators.into_iter().find(|known| known.name == *name);
    Ok(found.ok_or(OperatorError::NotFound)?)
}

fn existing(existing: Existing) -> Outcome {
    match existing {
        Existing::Changed => Ok(()),
        Existing::NotFound => Err(OperatorError::NotFound.into()),
    }
}

fn act(action: Action, operator: &Operator) -> io::Result<Act> {
    let act = Act::on(audit::actor()?, action, "operator", operator.id);
    Ok(act.with("name", &operator.name))
}

//! `audit`: shows the audit log and checks its chain; and what commands of this process leave in it.

use std::{
    error::Error,
    fs,
    future::Future,
    io::{self, Write},
    os::unix::fs::MetadataExt,
};

use clap::Subcommand;
use serde_json::{Value, json};

use super::{Outcome, SettingArgs};
use crate::{
    app::{audit, clock::SystemClock},
    domain::audit::{Act, Actor, Details, Ending, Link, Record},
    ports::AuditStore,
    server::open_store,
    store::{Access, SeaStore},
};

/// Most entries that one call shows.
const TAIL_MAX: u64 = 10_000;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Prints the last entries, oldest first, one JSON object per line.
    Tail {
        /// How many
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=TAIL_MAX))]
        limit: u64,
        #[command(flatten)]
        settings: SettingArgs,
    },
    /// Checks every entry and prints the head; exits with 1 and names the first entry that was changed, deleted or inserted.
    Verify {
        /// A head that an earlier call printed and that was kept elsewhere; without one, nobody can tell that the end
        /// was cut off
        #[arg(long, value_name = "SEQ:HASH")]
        head: Option<Link>,
        #[command(flatten)]
        settings: SettingArgs,
    },
}

pub(super) async fn execute(command: Command) -> Outcome {
    match command {
        Command::Tail { limit, settings } => tail(limit, settings).await,
        Command::Verify { head, settings } => verify(head, settings).await,
    }
}

async fn tail(limit: u64, settings: SettingArgs) -> Outcome {
    let (store, _) = open_store(&settings.read()?, Access::Administer).await?;
    let after = store.head().await?.seq.saturating_sub(limit);
    let mut out = io::stdout().lock();
    for record in store.records(after, limit).await? {
        writeln!(out, "{}", shown(&record))?;
    }
    Ok(())
}

async fn verify(head: Option<Link>, settings: SettingArgs) -> Outcome {
    let (store, _) = open_store(&settings.read()?, Access::Administer).await?;
    let last = audit::verify(&store, head).await?;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "# Keep the head where nobody who can change the database can change it."
    )?;
    writeln!(out, "entries={}", last.seq)?;
    writeln!(out, "head={last}")?;
    Ok(())
}

/// An entry as it is shown; details that somebody changed into something else than JSON are shown as text.
pub(crate) fn shown(record: &Record) -> Value {
    let entry = &record.entry;
    let details = serde_json::from_str(&entry.details);
    json!({
        "seq": record.link.seq,
        "at": entry.at,
        "actor": { "kind": entry.actor_kind, "id": entry.actor_id },
        "action": entry.action,
        "target": entry.target,
        "phase": entry.phase,
        "result": entry.result,
        "begun": entry.begun,
        "details": details.unwrap_or_else(|_| json!(entry.details)),
        "hash": record.link.hash.to_string(),
    })
}

/// The user of the operating system to whom this process belongs.
pub(super) fn actor() -> io::Result<Actor> {
    Ok(Actor::command_line(fs::metadata("/proc/self")?.uid()))
}

/// Has `effect` between the two entries of `act`; nothing happens if the first cannot be written.
pub(super) async fn recorded<T>(
    store: &SeaStore,
    act: Act,
    effect: impl Future<Output = Result<T, Box<dyn Error>>>,
    told: impl FnOnce(&T) -> Details,
) -> Result<T, Box<dyn Error>> {
    // A command says itself what went wrong; whether it changed anything is to be seen from what is stored.
    audit::recorded((store, &SystemClock), act, effect, told, |_| Ending::Failed).await?
}

//! `audit`: shows the audit log and checks its chain; and what commands of this process leave in it.

use std::{
    error::Error,
    fs,
    future::Future,
    io::{self, Write},
    os::unix::fs::MetadataExt,
};

use clap::Subcommand;

use super::{Outcome, SettingArgs};
use crate::{
    app::{audit, clock::SystemClock},
    domain::audit::{Act, Actor, Details, Ending, Link},
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
        writeln!(out, "{}", record.shown())?;
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

//! `ledger`: prints what was counted, and whether it balances.

use std::io::{self, Write};

use super::{Outcome, SettingArgs};
use crate::{domain::ledger::Ledger, ports::LedgerStore, server::open_store, store::Access};

#[derive(Debug, thiserror::Error)]
#[error("the ledger is off by {0}: deliveries or events were lost or made up")]
struct Unbalanced(u64);

pub(super) async fn execute(settings: SettingArgs) -> Outcome {
    let (store, _) = open_store(&settings.read()?, Access::Administer).await?;
    let ledger = store.ledger().await?;
    print(&ledger, &mut io::stdout().lock())?;
    match ledger.imbalance() {
        0 => Ok(()),
        off => Err(Unbalanced(off).into()),
    }
}

fn print(ledger: &Ledger, out: &mut impl Write) -> io::Result<()> {
    let terms = [
        ("accepted", ledger.accepted),
        ("dispatched", ledger.dispatched),
        ("waiting", ledger.waiting),
        ("set_aside", ledger.set_aside),
        ("matched", ledger.matched),
        ("replayed", ledger.replayed),
        ("numbered", ledger.numbered),
        ("pending", ledger.pending),
        ("quarantined", ledger.quarantined),
        ("acknowledged", ledger.acknowledged),
    ];
    for (name, value) in terms {
        writeln!(out, "{name}={value}")?;
    }
    for (reason, deliveries) in &ledger.dropped {
        writeln!(out, "dropped.{}={deliveries}", reason.as_str())?;
    }
    writeln!(out, "streams_apart={}", ledger.streams_apart)?;
    writeln!(out, "imbalance={}", ledger.imbalance())
}

//! `accept-loss`: looks no longer for SETs that are missing.

use secrecy::ExposeSecret;

use super::{Outcome, chosen::ChosenArgs, tell};
use crate::{
    freshness::accept,
    inbox::{AnyInbox, PREDECESSOR_PATIENCE},
};

/// Opens the database: an SQLite file is one process's at a time, so that `serve` has to be stopped meanwhile.
pub(super) async fn execute(arguments: ChosenArgs) -> Outcome {
    let config = arguments.read()?;
    let inbox = AnyInbox::open(config.database_url.expose_secret(), PREDECESSOR_PATIENCE).await?;
    match accept(&inbox, &config.transmitter.issuer).await? {
        Some(accepted) => {
            tell("epoch", accepted.epoch)?;
            tell("accepted_through", accepted.through)?;
        }
        None => tell("accepted_through", 0)?,
    }
    Ok(())
}

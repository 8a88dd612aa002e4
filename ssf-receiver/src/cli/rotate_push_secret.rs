//! `rotate-push-secret`: begins a change of the push secret, which whoever serves goes on with.

use secrecy::ExposeSecret;

use super::{Outcome, chosen::ChosenArgs, tell};
use crate::{
    inbox::{AnyInbox, PREDECESSOR_PATIENCE},
    rotation::{self, RotateError},
    stream::StreamMemory,
};

/// Opens the database: an SQLite file is one process's at a time, so that `serve` has to be stopped meanwhile.
pub(super) async fn execute(arguments: ChosenArgs) -> Outcome {
    let config = arguments.read()?;
    let endpoint = config.endpoint()?.ok_or(RotateError::NotOurs)?;
    let memory = StreamMemory::new(&config.transmitter.issuer, Some(&endpoint));
    let url = config.database_url.expose_secret();
    let inbox = AnyInbox::open(url, PREDECESSOR_PATIENCE).await?;
    rotation::begin(&inbox, &memory).await?;
    tell("push_secret", "begun")?;
    Ok(())
}

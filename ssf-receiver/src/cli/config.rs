//! `config`: looks at the configuration, and starts nothing.

use clap::Subcommand;

use super::{Outcome, SettingArgs, tell};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Tells everything that is wrong with the configuration, or where each transmitter pushes to.
    Check(SettingArgs),
}

pub(super) fn execute(command: Command) -> Outcome {
    let Command::Check(settings) = command;
    let config = settings.read()?;
    let transmitter = &config.transmitter;
    tell(&format!("issuer.{}", transmitter.name), &transmitter.issuer)?;
    if let Some(endpoint) = config.endpoint(config.listen.address)? {
        tell(&format!("endpoint.{}", transmitter.name), endpoint.as_str())?;
    }
    tell("configuration", "ok")?;
    Ok(())
}

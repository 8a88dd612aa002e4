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
    for transmitter in &config.transmitters {
        tell(&format!("issuer.{}", transmitter.name), &transmitter.issuer)?;
        if let Some(endpoint) = transmitter.endpoint(&config.listen, config.listen.address)? {
            tell(&format!("endpoint.{}", transmitter.name), endpoint.as_str())?;
        }
    }
    tell("configuration", "ok")?;
    Ok(())
}

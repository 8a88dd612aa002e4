//! The configuration, as it concerns one transmitter.

use clap::Args;
use secrecy::SecretString;
use ssf_types::uri::{EndpointUrl, UriError};

use super::{SettingArgs, SettingsError};
use crate::config::{Listen, TransmitterSettings};

/// Settings, and the transmitter that is meant.
#[derive(Args, Debug)]
pub(super) struct ChosenArgs {
    /// The transmitter, by its name in the configuration, where there are several
    #[arg(long, value_name = "NAME")]
    transmitter: Option<String>,
    #[command(flatten)]
    settings: SettingArgs,
}

/// What is configured of one transmitter.
pub(super) struct Chosen {
    pub(super) listen: Listen,
    pub(super) transmitter: TransmitterSettings,
    pub(super) database_url: SecretString,
}

impl ChosenArgs {
    pub(super) fn read(self) -> Result<Chosen, SettingsError> {
        let config = self.settings.read()?;
        let transmitter = config
            .transmitter(self.transmitter.as_deref())
            .map_err(SettingsError::Choice)?
            .clone();
        Ok(Chosen {
            listen: config.listen,
            database_url: config.database_url,
            transmitter,
        })
    }
}

impl Chosen {
    /// Where the transmitter pushes to; `None` if it is polled.
    pub(super) fn endpoint(&self) -> Result<Option<EndpointUrl>, UriError> {
        self.transmitter.endpoint(&self.listen, self.listen.address)
    }
}

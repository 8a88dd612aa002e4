//! What the program publishes in Redis, and where it leaves the secret for those who read it.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use secrecy::ExposeSecret;

use super::DaemonError;
use crate::{Receiver, config::RedisSettings, publication::RedisPublication};

pub(super) fn of(settings: &RedisSettings) -> RedisPublication {
    RedisPublication::new(settings.url.clone()).prefix(settings.prefix.as_str())
}

/// Leaves the secret in a file of which the owner alone can read what is new; one that is there keeps its owner and its mode.
pub(super) fn leave_secret(receiver: &Receiver, path: &Path) -> Result<(), DaemonError> {
    let secret = receiver.publication_secret();
    let text = format!("{}\n", secret.expose_secret());
    let written = match fs::read_to_string(path) {
        Ok(known) if known == text => Ok(()),
        Ok(_) | Err(_) => write(path, &text),
    };
    written.map_err(|source| DaemonError::PublicationSecret {
        path: path.to_owned(),
        source,
    })
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

/// Where it goes, of what is configured.
pub(super) fn secret_file(settings: Option<&RedisSettings>) -> Option<PathBuf> {
    settings.and_then(|settings| settings.secret_file.clone())
}

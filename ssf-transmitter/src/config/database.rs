//! Where the database is, and the key to what is sealed in it.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::{
    DATABASE_URL_DEFAULT,
    layers::{Reader, Value},
};
use crate::sealing::{DataKey, KeySource};

pub(super) fn read_database_url(value: Option<&Value>) -> Result<SecretString, String> {
    let expected = "must be sqlite://PATH or postgres://HOST/DATABASE";
    let text = match value {
        Some(value) => value.text().ok_or(expected)?,
        None => DATABASE_URL_DEFAULT,
    };
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        return Ok(text.into());
    }
    match sqlite_path(text) {
        Some(path) if !path.as_os_str().is_empty() => Ok(text.into()),
        Some(_) => Err(format!(
            "{expected}; a database in memory would not survive a restart"
        )),
        None => Err(expected.to_owned()),
    }
}

/// The file of an SQLite URL: empty if the URL asks for memory, `None` if it is another kind of URL.
fn sqlite_path(url: &str) -> Option<PathBuf> {
    let rest = url.strip_prefix("sqlite://")?;
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    if path == ":memory:" || query.contains("mode=memory") {
        return Some(PathBuf::new());
    }
    Some(PathBuf::from(path))
}

pub(super) fn read_key(
    reader: &mut Reader,
    database_url: Option<&SecretString>,
) -> Option<KeySource> {
    let from_environment = reader.value("encryption_key", |value| match value {
        None => Ok(None),
        Some(value) if !value.is_from_environment() => {
            Err("must not stand here: set it in the environment, or name a file with encryption_key_file".to_owned())
        }
        Some(value) => DataKey::parse(value.text().unwrap_or_default())
            .map(Some)
            .map_err(|error| error.to_string()),
    })?;
    let default = database_url.and_then(|url| sqlite_path(url.expose_secret()));
    let has_key = from_environment.is_some();
    let from_file = reader.value("encryption_key_file", |value| match value {
        Some(_) if has_key => Err("must not be set beside encryption_key".to_owned()),
        Some(value) => value
            .text()
            .filter(|path| !path.is_empty())
            .map(|path| Some(KeySource::File(path.into())))
            .ok_or_else(|| "must be the path of a file".to_owned()),
        None if has_key || database_url.is_none() => Ok(None),
        None => default
            .map(|database| {
                let key = beside(&database);
                Some(KeySource::BesideDatabase { database, key })
            })
            .ok_or_else(|| {
                "must be set, or encryption_key, because the database is not a file".to_owned()
            }),
    })?;
    from_environment.map(KeySource::Environment).or(from_file)
}

/// `ssf-transmitter.db` → `ssf-transmitter.db.key`.
fn beside(database: &Path) -> PathBuf {
    let mut key = database.as_os_str().to_owned();
    key.push(".key");
    key.into()
}

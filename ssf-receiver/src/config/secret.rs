//! Secrets: from the environment, or from a file that is named; never in the configuration file itself.

use std::{fs::File, io::Read, path::Path};

use secrecy::{ExposeSecret, SecretString};

use super::reader::Reader;

/// Longest secret, in bytes: it is sent in a header, as which servers commonly take 8 KiB in all.
const SECRET_BYTES_MAX: usize = 4096;

/// A setting is faulty, which the reader was told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Faulty;

/// Reads the secret `key`, or the file that `key_file` names; `None` if neither is set.
pub(super) fn read(
    reader: &mut Reader,
    key: &'static str,
    key_file: &'static str,
) -> Result<Option<SecretString>, Faulty> {
    let from_environment = reader.value(key, |value| match value {
        None => Ok(None),
        Some(value) if !value.is_from_environment() => Err(format!(
            "must not stand here: set it in the environment, or name a file with {key_file}"
        )),
        Some(value) => checked(value.text().unwrap_or_default()).map(Some),
    });
    let from_file = reader.value(key_file, |value| match (&from_environment, value) {
        (_, None) => Ok(None),
        (Some(Some(_)), Some(_)) => Err(format!("must not be set beside {key}")),
        (Some(None) | None, Some(value)) => {
            let path = value.text().filter(|path| !path.is_empty());
            let path = path.ok_or("must be the path of a file")?;
            of_file(Path::new(path)).map(Some)
        }
    });
    let (Some(from_environment), Some(from_file)) = (from_environment, from_file) else {
        return Err(Faulty);
    };
    Ok(from_environment.or(from_file))
}

/// Reads a secret from a file; a line end behind it is no part of it.
pub(crate) fn of_file(path: &Path) -> Result<SecretString, String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|error| format!("cannot be read: {error}"))?;
    // One more than the longest with a line end, which is then too long.
    file.take(SECRET_BYTES_MAX as u64 + 3)
        .read_to_string(&mut text)
        .map_err(|error| format!("cannot be read: {error}"))?;
    let text = SecretString::from(text);
    checked(text.expose_secret().trim_end_matches(['\r', '\n']))
}

fn checked(text: &str) -> Result<SecretString, String> {
    let is_visible = |byte: u8| (b' '..=b'~').contains(&byte);
    if text.is_empty() || text.len() > SECRET_BYTES_MAX || !text.bytes().all(is_visible) {
        return Err(format!(
            "must be 1 to {SECRET_BYTES_MAX} visible ASCII characters"
        ));
    }
    Ok(text.into())
}

//! An authority that outlives a run, so that a Transmitter can be told to trust it.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::{Authority, AuthorityError};

/// Largest file with a key, in bytes.
const KEY_BYTES_MAX: u64 = 16 * 1024;

/// The authority cannot be had from its files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityFileError {
    /// A file cannot be read.
    #[error("{} cannot be read", .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// A file cannot be written.
    #[error("{} cannot be written", .0.display())]
    Write(PathBuf, #[source] io::Error),
    /// The file has no private key.
    #[error("{} is not a private key in PEM", .0.display())]
    Key(PathBuf, #[source] AuthorityError),
    /// There is no new authority.
    #[error("an authority cannot be made")]
    New(#[source] AuthorityError),
}

impl Authority {
    /// The authority whose key is in this file, or a new one, whose key, for its owner alone, is written there. The
    /// certificate, which a Transmitter has to trust, is written where it is missing.
    ///
    /// # Errors
    /// A file cannot be read or written, or is no key.
    pub fn kept_in(certificate: &Path, key: &Path) -> Result<Self, AuthorityFileError> {
        let authority = if let Some(pem) = read_key(key)? {
            let read = Self::of_key(&pem);
            read.map_err(|error| AuthorityFileError::Key(key.to_owned(), error))?
        } else {
            let authority = Self::new().map_err(AuthorityFileError::New)?;
            write_new(key, 0o600, &authority.key())?;
            // One that was there was another authority's.
            let _ = fs::remove_file(certificate);
            authority
        };
        if !certificate.exists() {
            write_new(certificate, 0o644, authority.root())?;
        }
        Ok(authority)
    }
}

fn read_key(path: &Path) -> Result<Option<String>, AuthorityFileError> {
    let unread = |error| AuthorityFileError::Read(path.to_owned(), error);
    match fs::metadata(path) {
        Ok(metadata) if metadata.len() > KEY_BYTES_MAX => Err(unread(io::Error::other(format!(
            "it has more than {KEY_BYTES_MAX} bytes"
        )))),
        Ok(_) => fs::read_to_string(path).map(Some).map_err(unread),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unread(error)),
    }
}

fn write_new(path: &Path, mode: u32, text: &str) -> Result<(), AuthorityFileError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    let written = options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| AuthorityFileError::Write(path.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn an_authority_is_made_once_and_its_key_is_its_owners_alone() {
        let directory = tempfile::tempdir().unwrap();
        let (certificate, key) = (
            directory.path().join("ca.pem"),
            directory.path().join("ca.key"),
        );
        let first = Authority::kept_in(&certificate, &key).unwrap();
        assert_eq!(fs::read_to_string(&certificate).unwrap(), first.root());
        let mode = fs::metadata(&key).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = Authority::kept_in(&certificate, &key).unwrap();
        assert_eq!(again.key(), first.key());
        assert_eq!(fs::read_to_string(&certificate).unwrap(), first.root());
    }

    #[test]
    fn a_file_that_is_no_key_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let key = directory.path().join("ca.key");
        fs::write(&key, "no key").unwrap();
        let error = Authority::kept_in(&directory.path().join("ca.pem"), &key).unwrap_err();
        assert!(matches!(error, AuthorityFileError::Key(..)), "{error}");
    }
}

//! The file from which a private key is imported.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString};
use ssf_types::{
    id::Kid,
    jose::{KeyError, PEM_BYTES_MAX, SigningKey},
    set::Algorithm,
};

/// A key cannot be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum ImportError {
    /// The file cannot be read.
    #[error("{} cannot be read", .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// Others than the owner may read or write the file.
    #[error("{} has mode {mode:03o}; set it to 600", path.display())]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is longer than any key.
    #[error("{} is longer than {PEM_BYTES_MAX} bytes", .0.display())]
    TooLong(PathBuf),
    /// The file does not hold a key that may be used.
    #[error("{} does not hold a private key that can be used", .0.display())]
    Key(PathBuf, #[source] KeyError),
    /// The JWK is for another algorithm.
    #[error("the key is for {found}, not for {asked}")]
    OtherAlgorithm {
        /// What the JWK says.
        found: Algorithm,
        /// What was asked for.
        asked: Algorithm,
    },
}

/// Reads a private key: a JWK if the text is an object of JSON, else PEM.
pub(super) fn read(
    path: &Path,
    algorithm: Option<Algorithm>,
    kid: Option<Kid>,
) -> Result<SigningKey, ImportError> {
    let text = private_text(path)?;
    let key = parse(text.expose_secret(), algorithm)
        .map_err(|source| ImportError::Key(path.to_owned(), source))?;
    if let Some(asked) = algorithm
        && key.algorithm() != asked
    {
        let found = key.algorithm();
        return Err(ImportError::OtherAlgorithm { found, asked });
    }
    Ok(match kid {
        Some(kid) => key.with_kid(kid),
        None => key,
    })
}

fn parse(text: &str, algorithm: Option<Algorithm>) -> Result<SigningKey, KeyError> {
    if text.trim_start().starts_with('{') {
        return SigningKey::from_jwk(text.as_bytes());
    }
    match algorithm {
        Some(algorithm) => SigningKey::from_pem(algorithm, text),
        None => SigningKey::from_any_pem(text),
    }
}

fn private_text(path: &Path) -> Result<SecretString, ImportError> {
    let unreadable = |source| ImportError::Read(path.to_owned(), source);
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(ImportError::Permissions {
            path: path.to_owned(),
            mode,
        });
    }
    let mut text = String::new();
    file.take(PEM_BYTES_MAX as u64 + 1)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    if text.len() > PEM_BYTES_MAX {
        return Err(ImportError::TooLong(path.to_owned()));
    }
    Ok(text.into())
}

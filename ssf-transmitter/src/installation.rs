//! What is true of a database once and for all: which key seals it, and whose token the sources have.

use ssf_types::secret::constant_time_eq;

use crate::{
    domain::id::Fingerprint,
    ports::{FirstWrite, Settings, StoreError},
    sealing::Sealer,
    token::{BearerToken, TokenKind},
};

/// The setting that shows whether the key is the right one: a constant, sealed.
const KEY_CHECK: &str = "key_check";

/// What is sealed in [`KEY_CHECK`].
const KEY_CHECK_TEXT: &[u8] = b"ssf-transmitter";

/// The setting with the fingerprint of the operator's token.
const OPERATOR_TOKEN: &str = "operator_token";

/// The database and this process do not belong together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallationError {
    /// The store failed.
    #[error("the settings cannot be read")]
    Store(#[source] StoreError),
    /// The database was made with another key.
    #[error(
        "the database was made with another encryption key: start with that key, or with another database"
    )]
    WrongKey,
    /// A setting is not what was written.
    #[error("the setting {0} cannot be read")]
    Corrupt(&'static str),
}

/// Makes sure that `sealer` has the key that the database was made with; an empty database takes it as its own.
///
/// # Errors
/// The key is another one, or the store failed.
pub async fn check_key(store: &impl Settings, sealer: &Sealer) -> Result<(), InstallationError> {
    let ours = sealer.seal(KEY_CHECK, KEY_CHECK_TEXT);
    let written = store
        .insert_setting(KEY_CHECK, &ours)
        .await
        .map_err(InstallationError::Store)?;
    if written == FirstWrite::Written {
        return Ok(());
    }
    let stored = required(store, KEY_CHECK).await?;
    match sealer.open(KEY_CHECK, &stored) {
        Ok(text) if constant_time_eq(&text, KEY_CHECK_TEXT) => Ok(()),
        Ok(_) | Err(_) => Err(InstallationError::WrongKey),
    }
}

/// The token of the sources.
#[derive(Debug)]
pub struct Operator {
    /// Stands for the token.
    pub fingerprint: Fingerprint,
    /// The token itself, if this is the first start; it is never to be had again.
    pub new_token: Option<BearerToken>,
}

/// Finds the operator's token; the first start makes it.
///
/// # Errors
/// The store failed.
pub async fn operator(
    store: &impl Settings,
    sealer: &Sealer,
) -> Result<Operator, InstallationError> {
    if let Some(stored) = setting(store, OPERATOR_TOKEN).await? {
        return Ok(Operator {
            fingerprint: fingerprint(&stored)?,
            new_token: None,
        });
    }
    let token = BearerToken::generate(TokenKind::Operator);
    let new = token.fingerprint(sealer);
    let written = store
        .insert_setting(OPERATOR_TOKEN, new.as_bytes())
        .await
        .map_err(InstallationError::Store)?;
    if written == FirstWrite::Written {
        return Ok(Operator {
            fingerprint: new,
            new_token: Some(token),
        });
    }
    // Another node was faster, and its operator has the token.
    let stored = required(store, OPERATOR_TOKEN).await?;
    Ok(Operator {
        fingerprint: fingerprint(&stored)?,
        new_token: None,
    })
}

/// Replaces the operator's token. A server that runs keeps the old one until its next start.
///
/// # Errors
/// The store failed.
pub async fn replace_operator(
    store: &impl Settings,
    sealer: &Sealer,
) -> Result<BearerToken, InstallationError> {
    let token = BearerToken::generate(TokenKind::Operator);
    store
        .replace_setting(OPERATOR_TOKEN, token.fingerprint(sealer).as_bytes())
        .await
        .map_err(InstallationError::Store)?;
    Ok(token)
}

async fn setting(
    store: &impl Settings,
    name: &'static str,
) -> Result<Option<Vec<u8>>, InstallationError> {
    store.setting(name).await.map_err(InstallationError::Store)
}

async fn required(store: &impl Settings, name: &'static str) -> Result<Vec<u8>, InstallationError> {
    setting(store, name)
        .await?
        .ok_or(InstallationError::Corrupt(name))
}

fn fingerprint(stored: &[u8]) -> Result<Fingerprint, InstallationError> {
    stored
        .try_into()
        .map(Fingerprint::new)
        .map_err(|_| InstallationError::Corrupt(OPERATOR_TOKEN))
}

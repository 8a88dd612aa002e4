//! What is true of a database once and for all: which key seals it, and that it had a first operator.

use ssf_types::{secret::constant_time_eq, time::Timestamp};

use crate::{
    app::ids,
    domain::{
        name::Name,
        operator::{Operator, OperatorScopes},
    },
    ports::{FirstWrite, OperatorStore, Settings, StoreError},
    sealing::Sealer,
    token::{BearerToken, TokenKind},
};

/// The setting that shows whether the key is the right one: a constant, sealed.
const KEY_CHECK: &str = "key_check";

/// What is sealed in [`KEY_CHECK`].
const KEY_CHECK_TEXT: &[u8] = b"ssf-transmitter";

/// What the operator is called that the first start makes.
const FIRST_OPERATOR: &str = "operator";

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

/// Makes the first operator at the first start, and returns its token, which is never to be had again.
///
/// # Errors
/// The store failed.
pub async fn first_operator(
    store: &impl OperatorStore,
    sealer: &Sealer,
    now: Timestamp,
) -> Result<Option<BearerToken>, InstallationError> {
    let token = BearerToken::generate(TokenKind::Operator);
    let operator = Operator {
        id: ids::operator_id(),
        name: Name::parse(FIRST_OPERATOR)
            .map_err(|_| InstallationError::Corrupt(FIRST_OPERATOR))?,
        scopes: OperatorScopes::all(),
    };
    let written = store
        .add_first_operator(&operator, token.fingerprint(sealer), now)
        .await
        .map_err(InstallationError::Store)?;
    Ok(match written {
        FirstWrite::Written => Some(token),
        FirstWrite::AlreadyThere => None,
    })
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

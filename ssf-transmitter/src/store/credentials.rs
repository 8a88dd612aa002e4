//! Credentials of Receivers as rows.

use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter,
    sea_query::Expr,
};
use ssf_types::{time::Timestamp, uri::Issuer};

use super::{
    entity::receiver_credential,
    receivers::is_first,
    row::{self, Cell},
};
use crate::{
    domain::{
        credential::{Credential, CredentialKind, ExternalClient, Registered},
        id::{Fingerprint, ReceiverId},
    },
    ports::{CorruptRow, FirstWrite, StoreError},
};

/// Those that count at `now`.
pub(super) fn counts(now: Timestamp) -> Condition {
    let expires_at = receiver_credential::Column::ExpiresAt;
    Condition::any()
        .add(expires_at.is_null())
        .add(expires_at.gt(row::millis(now)))
}

/// Gives a Receiver a credential, unless another has the same.
pub(super) async fn insert(
    transaction: &DatabaseTransaction,
    of: ReceiverId,
    credential: &Credential,
    now: Timestamp,
) -> Result<FirstWrite, StoreError> {
    let (keys, external) = match credential {
        Credential::Bearer(_) | Credential::ClientSecret(_) => (None, None),
        Credential::ClientKeys(keys) => (Some(keys.clone()), None),
        Credential::External(client) => (None, Some(client)),
    };
    let fingerprint = credential.fingerprint();
    let row = receiver_credential::ActiveModel {
        id: NotSet,
        receiver_id: Set(of.uuid()),
        kind: Set(credential.kind().as_str().to_owned()),
        fingerprint: Set(fingerprint.map(|digest| digest.as_bytes().to_vec())),
        keys: Set(keys),
        authorization_server: Set(
            external.map(|client| client.authorization_server.as_str().to_owned())
        ),
        client_id: Set(external.map(|client| client.client_id.clone())),
        created_at: Set(row::millis(now)),
        expires_at: Set(None),
    };
    let inserted = receiver_credential::Entity::insert(row)
        .on_conflict_do_nothing_on([receiver_credential::Column::Fingerprint])
        .exec_without_returning(transaction)
        .await?;
    Ok(if is_first(&inserted) {
        FirstWrite::Written
    } else {
        FirstWrite::AlreadyThere
    })
}

/// Lets the credential of this kind count until `until`, and its predecessors no longer.
pub(super) async fn retire(
    transaction: &DatabaseTransaction,
    of: ReceiverId,
    kind: CredentialKind,
    until: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    let expires_at = receiver_credential::Column::ExpiresAt;
    let of_kind = Condition::all()
        .add(receiver_credential::Column::ReceiverId.eq(of.uuid()))
        .add(receiver_credential::Column::Kind.eq(kind.as_str()));
    let mut over = of_kind.clone();
    if until > now {
        over = over.add(expires_at.is_not_null());
    }
    receiver_credential::Entity::delete_many()
        .filter(over)
        .exec(transaction)
        .await?;
    receiver_credential::Entity::update_many()
        .col_expr(expires_at, Expr::value(row::millis(until)))
        .filter(of_kind)
        .exec(transaction)
        .await?;
    Ok(())
}

/// Reads a credential.
pub(super) fn read(row: &receiver_credential::Model) -> Result<Registered, CorruptRow> {
    let cell = |column| Cell::new("receiver_credential", column, row.id.to_string());
    let fingerprint = || {
        let stored = row.fingerprint.as_deref();
        let digest = stored.and_then(|digest| digest.try_into().ok());
        digest
            .map(Fingerprint::new)
            .ok_or_else(|| cell("fingerprint").corrupt("it is not a fingerprint"))
    };
    let kind = CredentialKind::read(&row.kind)
        .ok_or_else(|| cell("kind").corrupt("it is not a kind of credential"))?;
    let credential = match kind {
        CredentialKind::Bearer => Credential::Bearer(fingerprint()?),
        CredentialKind::ClientSecret => Credential::ClientSecret(fingerprint()?),
        CredentialKind::ClientKeys => {
            let keys = row.keys.clone();
            Credential::ClientKeys(keys.ok_or_else(|| cell("keys").corrupt("it is missing"))?)
        }
        CredentialKind::External => Credential::External(external(row, fingerprint()?)?),
    };
    Ok(Registered::new(credential, row.expires_at.map(row::moment)))
}

fn external(
    row: &receiver_credential::Model,
    fingerprint: Fingerprint,
) -> Result<ExternalClient, CorruptRow> {
    let cell = |column| Cell::new("receiver_credential", column, row.id.to_string());
    let server = row.authorization_server.as_deref().unwrap_or_default();
    let authorization_server = Issuer::parse(server)
        .map_err(|_| cell("authorization_server").corrupt("it is not an issuer"))?;
    let client_id = row.client_id.clone();
    Ok(ExternalClient::new(
        authorization_server,
        client_id.ok_or_else(|| cell("client_id").corrupt("it is missing"))?,
        fingerprint,
    ))
}

//! Receivers.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, ExprTrait,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, TryInsertResult,
    sea_query::Expr,
};
use ssf_types::time::Timestamp;
use uuid::Uuid;

use super::{
    Placing, SeaStore, credentials,
    entity::{client_assertion, receiver, receiver_credential, stream},
    limited::Only,
    lost_lease::take_lease_away,
    row::{self, Cell},
    streams::living,
};
use crate::{
    domain::{
        credential::{Credential, CredentialKind, Registered},
        id::{Fingerprint, ReceiverId},
        issuer::IssuerName,
        profile::Profile,
        push_hosts::PushHosts,
        receiver::Receiver,
        scope::Scopes,
    },
    ports::{
        AddedReceiver, CorruptRow, FirstWrite, ProfileSet, PushHostsBound, ReceiverStore,
        RemovedReceiver, ReplacedCredentials, StoreError,
    },
};

/// Most used assertions that are forgotten with each one that is remembered, so that no request waits for many.
const FORGOTTEN_MAX: u64 = 10;

impl ReceiverStore for SeaStore {
    async fn add_receiver(
        &self,
        receiver: &Receiver,
        credentials: &[Credential],
        now: Timestamp,
    ) -> Result<AddedReceiver, StoreError> {
        let transaction = self.begin().await?;
        let inserted = receiver::Entity::insert(new_row(receiver, now)?)
            .on_conflict_do_nothing_on([receiver::Column::Name])
            .exec_without_returning(&transaction)
            .await?;
        if !is_first(&inserted) {
            return Ok(AddedReceiver::NameTaken);
        }
        for credential in credentials {
            let written = credentials::insert(&transaction, receiver.id, credential, now).await?;
            if written == FirstWrite::AlreadyThere {
                return Ok(AddedReceiver::CredentialTaken);
            }
        }
        transaction.commit().await?;
        Ok(AddedReceiver::Added)
    }

    async fn receiver_by_token(
        &self,
        issuer: &IssuerName,
        token: Fingerprint,
        now: Timestamp,
    ) -> Result<Option<Receiver>, StoreError> {
        let kinds = [CredentialKind::Bearer, CredentialKind::External];
        let owner = receiver_credential::Entity::find()
            .filter(receiver_credential::Column::Fingerprint.eq(token.as_bytes().to_vec()))
            .filter(receiver_credential::Column::Kind.is_in(kinds.map(CredentialKind::as_str)))
            .filter(credentials::counts(now))
            .select_only()
            .column(receiver_credential::Column::ReceiverId)
            .into_query();
        let row = receiver::Entity::find()
            .filter(receiver::Column::Issuer.eq(issuer.as_str()))
            .filter(receiver::Column::Id.in_subquery(owner))
            .only(&self.reader)
            .await?;
        Ok(row.map(Receiver::try_from).transpose()?)
    }

    async fn receiver(
        &self,
        issuer: &IssuerName,
        id: ReceiverId,
    ) -> Result<Option<Receiver>, StoreError> {
        let row = receiver::Entity::find_by_id(id.uuid())
            .filter(receiver::Column::Issuer.eq(issuer.as_str()))
            .only(&self.reader)
            .await?;
        Ok(row.map(Receiver::try_from).transpose()?)
    }

    async fn credentials(&self, id: ReceiverId) -> Result<Vec<Registered>, StoreError> {
        let rows = receiver_credential::Entity::find()
            .filter(receiver_credential::Column::ReceiverId.eq(id.uuid()))
            .order_by_asc(receiver_credential::Column::Id)
            .all(&self.reader)
            .await?;
        let read: Result<_, CorruptRow> = rows.iter().map(credentials::read).collect();
        Ok(read?)
    }

    async fn receivers(&self) -> Result<Vec<Receiver>, StoreError> {
        let rows = receiver::Entity::find()
            .order_by_asc(receiver::Column::Name)
            .all(&self.reader)
            .await?;
        let receivers: Result<_, CorruptRow> = rows.into_iter().map(Receiver::try_from).collect();
        Ok(receivers?)
    }

    async fn has_profile(
        &self,
        issuer: &IssuerName,
        profiles: &[Profile],
    ) -> Result<bool, StoreError> {
        let names = profiles.iter().map(|profile| profile.as_str());
        let found = receiver::Entity::find()
            .filter(receiver::Column::Issuer.eq(issuer.as_str()))
            .filter(receiver::Column::Profile.is_in(names))
            .one(&self.reader)
            .await?;
        Ok(found.is_some())
    }

    async fn set_profile(
        &self,
        id: ReceiverId,
        profile: Profile,
    ) -> Result<ProfileSet, StoreError> {
        // No stream is created meanwhile, to be taken with the profile of before.
        let transaction = self.begin_placing(Placing::Stream).await?;
        let updated = receiver::Entity::update_many()
            .col_expr(receiver::Column::Profile, Expr::value(profile.as_str()))
            .filter(receiver::Column::Id.eq(id.uuid()))
            .exec(&transaction)
            .await?;
        if updated.rows_affected == 0 {
            return Ok(ProfileSet::NotFound);
        }
        let streams: Vec<Uuid> = stream::Entity::find()
            .filter(stream::Column::ReceiverId.eq(id.uuid()))
            .select_only()
            .column(stream::Column::Id)
            .order_by_asc(stream::Column::Id)
            .into_tuple()
            .all(&transaction)
            .await?;
        for stream in streams {
            take_lease_away(&transaction, stream).await?;
        }
        transaction.commit().await?;
        Ok(ProfileSet::Set)
    }

    async fn bind_push_hosts(
        &self,
        id: ReceiverId,
        hosts: &PushHosts,
    ) -> Result<PushHostsBound, StoreError> {
        // No stream is created or changed meanwhile.
        let transaction = self.begin_placing(Placing::Stream).await?;
        let updated = receiver::Entity::update_many()
            .col_expr(receiver::Column::PushHosts, Expr::value(hosts.to_string()))
            .filter(receiver::Column::Id.eq(id.uuid()))
            .exec(&transaction)
            .await?;
        if updated.rows_affected == 0 {
            return Ok(PushHostsBound::NotFound);
        }
        let streams = living()
            .filter(stream::Column::ReceiverId.eq(id.uuid()))
            .order_by_asc(stream::Column::Id)
            .all(&transaction)
            .await?;
        let mut elsewhere = Vec::new();
        for row in streams {
            let stream = self.read_stream(row)?;
            if !hosts.admit(&stream.delivery) {
                elsewhere.push(stream.id);
            }
        }
        if elsewhere.is_empty() {
            transaction.commit().await?;
            Ok(PushHostsBound::Bound)
        } else {
            Ok(PushHostsBound::Elsewhere(elsewhere))
        }
    }

    async fn replace_credentials(
        &self,
        id: ReceiverId,
        credentials: &[Credential],
        until: Timestamp,
        now: Timestamp,
    ) -> Result<ReplacedCredentials, StoreError> {
        let transaction = self.begin().await?;
        if !lock(&transaction, id).await? {
            return Ok(ReplacedCredentials::NotFound);
        }
        for credential in credentials {
            credentials::retire(&transaction, id, credential.kind(), until, now).await?;
            let written = credentials::insert(&transaction, id, credential, now).await?;
            if written == FirstWrite::AlreadyThere {
                return Ok(ReplacedCredentials::CredentialTaken);
            }
        }
        if until <= now {
            begin_epoch(&transaction, id).await?;
        }
        transaction.commit().await?;
        Ok(ReplacedCredentials::Replaced)
    }

    async fn revoke_receiver(&self, id: ReceiverId) -> Result<RemovedReceiver, StoreError> {
        let transaction = self.begin().await?;
        if !lock(&transaction, id).await? {
            return Ok(RemovedReceiver::NotFound);
        }
        receiver_credential::Entity::delete_many()
            .filter(receiver_credential::Column::ReceiverId.eq(id.uuid()))
            .exec(&transaction)
            .await?;
        begin_epoch(&transaction, id).await?;
        transaction.commit().await?;
        Ok(RemovedReceiver::Removed)
    }

    async fn remove_receiver(&self, id: ReceiverId) -> Result<RemovedReceiver, StoreError> {
        // No stream is created meanwhile.
        let transaction = self.begin_placing(Placing::Stream).await?;
        let streams = stream::Entity::find()
            .filter(stream::Column::ReceiverId.eq(id.uuid()))
            .count(&transaction)
            .await?;
        if streams > 0 {
            return Ok(RemovedReceiver::HasStreams);
        }
        let deleted = receiver::Entity::delete_by_id(id.uuid())
            .exec(&transaction)
            .await?;
        transaction.commit().await?;
        Ok(match deleted.rows_affected {
            0 => RemovedReceiver::NotFound,
            _ => RemovedReceiver::Removed,
        })
    }

    async fn use_assertion(
        &self,
        id: ReceiverId,
        assertion: Fingerprint,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<FirstWrite, StoreError> {
        let transaction = self.begin().await?;
        forget_assertions(&transaction, now).await?;
        let row = client_assertion::ActiveModel {
            receiver_id: Set(id.uuid()),
            jti: Set(assertion.as_bytes().to_vec()),
            expires_at: Set(row::millis(until)),
        };
        let inserted = client_assertion::Entity::insert(row)
            .on_conflict_do_nothing_on([
                client_assertion::Column::ReceiverId,
                client_assertion::Column::Jti,
            ])
            .exec_without_returning(&transaction)
            .await?;
        let is_new = is_first(&inserted) || revive(&transaction, id, assertion, until, now).await?;
        transaction.commit().await?;
        Ok(if is_new {
            FirstWrite::Written
        } else {
            FirstWrite::AlreadyThere
        })
    }
}

/// Remembers an assertion anew whose predecessor of the same name is over, and was not forgotten yet.
async fn revive(
    transaction: &DatabaseTransaction,
    id: ReceiverId,
    assertion: Fingerprint,
    until: Timestamp,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let revived = client_assertion::Entity::update_many()
        .col_expr(
            client_assertion::Column::ExpiresAt,
            Expr::value(row::millis(until)),
        )
        .filter(client_assertion::Column::ReceiverId.eq(id.uuid()))
        .filter(client_assertion::Column::Jti.eq(assertion.as_bytes().to_vec()))
        .filter(client_assertion::Column::ExpiresAt.lte(row::millis(now)))
        .exec(transaction)
        .await?;
    Ok(revived.rows_affected > 0)
}

/// Whether an insert that gives way to what is there did not have to.
pub(super) fn is_first(inserted: &TryInsertResult<u64>) -> bool {
    match inserted {
        TryInsertResult::Inserted(rows) => *rows > 0,
        TryInsertResult::Conflicted | TryInsertResult::Empty => false,
    }
}

fn new_row(receiver: &Receiver, now: Timestamp) -> Result<receiver::ActiveModel, StoreError> {
    Ok(receiver::ActiveModel {
        id: Set(receiver.id.uuid()),
        name: Set(receiver.name.clone()),
        issuer: Set(receiver.issuer.as_str().to_owned()),
        audience: Set(row::json(&receiver.audience)?),
        scopes: Set(receiver.scopes.to_string()),
        token_epoch: Set(row::signed(receiver.token_epoch)),
        token_fingerprint: Set(receiver.id.uuid().as_bytes().to_vec()),
        created_at: Set(row::millis(now)),
        profile: Set(receiver.profile.as_str().to_owned()),
        push_hosts: Set(receiver.push_hosts.to_string()),
    })
}

/// Locks the row of a Receiver; tells whether there is one.
async fn lock(transaction: &DatabaseTransaction, id: ReceiverId) -> Result<bool, StoreError> {
    let row = receiver::Entity::find_by_id(id.uuid())
        .lock_exclusive()
        .only(transaction)
        .await?;
    Ok(row.is_some())
}

/// Ends all access tokens that were issued to a Receiver.
async fn begin_epoch(transaction: &DatabaseTransaction, id: ReceiverId) -> Result<(), StoreError> {
    receiver::Entity::update_many()
        .col_expr(
            receiver::Column::TokenEpoch,
            receiver::Column::TokenEpoch.into_expr().add(1),
        )
        .filter(receiver::Column::Id.eq(id.uuid()))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Forgets some of the assertions that could not be used again anyway.
async fn forget_assertions(
    transaction: &impl ConnectionTrait,
    now: Timestamp,
) -> Result<(), StoreError> {
    let over = client_assertion::Entity::find()
        .filter(client_assertion::Column::ExpiresAt.lte(row::millis(now)))
        .limit(FORGOTTEN_MAX)
        .all(transaction)
        .await?;
    for used in over {
        client_assertion::Entity::delete_by_id((used.receiver_id, used.jti))
            .exec(transaction)
            .await?;
    }
    Ok(())
}

impl TryFrom<receiver::Model> for Receiver {
    type Error = CorruptRow;

    fn try_from(row: receiver::Model) -> Result<Self, CorruptRow> {
        let cell = |column| Cell::new("receiver", column, row.id.to_string());
        let audience = cell("audience").parse(&row.audience)?;
        let scopes = Scopes::parse(&row.scopes)
            .map_err(|_| cell("scopes").corrupt("they are not scopes"))?;
        let profile = Profile::parse(&row.profile)
            .map_err(|_| cell("profile").corrupt("it is not a profile"))?;
        let push_hosts = PushHosts::parse(row.push_hosts.split_whitespace())
            .map_err(|_| cell("push_hosts").corrupt("they are not hosts"))?;
        let name_fault = cell("name").corrupt("it is not a name");
        let mut receiver = Self::new(
            ReceiverId::new(row.id),
            row::issuer_name("receiver", row.id, row.issuer)?,
            row.name,
            audience,
        )
        .map_err(|_| name_fault)?;
        receiver.scopes = scopes;
        receiver.profile = profile;
        receiver.push_hosts = push_hosts;
        receiver.token_epoch = row::unsigned(row.token_epoch);
        Ok(receiver)
    }
}

//! Planning anew what was received before an upgrade that made other keys of it.

use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use ssf_types::{time::Timestamp, uri::Issuer};

use super::{
    SqlInbox,
    entity::{set, setting},
    keep_settings, merge, scopes,
};
use crate::{
    inbox::InboxError,
    revocation::{Revocation, ScopeId},
};

/// The setting that tells up to which row that is done; absent where there is nothing to do.
pub(crate) const REPLAN: &str = "replan";

/// So many SETs are planned in one transaction.
const PAGE: u64 = 1000;

/// A SET as it was received.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) issuer: Issuer,
    pub(crate) claims: String,
    pub(crate) received_at: Timestamp,
}

impl SqlInbox {
    /// Keeps what all SETs revoke by `plan`, if an upgrade asks for it. A crash in the midst of it goes on at the next start.
    pub(crate) async fn replan(
        &self,
        plan: impl Fn(&Stored, ScopeId) -> Vec<Revocation>,
    ) -> Result<u64, InboxError> {
        let failed = |error: DbErr| InboxError::new("plan anew what it has", error);
        let mut count = 0;
        loop {
            let transaction = self.tables.begin().await.map_err(failed)?;
            let mark = setting::Entity::find_by_id(REPLAN).one(&transaction).await;
            let Some(mark) = mark.map_err(failed)? else {
                return Ok(count);
            };
            let after: i64 = mark.value.parse().unwrap_or_default();
            let page = set::Entity::find()
                .filter(set::Column::Id.gt(after))
                .order_by_asc(set::Column::Id)
                .limit(PAGE)
                .all(&transaction)
                .await
                .map_err(failed)?;
            for row in &page {
                let issuer = Issuer::parse(row.issuer.as_str())
                    .map_err(|error| InboxError::new("read who sent a SET", error))?;
                let stored = Stored {
                    claims: row.claims.clone(),
                    received_at: Timestamp::from_millis(row.received_at_millis.cast_unsigned()),
                    issuer,
                };
                let issuer = std::slice::from_ref(&stored.issuer);
                let scope = scopes::numbered(&transaction, issuer).await?;
                let revocations = plan(&stored, scope[0].id);
                merge::merge(&transaction, revocations.iter()).await?;
                count += 1;
            }
            if let Some(last) = page.last() {
                let mark = [(REPLAN.to_owned(), last.id.to_string())];
                keep_settings(&transaction, &mark.into()).await?;
            } else {
                let done = setting::Entity::delete_by_id(REPLAN).exec(&transaction);
                done.await.map_err(failed)?;
            }
            transaction.commit().await.map_err(failed)?;
        }
    }
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests {
    use sea_orm::{ConnectionTrait, Database};
    use sea_orm_migration::MigratorTrait;
    use ssf_types::{
        audience::Audience, secret::AuthorizationHeader, time::Timestamp, uri::Issuer,
    };

    use crate::{Receiver, Session, guard::Decision, store::migration::Migrator};

    const ISSUER: &str = "https://idp.example.com";
    const RECEIVED: u64 = 1_615_305_160;

    /// A database as the first version left it, with one SET.
    async fn first_version(url: &str) {
        let database = Database::connect(format!("{url}?mode=rwc")).await.unwrap();
        Migrator::up(&database, Some(1)).await.unwrap();
        let claims = r#"{"iss":"https://idp.example.com","jti":"1","iat":1615305159,"aud":"https://rp.example.com","sub_id":{"format":"email","email":"alice@example.com"},"events":{"https://schemas.openid.net/secevent/caep/event-type/session-revoked":{}}}"#;
        let set = format!(
            "INSERT INTO inbox (issuer, jti, fingerprint, claims, received_at_millis, outcome) \
             VALUES ('{ISSUER}', '1', x'00', '{claims}', {}, 'revoked')",
            RECEIVED * 1000
        );
        database.execute_unprepared(&set).await.unwrap();
        let key = "INSERT INTO setting VALUES ('index_key', 'BwcHBwcHBwcHBwcHBwcHBw')";
        database.execute_unprepared(key).await.unwrap();
        database.close().await.unwrap();
    }

    async fn start(url: &str) -> Receiver {
        let audience = Audience::new(["https://rp.example.com"]).unwrap();
        let secret = AuthorizationHeader::parse("Bearer s3cret").unwrap();
        Receiver::builder(ISSUER, "https://rp.example.com/events")
            .database(url)
            .existing_stream(audience, secret)
            .start()
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn what_a_former_version_received_is_planned_anew_and_its_sessions_stay_refused() {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("inbox.db").display());
        first_version(&url).await;
        for _ in 0..2 {
            let receiver = start(&url).await;
            assert_eq!(receiver.status().revocations, 1);
            let session = |began| {
                let issuer = Issuer::parse(ISSUER).unwrap();
                Session::new(issuer, Timestamp::from_secs(began)).email("alice@example.com")
            };
            let before = receiver.decide(&session(RECEIVED - 1));
            assert!(matches!(before, Decision::Deny(_)), "{before:?}");
            assert_eq!(receiver.decide(&session(RECEIVED)), Decision::Allow);
        }
    }
}

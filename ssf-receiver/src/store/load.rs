//! Reading all revocations, at a start.
//!
//! There may be a million, so that they are read in the order in which they lie in the file, or were written last, by the places
//! of their columns, and no more than a page of them is in memory at a time.

use std::sync::Arc;

use sea_orm::{DatabaseConnection, DbErr, EntityTrait};

use super::{
    dialect,
    entity::{detail, mask},
    row, statement,
};
use crate::{inbox::InboxError, revocation::Revocation};

/// Rows of a page.
const PAGE: i64 = 10_000;

/// How many revocations there are.
pub(super) async fn count(database: &DatabaseConnection) -> Result<usize, InboxError> {
    let failed = |error: DbErr| InboxError::new("count the revocations", error);
    let text = "SELECT count(*) FROM revocation";
    let rows = statement::query(database, text, Vec::new()).await;
    let rows = rows.map_err(failed)?;
    let count = rows
        .first()
        .map_or(Ok(0), |row| row.try_get_by_index::<i64>(0));
    Ok(usize::try_from(count.map_err(failed)?).unwrap_or_default())
}

/// Gives each revocation to `each`.
pub(super) async fn revocations(
    database: &DatabaseConnection,
    mut each: impl FnMut(Revocation) + Send,
) -> Result<(), InboxError> {
    let failed = |error: DbErr| InboxError::new("list the revocations", error);
    let references = references(database).await?;
    let position = dialect::of(database.get_database_backend()).position;
    let text = format!(
        "SELECT {position}, {} FROM revocation WHERE {position} > ? ORDER BY {position} LIMIT {PAGE}",
        row::REVOCATION
    );
    let mut after = 0_i64;
    loop {
        let rows = statement::query(database, &text, vec![after.into()]).await;
        let rows = rows.map_err(failed)?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after = last.try_get_by_index(0).map_err(failed)?;
        for found in &rows {
            each(row::read_revocation(found, 1, &references)?);
        }
    }
}

/// What the rows refer to: few, which many share.
async fn references(database: &DatabaseConnection) -> Result<row::References, InboxError> {
    let failed = |error: DbErr| InboxError::new("list the revocations", error);
    let masks = mask::Entity::find().all(database).await.map_err(failed)?;
    let details = detail::Entity::find().all(database).await.map_err(failed)?;
    Ok(row::References {
        masks: masks
            .iter()
            .map(|mask| Ok((mask.id, row::to_mask(&mask.has, &mask.lacks, &mask.about)?)))
            .collect::<Result<_, InboxError>>()?,
        details: details
            .iter()
            .map(|one| Ok((one.id, Arc::new(row::to_detail(&one.event, &one.reason)?))))
            .collect::<Result<_, InboxError>>()?,
    })
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests {
    use std::{collections::HashSet, time::Duration};

    use crate::{
        inbox::Inbox,
        revocation::{Kind, ScopeId},
        store::SqlInbox,
    };

    #[tokio::test]
    async fn every_row_of_every_page_is_read_once() {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("inbox.db").display());
        let inbox = SqlInbox::open(&url, Duration::ZERO).await.unwrap();
        let rows = "INSERT INTO mask VALUES (1, '[\"user/email\"]', '[]', '');
            INSERT INTO detail VALUES (1, 'urn:example:event', '');
            WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 20001)
            INSERT INTO revocation (key, kind, scope, mask, moment, until, detail)
            SELECT randomblob(16), n % 2, 3, 1, n, n, 1 FROM number";
        let connection = inbox.connection();
        sea_orm::ConnectionTrait::execute_unprepared(connection, rows)
            .await
            .unwrap();
        // A page that lacks some of its rows is no end.
        let gone = "DELETE FROM revocation WHERE rowid BETWEEN 5000 AND 14999";
        sea_orm::ConnectionTrait::execute_unprepared(connection, gone)
            .await
            .unwrap();
        assert_eq!(inbox.revocation_count().await.unwrap(), 10_001);
        let mut moments = HashSet::new();
        let each = |one: crate::revocation::Revocation| {
            assert_eq!(one.scope, ScopeId::new(3).unwrap());
            assert_eq!(one.kind == Kind::Ended, one.moment.is_multiple_of(2));
            assert!(moments.insert(one.moment));
        };
        inbox.revocations(each).await.unwrap();
        assert_eq!(moments.len(), 10_001);
    }
}

//! Reading revocations: all of them at a start, and what was changed since.
//!
//! There may be a million, so that they are read in the order in which they were changed last, which is that in which they lie in an
//! SQLite file, by the places of their columns, and no more than a page of them is in memory at a time.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use sea_orm::{ColumnTrait, DatabaseConnection, DbErr, EntityTrait, QueryFilter, QueryResult};

#[cfg(any(test, feature = "redis"))]
use super::dialect;
use super::{
    entity::{detail, mask},
    row,
    statement::{self, ROWS_MAX},
};
use crate::inbox::{Change, InboxError, References, row as text};

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

/// At most `most` revocations behind a position.
pub(super) async fn changes(
    database: &DatabaseConnection,
    after: i64,
    most: usize,
) -> Result<Vec<Change>, InboxError> {
    let failed = |error: DbErr| InboxError::new("list the revocations", error);
    let text = format!(
        "SELECT position, {} FROM revocation WHERE position > ? ORDER BY position LIMIT {most}",
        row::REVOCATION.join(", ")
    );
    let rows = statement::query(database, &text, vec![after.into()]).await;
    let rows = rows.map_err(failed)?;
    // After the rows: what they refer to was written before them.
    let references = references(database, &rows).await?;
    let change = |found: &QueryResult| {
        Ok(Change {
            position: found.try_get_by_index(0).map_err(failed)?,
            revocation: row::read_revocation(found, 1, &references)?,
        })
    };
    rows.iter().map(change).collect()
}

/// The last position that a revocation was given; 0 if none was.
#[cfg(any(test, feature = "redis"))]
pub(super) async fn last_change(database: &DatabaseConnection) -> Result<i64, InboxError> {
    let failed = |error: DbErr| InboxError::new("list the revocations", error);
    let text = dialect::of(database.get_database_backend()).last_position;
    let rows = statement::query(database, text, Vec::new()).await;
    let rows = rows.map_err(failed)?;
    let last = rows.first().map(|row| row.try_get_by_index(0));
    Ok(last.transpose().map_err(failed)?.unwrap_or_default())
}

/// What rows refer to: few, which many share.
async fn references(
    database: &DatabaseConnection,
    rows: &[QueryResult],
) -> Result<References, InboxError> {
    let failed = |error: DbErr| InboxError::new("list the revocations", error);
    let masks = mask::Entity::find().all(database).await.map_err(failed)?;
    let masks = masks
        .iter()
        .map(|mask| Ok((mask.id, text::to_mask(&mask.has, &mask.lacks, &mask.about)?)))
        .collect::<Result<_, InboxError>>()?;
    let wanted: Result<BTreeSet<i64>, DbErr> = rows
        .iter()
        .map(|row| row.try_get_by_index(1 + row::DETAIL_AT))
        .collect();
    let wanted: Vec<i64> = wanted.map_err(failed)?.into_iter().collect();
    let mut details = HashMap::new();
    for wanted in wanted.chunks(ROWS_MAX) {
        let found = detail::Entity::find()
            .filter(detail::Column::Id.is_in(wanted.iter().copied()))
            .all(database)
            .await
            .map_err(failed)?;
        for one in found {
            let detail = text::to_detail(&one.event, &one.reason)?;
            details.insert(one.id, Arc::new(detail));
        }
    }
    Ok(References { masks, details })
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
        let gone = "DELETE FROM revocation WHERE position BETWEEN 5000 AND 14999";
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

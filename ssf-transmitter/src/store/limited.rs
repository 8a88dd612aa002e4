//! Selects of a few rows.
//!
//! SQLite compiles a statement whose `LIMIT` is bound anew each time it runs, which costs more than to run it. So the number
//! is written out, and there is none where one row at most can be found.

use std::fmt::Write;

use sea_orm::{
    ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryTrait, Select, Selector,
    SelectorTrait,
};

/// What finds one row at most: by a key, or as what many come to.
pub(super) trait Only {
    /// The row.
    type Row;

    /// The row, if there is one.
    async fn only(self, db: &impl ConnectionTrait) -> Result<Option<Self::Row>, DbErr>;
}

impl<E: EntityTrait> Only for Select<E> {
    type Row = E::Model;

    async fn only(self, db: &impl ConnectionTrait) -> Result<Option<E::Model>, DbErr> {
        Ok(self.all(db).await?.into_iter().next())
    }
}

impl<S: SelectorTrait> Only for Selector<S> {
    type Row = S::Item;

    async fn only(self, db: &impl ConnectionTrait) -> Result<Option<S::Item>, DbErr> {
        Ok(self.all(db).await?.into_iter().next())
    }
}

/// The first rows, at most `limit`. What is asked for is a power of two: the databases keep statements prepared by their text.
pub(super) async fn first<M: FromQueryResult>(
    select: Select<impl EntityTrait>,
    limit: u64,
    db: &impl ConnectionTrait,
) -> Result<Vec<M>, DbErr> {
    let asked = limit.checked_next_power_of_two().unwrap_or(limit);
    let mut statement = db.get_database_backend().build(&select.into_query());
    // A String takes whatever there is memory for.
    let _ = write!(statement.sql, " LIMIT {asked}");
    let mut rows = M::find_by_statement(statement).all(db).await?;
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(rows)
}

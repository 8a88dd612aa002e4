//! What instances on one PostgreSQL database agree upon. Times are the database's, so that no two clocks are compared.

use std::time::Duration;

use sea_orm::{DbErr, TryGetable, Value};

use super::{SqlInbox, line::PostgresLine, statement};
use crate::{
    inbox::{ASKED_FOR, InboxError, LEASE, LineError, SharedInbox},
    revocation::ScopeId,
};

/// Of what there is one to hold.
const LEADS: &str = "leads";

/// For how many seconds a state counts that a verification was asked for with.
const ASKED_SECONDS: i64 = ASKED_FOR.as_secs().cast_signed();

impl SharedInbox for SqlInbox {
    type Line = PostgresLine;

    async fn line(&self) -> Result<PostgresLine, LineError> {
        PostgresLine::open(&self.tables)
            .await
            .map_err(LineError::new)
    }

    async fn lead(&self) -> Result<bool, InboxError> {
        let text = "INSERT INTO lease (name, holder, ends_at) VALUES (?, ?, clock_timestamp() + CAST(? AS bigint) * interval '1 second') \
                    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, ends_at = excluded.ends_at \
                    WHERE lease.holder = excluded.holder OR lease.ends_at <= clock_timestamp()";
        let seconds = LEASE.as_secs().cast_signed();
        let values = vec![
            LEADS.into(),
            self.tables.instance.as_str().into(),
            seconds.into(),
        ];
        let taken = statement::execute(&self.tables.database, text, values).await;
        Ok(taken.map_err(|error| InboxError::new("be led", error))? == 1)
    }

    async fn step_down(&self) -> Result<(), InboxError> {
        let text = "DELETE FROM lease WHERE name = ? AND holder = ?";
        let instance = self.tables.instance.as_str();
        self.done(text, vec![LEADS.into(), instance.into()]).await
    }

    async fn report(&self, scope: ScopeId, says: &str) -> Result<(), InboxError> {
        let text = "INSERT INTO report (scope, says, told_at) VALUES (?, ?, clock_timestamp()) \
                    ON CONFLICT (scope) DO UPDATE SET says = excluded.says, told_at = excluded.told_at";
        let scope = i64::from(scope.number());
        self.done(text, vec![scope.into(), says.into()]).await
    }

    async fn reported(&self, scope: ScopeId) -> Result<Option<(String, Duration)>, InboxError> {
        let text = "SELECT says, CAST(extract(epoch FROM clock_timestamp() - told_at) * 1000 AS bigint) \
                    FROM report WHERE scope = ?";
        let failed = |error: DbErr| InboxError::new("read what another instance told", error);
        let values = vec![i64::from(scope.number()).into()];
        let rows = statement::query(&self.tables.database, text, values).await;
        let rows = rows.map_err(failed)?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let says = row.try_get_by_index(0).map_err(failed)?;
        let millis: i64 = row.try_get_by_index(1).map_err(failed)?;
        let age = Duration::from_millis(u64::try_from(millis).unwrap_or_default());
        Ok(Some((says, age)))
    }

    async fn asked_with(&self, scope: ScopeId, state: &str) -> Result<(), InboxError> {
        let old = "DELETE FROM asked WHERE asked_at < clock_timestamp() - CAST(? AS bigint) * interval '1 second'";
        self.done(old, vec![ASKED_SECONDS.into()]).await?;
        let text = "INSERT INTO asked (scope, state, asked_at) VALUES (?, ?, clock_timestamp()) ON CONFLICT DO NOTHING";
        let scope = i64::from(scope.number());
        self.done(text, vec![scope.into(), state.into()]).await
    }

    async fn was_asked(&self, scope: ScopeId, state: &str) -> Result<bool, InboxError> {
        let text = "SELECT count(*) FROM asked WHERE scope = ? AND state = ? \
                    AND asked_at >= clock_timestamp() - CAST(? AS bigint) * interval '1 second'";
        let scope = i64::from(scope.number());
        let values = vec![scope.into(), state.into(), ASKED_SECONDS.into()];
        Ok(self.one::<i64>(text, values).await?.unwrap_or_default() > 0)
    }

    async fn last_row(&self) -> Result<i64, InboxError> {
        let last = self.one("SELECT coalesce(max(id), 0) FROM inbox", Vec::new());
        Ok(last.await?.unwrap_or_default())
    }
}

impl SqlInbox {
    /// Which server has the database: after a failover it is another one.
    pub(super) async fn server(&self) -> Result<String, InboxError> {
        let since = "SELECT CAST(pg_postmaster_start_time() AS text)";
        Ok(self.one(since, Vec::new()).await?.unwrap_or_default())
    }

    async fn done(&self, text: &str, values: Vec<Value>) -> Result<(), InboxError> {
        let done = statement::execute(&self.tables.database, text, values).await;
        done.map(drop)
            .map_err(|error| InboxError::new("tell other instances", error))
    }

    /// The first value of the first row.
    async fn one<T: TryGetable>(
        &self,
        text: &str,
        values: Vec<Value>,
    ) -> Result<Option<T>, InboxError> {
        let failed = |error: DbErr| InboxError::new("read what other instances wrote", error);
        let rows = statement::query(&self.tables.database, text, values).await;
        let rows = rows.map_err(failed)?;
        let row = rows.first();
        row.map(|row| row.try_get_by_index(0))
            .transpose()
            .map_err(failed)
    }
}

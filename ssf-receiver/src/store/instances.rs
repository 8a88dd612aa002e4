//! What instances on one PostgreSQL database agree upon. Times are the database's, so that no two clocks are compared.

use std::time::Duration;

use sea_orm::{DbErr, TryGetable, Value};

use super::{SqlInbox, line::Line, load, statement};
use crate::{
    inbox::InboxError,
    revocation::{Revocation, ScopeId},
};

/// For how long an instance leads without saying so again.
const LEASE: Duration = Duration::from_secs(10);

/// Of what there is one to hold.
const LEADS: &str = "leads";

/// How long a state counts that a verification was asked for with: as long as whoever asked remembers it.
const ASKED_SECONDS: i64 = 60 * 60;

impl SqlInbox {
    /// Opens the line on which instances tell that they wrote something.
    pub(crate) async fn line(&self) -> Result<Line, InboxError> {
        Line::open(&self.tables)
            .await
            .map_err(|error| InboxError::new("be listened to", error))
    }

    /// Which server has the database: after a failover it is another one, which may not have got all that the former one had, and
    /// gives the same positions once more.
    pub(crate) async fn server(&self) -> Result<String, InboxError> {
        let since = "SELECT CAST(pg_postmaster_start_time() AS text)";
        Ok(self.one(since, Vec::new()).await?.unwrap_or_default())
    }

    /// Gives `each` what was revoked behind a position, which moves: what is revoked later is behind it again.
    pub(crate) async fn changed(
        &self,
        after: &mut i64,
        each: impl FnMut(Revocation) + Send,
    ) -> Result<(), InboxError> {
        load::revocations(&self.tables.database, after, each).await
    }

    /// Takes the lead for [`LEASE`], or keeps it. Whether this instance has it.
    pub(crate) async fn lead(&self) -> Result<bool, InboxError> {
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

    /// Gives the lead to whoever asks next.
    pub(crate) async fn step_down(&self) -> Result<(), InboxError> {
        let text = "DELETE FROM lease WHERE name = ? AND holder = ?";
        let instance = self.tables.instance.as_str();
        self.done(text, vec![LEADS.into(), instance.into()]).await
    }

    /// Tells the others how fresh what is known of a transmitter is.
    pub(crate) async fn report(&self, scope: ScopeId, says: &str) -> Result<(), InboxError> {
        let text = "INSERT INTO report (scope, says, told_at) VALUES (?, ?, clock_timestamp()) \
                    ON CONFLICT (scope) DO UPDATE SET says = excluded.says, told_at = excluded.told_at";
        let scope = i64::from(scope.number());
        self.done(text, vec![scope.into(), says.into()]).await
    }

    /// What was told last, and how long ago.
    pub(crate) async fn reported(
        &self,
        scope: ScopeId,
    ) -> Result<Option<(String, Duration)>, InboxError> {
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

    /// Remembers that a verification is about to be asked for with this state, for whichever instance it comes to.
    pub(crate) async fn asked_with(&self, scope: ScopeId, state: &str) -> Result<(), InboxError> {
        let old = "DELETE FROM asked WHERE asked_at < clock_timestamp() - CAST(? AS bigint) * interval '1 second'";
        self.done(old, vec![ASKED_SECONDS.into()]).await?;
        let text = "INSERT INTO asked (scope, state, asked_at) VALUES (?, ?, clock_timestamp()) ON CONFLICT DO NOTHING";
        let scope = i64::from(scope.number());
        self.done(text, vec![scope.into(), state.into()]).await
    }

    /// Whether a verification was asked for with this state.
    pub(crate) async fn was_asked(&self, scope: ScopeId, state: &str) -> Result<bool, InboxError> {
        let text = "SELECT count(*) FROM asked WHERE scope = ? AND state = ? \
                    AND asked_at >= clock_timestamp() - CAST(? AS bigint) * interval '1 second'";
        let scope = i64::from(scope.number());
        let values = vec![scope.into(), state.into(), ASKED_SECONDS.into()];
        Ok(self.one::<i64>(text, values).await?.unwrap_or_default() > 0)
    }

    /// The row of the SET that came last; 0 if none has.
    pub(crate) async fn last_row(&self) -> Result<i64, InboxError> {
        let last = self.one("SELECT coalesce(max(id), 0) FROM inbox", Vec::new());
        Ok(last.await?.unwrap_or_default())
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

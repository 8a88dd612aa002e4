//! Sessions in Redis.
//!
//! Every step is one script, so that nothing of another process comes in between. Times are those of the server.

use std::{fmt, sync::Arc, time::Duration};

use redis::{FromRedisValue, RedisError, Script, ScriptInvocation};

use super::{
    GONE_FOR, RegisteredSession, SESSIONS_MAX, SessionId, SessionStore, SessionStoreError, TTL_MAX,
    ValueStore, Written,
};
use crate::{
    connection::{self, Connection},
    revocation::Fingerprint,
    session::SessionKeys,
};

/// Where in Redis the sessions are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RedisLayout {
    prefix: String,
    values: String,
}

/// Keeps sessions in Redis, or finds those of actix-session there; clones share a connection, which is made when it is needed, and
/// made anew.
#[derive(Clone)]
pub struct RedisSessions {
    connection: Connection,
    layout: RedisLayout,
    scripts: Arc<Scripts>,
}

struct Scripts {
    save: Script,
    delete: Script,
    register: Script,
    extend: Script,
    withdraw: Script,
    find: Script,
    end: Script,
}

macro_rules! script {
    ($name:literal) => {
        Script::new(concat!(
            include_str!("redis/common.lua"),
            include_str!(concat!("redis/", $name, ".lua"))
        ))
    };
}

impl RedisLayout {
    /// Our own: the value of the session `ID` is at `PREFIX:s:ID`.
    pub fn new(prefix: impl Into<String>) -> Self {
        let prefix = prefix.into();
        let values = format!("{prefix}:s:");
        Self { prefix, values }
    }

    /// That of `RedisSessionStore` of actix-session: the value of the session `ID` is at `ID`. What it is found by is at
    /// `PREFIX:…`.
    pub fn of_actix_session(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
            values: String::new(),
        }
    }

    /// The same where values have a prefix of their own: that which `cache_keygen` puts in front.
    #[must_use]
    pub fn values(mut self, prefix: impl Into<String>) -> Self {
        self.values = prefix.into();
        self
    }
}

impl RedisSessions {
    /// Keeps sessions at `url`: `redis://host:port/number` or `redis+unix:///path`, perhaps with a user and a password.
    ///
    /// Nothing is connected to yet, but a runtime of tokio has to be there.
    ///
    /// # Errors
    /// The URL is none of these. One of TLS (`rediss`) is refused: let a proxy on the same host speak it.
    pub fn open(url: &str, layout: RedisLayout) -> Result<Self, SessionStoreError> {
        Ok(Self {
            connection: connection::to(url).map_err(failed)?,
            layout,
            scripts: Arc::new(Scripts {
                save: script!("save"),
                delete: script!("delete"),
                register: script!("register"),
                extend: script!("extend"),
                withdraw: script!("withdraw"),
                find: script!("find"),
                end: script!("end"),
            }),
        })
    }

    async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        arguments: impl FnOnce(&mut ScriptInvocation<'_>),
    ) -> Result<T, SessionStoreError> {
        let mut invocation = script.prepare_invoke();
        invocation.arg(&self.layout.prefix).arg(&self.layout.values);
        arguments(&mut invocation);
        let mut connection = self.connection.clone();
        let mut answer = invocation.invoke_async(&mut connection).await;
        // It may have been closed long ago, which nobody notices before. Each script may run twice.
        if matches!(&answer, Err(error) if error.is_connection_dropped()) {
            answer = invocation.invoke_async(&mut connection).await;
        }
        answer.map_err(failed)
    }
}

fn failed(error: RedisError) -> SessionStoreError {
    SessionStoreError::Failed(error.into())
}

/// What a script says of a write.
fn written(is_kept: bool) -> Written {
    if is_kept {
        return Written::Kept;
    }
    Written::Gone
}

/// Whole seconds, of which there is one at least: nothing is to stay for ever.
fn seconds(ttl: Duration) -> u64 {
    ttl.min(TTL_MAX).as_secs().max(1)
}

impl SessionStore for RedisSessions {
    async fn register(
        &self,
        id: &SessionId,
        keys: &SessionKeys,
        ttl: Duration,
    ) -> Result<Written, SessionStoreError> {
        let under: Vec<String> = keys
            .fingerprints()
            .map(Fingerprint::to_hexadecimal)
            .collect();
        let arguments = |script: &mut ScriptInvocation<'_>| {
            script.arg(id.as_str()).arg(keys.to_text());
            script.arg(under.join(" "));
            script.arg(seconds(ttl)).arg(SESSIONS_MAX);
        };
        let is_kept = self.run(&self.scripts.register, arguments).await?;
        Ok(written(is_kept))
    }

    async fn extend(&self, id: &SessionId, ttl: Duration) -> Result<(), SessionStoreError> {
        let arguments = |script: &mut ScriptInvocation<'_>| {
            script.arg(id.as_str());
            script.arg(seconds(ttl)).arg(SESSIONS_MAX);
        };
        self.run(&self.scripts.extend, arguments).await
    }

    async fn withdraw(&self, id: &SessionId) -> Result<(), SessionStoreError> {
        let arguments = |script: &mut ScriptInvocation<'_>| {
            script.arg(id.as_str());
        };
        self.run(&self.scripts.withdraw, arguments).await
    }

    async fn find(
        &self,
        fingerprint: Fingerprint,
    ) -> Result<Vec<RegisteredSession>, SessionStoreError> {
        let arguments = |script: &mut ScriptInvocation<'_>| {
            script.arg(fingerprint.to_hexadecimal());
        };
        let found: Vec<(String, String)> = self.run(&self.scripts.find, arguments).await?;
        let registered = |(id, keys): (String, String)| {
            Some(RegisteredSession {
                id: SessionId::parse(id).ok()?,
                keys: SessionKeys::parse(&keys)?,
            })
        };
        Ok(found.into_iter().filter_map(registered).collect())
    }

    async fn end(&self, ids: &[SessionId]) -> Result<(), SessionStoreError> {
        let arguments = |script: &mut ScriptInvocation<'_>| {
            script.arg(GONE_FOR.as_secs());
            for id in ids {
                script.arg(id.as_str());
            }
        };
        self.run(&self.scripts.end, arguments).await
    }
}

impl ValueStore for RedisSessions {
    async fn save(
        &self,
        id: &SessionId,
        value: &str,
        ttl: Duration,
    ) -> Result<Written, SessionStoreError> {
        let arguments = |script: &mut ScriptInvocation<'_>| {
            script.arg(id.as_str()).arg(value).arg(seconds(ttl));
        };
        let is_kept = self.run(&self.scripts.save, arguments).await?;
        Ok(written(is_kept))
    }

    async fn load(&self, id: &SessionId) -> Result<Option<String>, SessionStoreError> {
        let mut get = redis::cmd("GET");
        get.arg(format!("{}{}", self.layout.values, id.as_str()));
        let mut connection = self.connection.clone();
        let mut value = get.query_async(&mut connection).await;
        if matches!(&value, Err(error) if error.is_connection_dropped()) {
            value = get.query_async(&mut connection).await;
        }
        value.map_err(failed)
    }

    async fn delete(&self, id: &SessionId) -> Result<(), SessionStoreError> {
        let arguments = |script: &mut ScriptInvocation<'_>| {
            script.arg(id.as_str());
        };
        self.run(&self.scripts.delete, arguments).await
    }
}

impl fmt::Debug for RedisSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("RedisSessions");
        text.field("layout", &self.layout).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_lasts_for_ever() {
        let lasting = |ttl: Duration| seconds(ttl);
        assert_eq!(lasting(Duration::ZERO), 1);
        assert_eq!(lasting(Duration::from_millis(2500)), 2);
        assert_eq!(lasting(Duration::MAX), 400 * 24 * 3600);
    }

    #[test]
    fn a_url_of_tls_or_of_something_else_is_refused() {
        for url in ["rediss://localhost", "localhost", "https://localhost"] {
            let opened = RedisSessions::open(url, RedisLayout::new("ssf"));
            assert!(matches!(opened, Err(SessionStoreError::Failed(_))), "{url}");
        }
    }
}

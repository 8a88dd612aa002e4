//! Opening an inbox in Redis: whether it would keep what it is given, and whether it is ours.

use redis::{RedisError, RedisResult, aio::ConnectionLike};

/// The version of what stands there; other versions have others.
const FORMAT: &str = "1";

/// The inbox cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error(
        "its URL must be redis://HOST:PORT/NUMBER or redis+unix:///PATH, perhaps with ?prefix=NAME; let a proxy on the same host speak TLS"
    )]
    Url,
    #[error("the prefix in its URL must be 1 to 100 visible ASCII characters")]
    Prefix,
    #[error("the durability in its URL must be left out, or durability=vouched")]
    Durability,
    #[error("Redis cannot be used")]
    Redis(#[from] RedisError),
    #[error(
        "Redis would lose what it answered: set appendonly yes and appendfsync always (it has {0})"
    )]
    NotDurable(String),
    #[error("Redis would evict what it has: set maxmemory-policy noeviction (it has {0})")]
    Evicts(String),
    #[error(
        "Redis does not tell whether it is durable: allow CONFIG GET, or say durability=vouched in the URL if what it answers is on a disk"
    )]
    Untold,
    #[error("there is the inbox of another version, {0}: take another prefix, or that version")]
    Format(String),
}

/// Whether what is answered stays.
pub(super) async fn check(connection: &mut impl ConnectionLike) -> Result<(), OpenError> {
    let append_only = setting(connection, "appendonly").await?;
    let flushes = setting(connection, "appendfsync").await?;
    if append_only != "yes" || flushes != "always" {
        let found = format!("appendonly {append_only}, appendfsync {flushes}");
        return Err(OpenError::NotDurable(found));
    }
    let policy = setting(connection, "maxmemory-policy").await?;
    if policy != "noeviction" {
        return Err(OpenError::Evicts(policy));
    }
    Ok(())
}

async fn setting(connection: &mut impl ConnectionLike, name: &str) -> Result<String, OpenError> {
    let asked = redis::cmd("CONFIG").arg("GET").arg(name).clone();
    let told: RedisResult<Vec<String>> = asked.query_async(connection).await;
    match told {
        Ok(told) => told.into_iter().nth(1).ok_or(OpenError::Untold),
        Err(error) if error.is_io_error() || error.is_timeout() => Err(error.into()),
        // It is not allowed, or not known.
        Err(_) => Err(OpenError::Untold),
    }
}

/// What names the inbox, which is made if there is none.
pub(super) async fn identity(
    connection: &mut impl ConnectionLike,
    key: &str,
) -> Result<String, OpenError> {
    let mut asked = redis::pipe();
    let new = format!("{FORMAT} {:032x}", rand::random::<u128>());
    asked.cmd("SETNX").arg(key).arg(new).ignore();
    asked.cmd("GET").arg(key);
    let (identity,): (String,) = asked.query_async(connection).await?;
    match identity.split_once(' ') {
        Some((FORMAT, _)) => Ok(identity),
        Some((other, _)) => Err(OpenError::Format(other.to_owned())),
        None => Err(OpenError::Format("of somebody else".to_owned())),
    }
}

/// What `INFO` tells under a name.
pub(super) fn told<'i>(info: &'i str, name: &str) -> Option<&'i str> {
    let value = |line: &'i str| line.strip_prefix(name)?.strip_prefix(':');
    info.lines().find_map(value).map(str::trim)
}

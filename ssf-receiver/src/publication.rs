//! Publishing what is revoked in Redis, for processes that decide by themselves, in whatever language.
//!
//! 1. Redis has a copy, from which nothing is ever read back. What is published is read from the database, in the order of its
//!    commits, and *how far* that is stands beside it in Redis: whatever Redis loses, it loses both.
//! 2. All revocations are one key, so that nothing of them goes alone. Who reads asks for the epoch with the same command: without
//!    one there is nothing to rely on.
//! 3. No SET waits for it, and no acknowledgement.
//!
//! `docs/redis.md` is what those rely on who read.

mod contract;
mod issuer;
mod publisher;
mod server;

use std::{error::Error, fmt, sync::Arc};

use secrecy::{ExposeSecret, SecretString};

use self::{publisher::Publisher, server::Server};
use crate::{receiver::Receiver, transmitter::Shared};

/// What keys begin with unless told otherwise.
pub const PREFIX_DEFAULT: &str = "ssf";

/// Longest prefix, in bytes.
pub const PREFIX_BYTES_MAX: usize = 100;

/// Where to publish what is revoked: see [`Builder::publish`](crate::Builder::publish).
#[derive(Clone)]
pub struct RedisPublication {
    url: SecretString,
    prefix: String,
}

/// Nothing can be published there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedisPublicationError {
    /// The URL is none of Redis.
    #[error("the URL of Redis must be redis://HOST:PORT/NUMBER or redis+unix:///PATH")]
    Url(#[source] Box<dyn Error + Send + Sync>),
    /// The prefix is not one.
    #[error("the prefix in Redis must be 1 to {PREFIX_BYTES_MAX} visible ASCII characters")]
    Prefix,
}

impl RedisPublication {
    /// At `url`: `redis://host:port/number` or `redis+unix:///path`, perhaps with a user and a password. One of TLS (`rediss`) is
    /// refused at the start: let a proxy on the same host speak it.
    pub fn new(url: impl Into<SecretString>) -> Self {
        Self {
            url: url.into(),
            prefix: PREFIX_DEFAULT.to_owned(),
        }
    }

    /// Has keys begin with this, instead of `ssf`. Nothing else may write there.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// The server there, if there can be one.
    pub(crate) fn checked(&self) -> Result<Checked, RedisPublicationError> {
        if !is_prefix(&self.prefix) {
            return Err(RedisPublicationError::Prefix);
        }
        let server = Server::new(self.url.expose_secret(), &self.prefix);
        let server = server.map_err(|error| RedisPublicationError::Url(error.into()))?;
        Ok(Checked(server))
    }
}

/// Whether keys may begin so.
pub(crate) fn is_prefix(text: &str) -> bool {
    (1..=PREFIX_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Where to publish, after a look at it.
pub(crate) struct Checked(Server);

impl Checked {
    /// Publishes what a receiver takes from now on, and what it has taken before.
    pub(crate) fn begin(self, receiver: &Receiver) {
        let all = receiver.transmitters();
        let all: Vec<Arc<Shared>> = all.map(|one| Arc::clone(one.shared())).collect();
        let publisher = Publisher::new(Arc::clone(receiver.core()), all, self.0);
        receiver.run(publisher.run());
    }
}

impl fmt::Debug for RedisPublication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisPublication")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_no_redis_and_what_is_no_prefix_are_told_apart() {
        let checked = |url: &str, prefix: &str| RedisPublication::new(url).prefix(prefix).checked();
        for url in ["rediss://localhost", "localhost", "https://localhost"] {
            let refused = checked(url, "ssf");
            assert!(
                matches!(refused, Err(RedisPublicationError::Url(_))),
                "{url}"
            );
        }
        for prefix in ["", "a b", "ä", &"x".repeat(PREFIX_BYTES_MAX + 1)] {
            let refused = checked("redis://localhost", prefix);
            assert!(
                matches!(refused, Err(RedisPublicationError::Prefix)),
                "{prefix}"
            );
        }
        for url in ["redis://localhost", "redis+unix:///run/redis.sock"] {
            assert!(checked(url, "{ssf}:app").is_ok(), "{url}");
        }
    }

    #[test]
    fn a_password_is_not_printed() {
        let publication = RedisPublication::new("redis://user:s3cret@localhost");
        assert!(!format!("{publication:?}").contains("s3cret"));
    }
}

//! Connections to Redis: made when they are needed, and made anew.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, Client, Cmd, Pipeline, RedisError, RedisFuture, RedisResult, Value,
    aio::{ConnectionLike, MultiplexedConnection},
};
use tokio::sync::Mutex;

/// How long the server may take to be connected to, and to answer: whoever asks waits for it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that all clones share, and that is made anew after whatever has broken it.
///
/// That is why it is not `ConnectionManager` of redis: one that a server refused once, because it was still loading, or because a
/// password was changed before ours, is never made anew by that.
#[derive(Clone)]
pub(crate) struct Connection(Arc<Shared>);

struct Shared {
    client: Client,
    held: Mutex<Option<Held>>,
    /// How often it could not be made.
    failures: AtomicU64,
}

#[derive(Clone)]
struct Held {
    connection: MultiplexedConnection,
    /// Which of all that were made.
    number: u64,
}

/// A connection to the server at `url`. Nothing is connected to yet.
pub(crate) fn to(url: &str) -> RedisResult<Connection> {
    Ok(of(Client::open(url)?))
}

/// A connection to the server of a client, likewise.
pub(crate) fn of(client: Client) -> Connection {
    Connection(Arc::new(Shared {
        client,
        held: Mutex::new(None),
        failures: AtomicU64::new(0),
    }))
}

/// A connection that ends when it is broken: nothing is done on another one that was begun on this.
pub(crate) async fn own(client: &Client) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(ANSWER_TIMEOUT));
    client
        .get_multiplexed_async_connection_with_config(&config)
        .await
}

impl Connection {
    async fn held(&self) -> RedisResult<Held> {
        let Shared {
            client,
            held,
            failures,
        } = &*self.0;
        let failed_before = failures.load(Ordering::Relaxed);
        let mut held = held.lock().await;
        if let Some(held) = &*held {
            return Ok(held.clone());
        }
        if failures.load(Ordering::Relaxed) != failed_before {
            // Others do not wait for the same once more, one after the other.
            let why = "it could not be connected to a moment ago";
            return Err((redis::ErrorKind::Io, why).into());
        }
        let connection = own(client).await.inspect_err(|_| {
            failures.fetch_add(1, Ordering::Relaxed);
        })?;
        let number = rand::random();
        let new = Held { connection, number };
        *held = Some(new.clone());
        Ok(new)
    }

    /// Has it made anew if this has broken it. One that does not answer may be cut somewhere.
    async fn learn(&self, number: u64, error: &RedisError) {
        if error.is_io_error() || error.is_timeout() || error.is_unrecoverable_error() {
            let mut held = self.0.held.lock().await;
            if held.as_ref().is_some_and(|held| held.number == number) {
                *held = None;
            }
        }
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            let mut held = self.held().await?;
            let answer = held.connection.req_packed_command(command).await;
            if let Err(error) = &answer {
                self.learn(held.number, error).await;
            }
            answer
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            let mut held = self.held().await?;
            let answers = held
                .connection
                .req_packed_commands(commands, offset, count)
                .await;
            if let Err(error) = &answers {
                self.learn(held.number, error).await;
            }
            answers
        })
    }

    fn get_db(&self) -> i64 {
        self.0.client.get_connection_info().redis_settings().db()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redis_server::RedisServer;

    async fn ping(connection: &mut impl ConnectionLike) -> RedisResult<String> {
        redis::cmd("PING").query_async(connection).await
    }

    #[tokio::test]
    async fn a_server_that_refused_us_or_hung_up_is_connected_to_again() {
        let server = RedisServer::start().await;
        let mut administrator = server.connection().await;
        let mut order = async |words: &[&str]| {
            let mut command = redis::cmd(words[0]);
            let done = command.arg(&words[1..]).query_async(&mut administrator);
            let _: Value = done.await.unwrap();
        };
        order(&["ACL", "SETUSER", "app", "off", "nopass", "+@all"]).await;
        let mut connection = to(&format!("{}?user=app&pass=x", server.url())).unwrap();
        for _ in 0..2 {
            let refused = ping(&mut connection).await.unwrap_err();
            assert!(!refused.is_io_error(), "{refused}");
            order(&["ACL", "SETUSER", "app", "on"]).await;
            assert_eq!(ping(&mut connection).await.unwrap(), "PONG");
            order(&["ACL", "SETUSER", "app", "off"]).await;
            order(&["CLIENT", "KILL", "USER", "app"]).await;
            assert!(ping(&mut connection).await.is_err());
        }
    }
}

//! Connections to Redis: made when they are needed, and made anew.

use std::time::Duration;

use redis::{
    Client, RedisResult,
    aio::{ConnectionManager, ConnectionManagerConfig},
};

/// How long the server may take to be connected to, and to answer: whoever asks waits for it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a connection is tried anew before those who wait for it are told.
const CONNECT_RETRIES: usize = 1;

/// A connection to the server at `url`. Nothing is connected to yet, but a runtime of tokio has to be there.
pub(crate) fn to(url: &str) -> RedisResult<ConnectionManager> {
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(ANSWER_TIMEOUT))
        .set_number_of_retries(CONNECT_RETRIES);
    ConnectionManager::new_lazy_with_config(Client::open(url)?, config)
}

//! The line between instances: a channel of Redis.

use futures_util::StreamExt;
use redis::{Pipeline, RedisResult, aio::PubSub};
use tokio::time::timeout;

use super::database::Database;
use crate::inbox::{LINE_ANSWER_MAX, Line, LineError};

/// What is said of a server that does not answer.
const SILENT: &str = "Redis does not answer in time";

/// A connection that listens.
pub(crate) struct RedisLine {
    listener: PubSub,
    /// The name of whoever listens, who hears itself as well.
    own: String,
}

fn channel(database: &Database) -> String {
    database.key("written")
}

/// Has the other instances told with the commit that something was written.
pub(super) fn tell(writes: &mut Pipeline, database: &Database) {
    writes
        .cmd("PUBLISH")
        .arg(channel(database))
        .arg(&database.instance)
        .ignore();
}

impl RedisLine {
    pub(super) async fn open(database: &Database) -> Result<Self, LineError> {
        let opened = timeout(LINE_ANSWER_MAX, async {
            let mut listener = database.client().get_async_pubsub().await?;
            listener.subscribe(channel(database)).await?;
            RedisResult::Ok(listener)
        });
        let opened = opened.await.map_err(|_| LineError::new(SILENT))?;
        Ok(Self {
            listener: opened.map_err(LineError::new)?,
            own: database.instance.clone(),
        })
    }
}

impl Line for RedisLine {
    async fn hear(&mut self) -> Result<(), LineError> {
        let mut heard = self.listener.on_message();
        while let Some(message) = heard.next().await {
            if message.get_payload_bytes() != self.own.as_bytes() {
                return Ok(());
            }
        }
        Err(LineError::new("Redis ended the connection"))
    }

    async fn ask(&mut self) -> Result<(), LineError> {
        let answered = timeout(LINE_ANSWER_MAX, self.listener.ping::<redis::Value>()).await;
        let answered = answered.map_err(|_| LineError::new(SILENT))?;
        answered.map(drop).map_err(LineError::new)
    }
}

impl std::fmt::Debug for RedisLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisLine").finish_non_exhaustive()
    }
}

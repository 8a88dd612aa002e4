//! A Redis of a test's own, on a socket in a directory that goes with it.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use redis::{Client, RedisResult, aio::MultiplexedConnection};
use tempfile::TempDir;

/// Dropping it ends it.
pub(crate) struct RedisServer {
    directory: TempDir,
    process: Child,
}

impl RedisServer {
    pub(crate) async fn start() -> Self {
        let directory = tempfile::Builder::new()
            .prefix("ssf-redis-")
            .tempdir()
            .unwrap();
        let process = spawn(&directory);
        let server = Self { directory, process };
        server.answers().await;
        server
    }

    pub(crate) fn url(&self) -> String {
        let socket = self.directory.path().join("socket");
        format!("redis+unix://{}", socket.display())
    }

    pub(crate) async fn connection(&self) -> MultiplexedConnection {
        self.try_connection().await.unwrap()
    }

    async fn try_connection(&self) -> RedisResult<MultiplexedConnection> {
        let client = Client::open(self.url()).unwrap();
        client.get_multiplexed_async_connection().await
    }

    /// Ends it at once, as a power failure would.
    pub(crate) fn stop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again, with what it had.
    pub(crate) async fn start_again(&mut self) {
        self.process = spawn(&self.directory);
        self.answers().await;
    }

    async fn answers(&self) {
        let answer = async || match self.try_connection().await {
            Ok(mut connection) => {
                let pong: RedisResult<String> =
                    redis::cmd("PING").query_async(&mut connection).await;
                pong.is_ok()
            }
            Err(_) => false,
        };
        let waiting = async {
            while !answer().await {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_mins(1), waiting).await;
        assert!(waited.is_ok(), "Redis does not answer");
    }
}

fn spawn(directory: &TempDir) -> Child {
    let mut command = Command::new("redis-server");
    command.current_dir(directory.path());
    command.args(["--port", "0", "--unixsocket", "socket"]);
    command.args([
        "--save",
        "",
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
    ]);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let spawned = command.spawn();
    spawned.expect("redis-server is missing: install the Debian package of that name")
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How long each of the keys that there are will stay; `None` if for ever.
pub(crate) async fn lasting(
    connection: &mut MultiplexedConnection,
) -> Vec<(String, Option<Duration>)> {
    let all = redis::cmd("KEYS").arg("*").query_async(connection).await;
    let mut keys: Vec<String> = all.unwrap();
    keys.sort_unstable();
    let mut lasting = Vec::new();
    for key in keys {
        let seconds = redis::cmd("TTL").arg(&key).query_async(connection).await;
        let seconds: i64 = seconds.unwrap();
        lasting.push((key, u64::try_from(seconds).ok().map(Duration::from_secs)));
    }
    lasting
}

//! A server that listens, from its start to its orderly end.

use std::{io, net::TcpListener, time::Duration};

use actix_web::{
    App, HttpServer,
    dev::ServerHandle,
    middleware::from_fn,
    web::{self, ServiceConfig},
};
use tokio::task::JoinHandle;

use super::envelope;

/// How long an idle connection is kept: longer than the pause between two pushes of a busy transmitter.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How long the head of a request may take to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// What holds for a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// Most connections at the same time; more wait until one ends.
    pub(super) connections_max: usize,
    /// How many threads answer.
    pub(super) workers: usize,
    /// How long an orderly end waits for requests that are under way; whole seconds.
    pub(super) shutdown: Duration,
}

impl Terms {
    /// How many threads answer, and most connections of each: no more in all than are allowed.
    fn shares(self) -> (usize, usize) {
        let workers = self.workers.clamp(1, self.connections_max.max(1));
        (workers, (self.connections_max / workers).max(1))
    }
}

/// A server that answers requests; dropping it ends it without waiting for anybody.
#[derive(Debug)]
pub(super) struct Listening {
    handle: ServerHandle,
    task: JoinHandle<io::Result<()>>,
}

impl Listening {
    /// Answers what comes in through `listener`.
    ///
    /// # Errors
    /// The listener cannot be used.
    pub(super) fn start(
        listener: TcpListener,
        terms: Terms,
        routes: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
    ) -> io::Result<Self> {
        let app = move || {
            App::new()
                // The last one is the outermost.
                .wrap(from_fn(envelope::complete))
                .wrap(from_fn(envelope::log))
                .wrap(from_fn(envelope::identify))
                .configure(|config| routes(config))
                .default_service(web::to(envelope::not_found))
        };
        let (workers, connections_max) = terms.shares();
        let server = HttpServer::new(app)
            .workers(workers)
            .max_connections(connections_max)
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(HEAD_TIMEOUT)
            .tcp_nodelay(true)
            .h1_allow_half_closed(false)
            .disable_signals()
            .shutdown_timeout(terms.shutdown.as_secs())
            .listen(listener)?
            .run();
        Ok(Self {
            handle: server.handle(),
            task: tokio::spawn(server),
        })
    }

    /// Waits until the server has ended, by itself or because it was stopped. To be awaited once.
    ///
    /// # Errors
    /// It broke down.
    pub(super) async fn ended(&mut self) -> io::Result<()> {
        (&mut self.task).await.map_err(io::Error::other)?
    }

    /// Takes no more connections, answers what was asked already, and ends.
    ///
    /// # Errors
    /// It broke down.
    pub(super) async fn stop(&mut self) -> io::Result<()> {
        self.handle.stop(true).await;
        self.ended().await
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_share_the_connections_and_have_no_more_than_are_allowed() {
        let shares = |connections_max, workers| {
            let shutdown = Duration::from_secs(1);
            let terms = Terms {
                connections_max,
                workers,
                shutdown,
            };
            terms.shares()
        };
        assert_eq!(shares(10_000, 4), (4, 2_500));
        assert_eq!(shares(7, 2), (2, 3));
        assert_eq!(shares(1, 16), (1, 1));
    }
}

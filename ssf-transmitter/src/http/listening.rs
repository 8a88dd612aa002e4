//! The server that listens, from its start to its orderly end.

use std::{io, net::TcpListener, time::Duration};

use actix_web::{
    App, HttpServer,
    dev::{Server, ServerHandle},
    middleware::from_fn,
    web::Data,
};
use tokio::task::JoinHandle;

use super::{AppState, access, audit, envelope, openapi::Document, routes};
use crate::tls::ServerTls;

/// How long an idle connection of a client is kept: longer than the pause between two requests of a busy source.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// A server that answers requests; dropping it ends it without waiting for anybody.
#[derive(Debug)]
pub struct Listening {
    handle: ServerHandle,
    task: JoinHandle<io::Result<()>>,
}

impl Listening {
    /// Answers what comes in through `listener`, over TLS if it is given; an orderly end waits for open requests, at most
    /// for `shutdown`.
    ///
    /// # Errors
    /// The listener cannot be used.
    pub fn start(
        listener: TcpListener,
        tls: Option<&ServerTls>,
        state: AppState,
        shutdown: Duration,
    ) -> io::Result<Self> {
        let state = Data::new(state);
        let document = Data::new(Document::of(&state)?);
        let app = move || {
            App::new()
                // The last one is the outermost.
                .wrap(from_fn(audit::demand))
                .wrap(from_fn(envelope::complete))
                .wrap(from_fn(access::log))
                .wrap(from_fn(envelope::identify))
                .configure(routes(&state, &document))
        };
        let server = HttpServer::new(app)
            .keep_alive(KEEP_ALIVE)
            .tcp_nodelay(true)
            // A client that hangs up while it waits has its request dropped, and what a poll handed out is offered again.
            .h1_allow_half_closed(false)
            .disable_signals()
            .shutdown_timeout(shutdown.as_secs());
        let server: Server = match tls {
            Some(tls) => server.listen_rustls_0_23(listener, tls.server_config())?,
            None => server.listen(listener)?,
        }
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
    pub async fn ended(&mut self) -> io::Result<()> {
        (&mut self.task).await.map_err(io::Error::other)?
    }

    /// Takes no more connections, answers what was asked already, and ends.
    ///
    /// # Errors
    /// It broke down.
    pub async fn stop(&mut self) -> io::Result<()> {
        self.handle.stop(true).await;
        self.ended().await
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

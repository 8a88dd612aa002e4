//! HTTP that the tester serves: for a run, for a reference, and for whoever builds the other side.

use std::{io, net::TcpListener, time::Duration};

use actix_web::{App, HttpServer, dev::ServerHandle, web::ServiceConfig};
use rustls::ServerConfig;

/// How long a request, or a TLS handshake, may take to come: those who send it may be busy with keys of theirs.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);

/// Where somebody may come in.
pub(crate) struct Door {
    listener: TcpListener,
    tls: Option<ServerConfig>,
}

impl Door {
    /// Over plain HTTP.
    pub(crate) fn plain(listener: TcpListener) -> Self {
        Self::of(listener, None)
    }

    /// Over TLS, if there is a certificate to show.
    pub(crate) fn of(listener: TcpListener, tls: Option<ServerConfig>) -> Self {
        Self { listener, tls }
    }
}

/// What serves until it is dropped.
#[derive(Debug)]
pub(crate) struct Serving(ServerHandle);

impl Serving {
    /// Serves what is configured; must be called within a runtime.
    ///
    /// # Errors
    /// A port cannot be listened on.
    pub(crate) fn at(
        doors: impl IntoIterator<Item = Door>,
        configure: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
    ) -> io::Result<Self> {
        let app = move || App::new().configure(configure.clone());
        let mut server = HttpServer::new(app)
            .workers(1)
            .disable_signals()
            .client_request_timeout(REQUEST_TIMEOUT)
            .tls_handshake_timeout(REQUEST_TIMEOUT)
            .shutdown_timeout(0);
        for Door { listener, tls } in doors {
            server = match tls {
                None => server.listen(listener)?,
                Some(tls) => server.listen_rustls_0_23(listener, tls)?,
            };
        }
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Self(handle))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // What this returns only tells when it is done.
        drop(self.0.stop(false));
    }
}

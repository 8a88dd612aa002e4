//! Our own receiver, embedded in an application.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::Path,
};

use actix_web::{
    App, HttpServer,
    dev::ServerHandle,
    web::{self, ServiceConfig},
};
use ssf_receiver::{Builder, Receiver};

/// Our receiver behind its push endpoint, and whatever else the application serves.
pub(crate) struct Application {
    receiver: Receiver,
    server: ServerHandle,
}

impl Application {
    /// Starts it with what `build` makes of the push endpoint's URL, and with further routes.
    pub(crate) async fn start(
        directory: &Path,
        build: impl FnOnce(&str) -> Builder,
        further: fn(&mut ServiceConfig),
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("http://{}/events", listener.local_addr().unwrap());
        let database = format!("sqlite://{}", directory.join("rp.db").display());
        let receiver = build(&url).database(database).start().await.unwrap();
        let routes = receiver.clone();
        let app = move || {
            App::new()
                .app_data(web::Data::new(routes.clone()))
                .configure(further)
                .configure(|config| routes.push_routes(config))
        };
        let server = HttpServer::new(app)
            .workers(1)
            .disable_signals()
            .shutdown_timeout(0)
            .listen(listener)
            .unwrap()
            .run();
        let handle = server.handle();
        tokio::spawn(server);
        Self {
            receiver,
            server: handle,
        }
    }

    /// Ends both.
    pub(crate) async fn stop(self) {
        self.server.stop(false).await;
        self.receiver.stop().await;
    }
}

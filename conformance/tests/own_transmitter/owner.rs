//! What the owner of our own transmitter lets the tester do: a hook that has another key sign, and one that has the server end and
//! begin again at the same address.

use std::{
    net::SocketAddr,
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::{App, HttpResponse, HttpServer, web};
use ssf_transmitter::{
    app::{clock::SystemClock, keys},
    config::Config,
    domain::issuer::IssuerName,
    ports::Clock,
    server::{ServeError, Server, StartError, open_store},
    store::Access,
};
use tokio::{
    runtime::Handle,
    sync::{Mutex, oneshot},
    task::JoinHandle,
    time::sleep,
};

use super::{Terms, config};

/// A server under way.
struct Running {
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), ServeError>>,
}

impl Running {
    fn of(server: Server) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(server.run_until(async {
            let _ = stopped.await;
        }));
        Self { stop, serving }
    }

    async fn end(self) {
        drop(self.stop);
        self.serving.await.unwrap().unwrap();
    }
}

/// How a server is begun.
pub(crate) type Start = Box<dyn Fn(Config) -> Starting + Send + Sync>;

/// A server that begins.
pub(crate) type Starting = Pin<Box<dyn Future<Output = Result<Server, StartError>> + Send>>;

/// For how long the database may still be in use by the server that ended.
const PATIENCE: Duration = Duration::from_mins(1);

/// Between two looks whether it is.
const PAUSE: Duration = Duration::from_millis(50);

/// Who may end the server and begin it again.
pub(crate) struct Owner {
    directory: PathBuf,
    terms: Terms,
    address: SocketAddr,
    start: Start,
    running: Mutex<Option<Running>>,
}

impl Owner {
    /// Has a server run.
    pub(crate) fn of(server: Server, directory: PathBuf, terms: Terms, start: Start) -> Arc<Self> {
        Arc::new(Self {
            address: server.address(),
            running: Mutex::new(Some(Running::of(server))),
            directory,
            terms,
            start,
        })
    }

    /// Listens for the tester, and returns where.
    pub(crate) fn serve_hooks(self: &Arc<Self>) -> SocketAddr {
        let (owner, runtime) = (web::Data::from(Arc::clone(self)), Handle::current());
        let app = move || {
            // What is begun here goes on when the hook has answered.
            let (rotating, restarting) = (runtime.clone(), runtime.clone());
            let rotate = move |owner: web::Data<Owner>| {
                let done = rotating.spawn(async move { owner.rotate_key().await });
                async move { answered(done).await }
            };
            let restart = move |owner: web::Data<Owner>| {
                let done = restarting.spawn(async move { owner.restart().await });
                async move { answered(done).await }
            };
            App::new()
                .app_data(owner.clone())
                .route("/rotate_key", web::post().to(rotate))
                .route("/restart", web::post().to(restart))
        };
        let server = HttpServer::new(app).workers(1).disable_signals();
        let server = server.bind(("127.0.0.1", 0)).unwrap();
        let address = server.addrs()[0];
        tokio::spawn(server.run());
        address
    }

    async fn rotate_key(&self) {
        let config = config(&self.directory, self.address, self.terms);
        let (store, _) = open_store(&config, Access::Administer).await.unwrap();
        let (plan, issuer) = (&config.key_plan, IssuerName::default());
        let (algorithm, now) = (plan.algorithm, SystemClock.now());
        let made = keys::rotate(&store, &issuer, algorithm, &plan.policy, now).await;
        let ring = made.unwrap();
        let next = &ring.successor(algorithm, now).unwrap().kid;
        let activated = keys::activate(&store, &issuer, next, &plan.policy, now);
        activated.await.unwrap();
    }

    async fn restart(&self) {
        let mut running = self.running.lock().await;
        if let Some(running) = running.take() {
            running.end().await;
        }
        let began = Instant::now();
        let server = loop {
            let config = config(&self.directory, self.address, self.terms);
            match (self.start)(config).await {
                Ok(server) => break server,
                Err(error) => assert!(began.elapsed() < PATIENCE, "{error}"),
            }
            sleep(PAUSE).await;
        };
        *running = Some(Running::of(server));
    }

    /// Ends the server.
    pub(crate) async fn end(&self) {
        if let Some(running) = self.running.lock().await.take() {
            running.end().await;
        }
    }
}

async fn answered(done: JoinHandle<()>) -> HttpResponse {
    match done.await {
        Ok(()) => HttpResponse::NoContent().finish(),
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}

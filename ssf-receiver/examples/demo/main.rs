//! The quick start: one event at an identity provider ends a session at two applications, over real HTTP on loopback.
//!
//! `ssf-transmitter serve` runs as a process of its own, beside a small OpenID provider. One application embeds `ssf-receiver`;
//! the other one knows nothing of it, and is behind nginx, which asks `ssf-receiver serve`. A scripted browser then does
//! what two people would do. With `--stay` everything keeps running, for a real browser.

mod application;
mod browser;
mod console;
mod daemon;
mod nginx;
mod oidc;
mod pages;
mod process;
mod provider;
mod proxied;
mod scenario;
mod transmitter;

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::ExitCode,
};

use actix_web::{
    dev::{Server, ServerHandle},
    web,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use clap::Parser;
use url::Url;

use crate::{
    application::Application,
    console::Console,
    daemon::{Beside, Daemon},
    nginx::{Nginx, Port},
    provider::Provider,
    proxied::Proxied,
    scenario::Stage,
    transmitter::Installation,
};

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// One event at an identity provider ends a session at two applications.
#[derive(Parser)]
struct Arguments {
    /// The `ssf-transmitter` program.
    #[arg(long, value_name = "FILE")]
    transmitter: PathBuf,
    /// The `ssf-receiver` program.
    #[arg(long, value_name = "FILE")]
    receiver: PathBuf,
    /// Leave everything running afterwards, for a browser.
    #[arg(long)]
    stay: bool,
}

/// A port that nobody else has, and its URL.
pub(crate) struct Place {
    pub(crate) listener: TcpListener,
    pub(crate) url: String,
}

impl Place {
    fn new() -> Result<Self, BoxError> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        Ok(Self { listener, url })
    }
}

#[actix_web::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            pages::say(&format!("\nThe demo failed: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<(), BoxError> {
    let directory = tempfile::tempdir()?;
    let directory = directory.path();
    let (provider_place, place, port) = (Place::new()?, Place::new()?, Port::new()?);
    let (provider_url, url) = (provider_place.url.clone(), place.url.clone());
    let proxied_url = format!("http://127.0.0.1:{}", port.number());

    let of_transmitter = subdirectory(directory, "transmitter")?;
    let installation = Installation::new(&arguments.transmitter, &of_transmitter)?;
    let token = installation.add_receiver(application::CLIENT_ID, &url)?;
    let proxied_token = installation.add_receiver(proxied::CLIENT_ID, &proxied_url)?;
    let transmitter = installation.start()?;

    let console = Console::new(&transmitter, &provider_url)?;
    let clients = [
        (application::CLIENT_ID, url.as_str()),
        (proxied::CLIENT_ID, proxied_url.as_str()),
    ];
    let provider = web::Data::new(Provider::new(&provider_url, clients, console)?);
    let provider_server = running(Provider::serve(provider.clone(), provider_place)?);

    let database = directory.join("application.db");
    let database = format!("sqlite://{}", database.display());
    let application =
        Application::new(&url, &provider_url, &transmitter, &token, &database).await?;
    let receiver = application.receiver().clone();
    let application_server = running(application.serve(place)?);

    let of_receiver = subdirectory(directory, "receiver")?;
    let daemon = Beside {
        url: &proxied_url,
        transmitter: &transmitter,
        token: &proxied_token,
        provider_issuer: &provider_url,
    };
    let daemon = daemon.start(&arguments.receiver, &of_receiver)?;
    let behind = Place::new()?;
    let nginx = subdirectory(directory, "nginx")?;
    let nginx = in_front(&nginx, port, &behind, &daemon).await?;
    let proxied = Proxied::new(&proxied_url, &provider_url).await?;
    let proxied_server = running(proxied.serve(behind)?);
    receiver.ready().await;
    daemon.ready().await?;

    let stage = Stage {
        provider: &provider,
        embedding: (Url::parse(&url)?, &receiver),
        proxied: (Url::parse(&proxied_url)?, &daemon),
    };
    let outcome = tokio::select! {
        outcome = show(&stage, &provider_url, arguments.stay) => outcome,
        interrupted = tokio::signal::ctrl_c() => interrupted.map_err(BoxError::from),
    };
    drop(nginx);
    for server in [proxied_server, application_server, provider_server] {
        server.stop(false).await;
    }
    daemon.stop()?;
    transmitter.stop()?;
    outcome
}

/// Plays, and then waits for ever if it is to stay.
async fn show(stage: &Stage<'_>, provider_url: &str, stay: bool) -> Result<(), BoxError> {
    stage.play().await?;
    if !stay {
        return Ok(());
    }
    let (embedding, proxied) = (&stage.embedding.0, &stage.proxied.0);
    pages::say(&format!(
        "\nEverything keeps running. Open these in a browser, and sign in to both applications:\n\n  \
         {embedding}   the application that embeds the receiver\n  \
         {proxied}   the application that knows nothing of it, behind nginx\n  \
         {provider_url}/   the provider's console: end a session, change a password, enrol a passkey\n\n\
         Control-C ends it."
    ));
    std::future::pending().await
}

/// Puts nginx in front of an application, with the file of the documentation; without TLS, which loopback can do without.
async fn in_front(
    directory: &Path,
    port: Port,
    behind: &Place,
    daemon: &Daemon,
) -> Result<Nginx, BoxError> {
    let listen = format!("listen {};", port.listen());
    let application = behind.listener.local_addr()?.to_string();
    let adapted = [
        ("listen 443 ssl;", listen.as_str()),
        ("ssl_certificate /etc/nginx/app.example.com.crt;", ""),
        ("ssl_certificate_key /etc/nginx/app.example.com.key;", ""),
        ("127.0.0.1:8080", &application),
        ("127.0.0.1:8412", &daemon.address()?),
    ];
    Ok(Nginx::start(directory, port, &adapted).await?)
}

fn subdirectory(directory: &Path, name: &str) -> Result<PathBuf, BoxError> {
    let path = directory.join(name);
    std::fs::create_dir(&path)?;
    Ok(path)
}

/// Runs a server, and says how it is stopped.
fn running(server: Server) -> ServerHandle {
    let handle = server.handle();
    actix_web::rt::spawn(server);
    handle
}

/// 128 random bits, for names and codes.
pub(crate) fn random() -> String {
    BASE64URL.encode(rand::random::<[u8; 16]>())
}

/// A client that leaves redirects to its caller.
pub(crate) fn http_client() -> Result<reqwest::Client, BoxError> {
    Ok(reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(std::time::Duration::from_secs(10))
        .no_proxy()
        .build()?)
}

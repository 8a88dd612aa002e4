//! The quick start: one event at an identity provider ends a session at an application, over real HTTP on loopback.
//!
//! Three servers run: `ssf-transmitter serve` as a process of its own, a small OpenID provider, and an application
//! that embeds `ssf-receiver`. A scripted browser then does what two people would do. With `--stay` the servers keep
//! running, for a real browser.

mod application;
mod browser;
mod console;
mod pages;
mod provider;
mod scenario;
mod transmitter;

use std::{net::TcpListener, path::PathBuf, process::ExitCode};

use actix_web::{App, HttpServer, dev::ServerHandle, web};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use clap::Parser;

use crate::{
    application::Application, console::Console, provider::Provider, transmitter::Transmitter,
};

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// One event at an identity provider ends a session at an application.
#[derive(Parser)]
struct Arguments {
    /// The `ssf-transmitter` program.
    #[arg(long, value_name = "FILE")]
    transmitter: PathBuf,
    /// Leave everything running afterwards, for a browser.
    #[arg(long)]
    stay: bool,
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
    let (provider_listener, provider_url) = listener()?;
    let (application_listener, application_url) = listener()?;

    let transmitter =
        Transmitter::start(&arguments.transmitter, directory.path(), &application_url)?;
    let console = Console::new(&transmitter, &provider_url)?;
    let provider = web::Data::new(Provider::new(
        &provider_url,
        &application_url,
        console.clone(),
    )?);
    let provider_server = serve(provider_listener, provider.clone())?;

    let database = format!(
        "sqlite://{}",
        directory.path().join("application.db").display()
    );
    let application =
        Application::new(&application_url, &provider_url, &transmitter, &database).await?;
    let receiver = application.receiver().clone();
    let application_server = application.serve(application_listener)?;
    receiver.ready().await;

    scenario::play(&application_url, &provider, &console, &receiver).await?;

    if arguments.stay {
        pages::say(&format!(
            "\nEverything keeps running. Open both in a browser:\n\n  {application_url}/   the application: sign in, \
             and watch the session\n  {provider_url}/   the provider's console: end a session, change a password, \
             enrol a passkey\n\nControl-C ends it."
        ));
        tokio::signal::ctrl_c().await?;
    }
    application_server.stop(true).await;
    provider_server.stop(true).await;
    transmitter.stop()
}

/// A port that nobody else has, and its URL.
fn listener() -> Result<(TcpListener, String), BoxError> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    Ok((listener, url))
}

fn serve(listener: TcpListener, provider: web::Data<Provider>) -> Result<ServerHandle, BoxError> {
    let server = HttpServer::new(move || {
        App::new()
            .app_data(provider.clone())
            .configure(Provider::configure)
    })
    .workers(1)
    .tcp_nodelay(true)
    .disable_signals()
    .listen(listener)?
    .run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    Ok(handle)
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

//! Receivers of pushed SETs, all in one other process, which do as little as possible: they count and answer 202.

use std::{
    future::pending,
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use actix_web::{
    App, HttpResponse, HttpServer, rt,
    web::{self, Bytes, Data},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use rcgen::{CertificateParams, KeyPair};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use serde_json::Value;

use crate::{
    Fallible,
    connection::{Connection, request},
    program::Server,
};

/// Has this program be the receivers: their number follows.
pub(crate) const ARGUMENT: &str = "--sink";

/// SETs are counted.
pub(crate) const COUNTED: &str = "/events";

/// SETs are counted, and it is kept when which of them came.
pub(crate) const TIMED: &str = "/timed";

/// Nothing is answered, ever.
pub(crate) const HANGING: &str = "/hanging";

#[derive(Default)]
struct Came {
    count: AtomicU64,
    /// `txn`, and microseconds since the epoch, until they are told.
    moments: Mutex<Vec<(String, u128)>>,
}

/// Serves at so many addresses of the loopback network until it is ended. With a certificate and key on standard input, TLS.
pub(crate) fn serve(hosts: u8) -> Fallible<()> {
    let pem = io::read_to_string(io::stdin())?;
    let came = Data::new(Came::default());
    rt::System::new().block_on(async move {
        let server = HttpServer::new(move || {
            App::new()
                .app_data(came.clone())
                .route(COUNTED, web::post().to(count))
                .route(TIMED, web::post().to(time))
                .route(HANGING, web::post().to(hang))
                .route("/count", web::get().to(counted))
                .route("/moments", web::get().to(moments))
        });
        // A machine that has other work may let a request wait for long: that is no fault of its sender.
        let server = server.client_request_timeout(Duration::ZERO);
        let mut server = server.workers(1).tcp_nodelay(true);
        let mut port = 0;
        for host in 1..=hosts {
            let address = SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), port));
            server = match tls(&pem)? {
                Some(tls) if host == 1 => server.bind_rustls_0_23(address, tls)?,
                Some(_) | None => server.bind(address)?,
            };
            port = server.addrs().first().ok_or("no address")?.port();
        }
        // What counts is asked without TLS.
        let server = server.bind("127.0.0.1:0")?;
        let asked = server.addrs().last().ok_or("no address")?.port();
        writeln!(io::stdout(), "port={port}")?;
        writeln!(io::stdout(), "listening=127.0.0.1:{asked}")?;
        Ok(server.run().await?)
    })
}

fn tls(pem: &str) -> Fallible<Option<ServerConfig>> {
    if pem.is_empty() {
        return Ok(None);
    }
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes())?;
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes())?;
    let config = ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    Ok(Some(config))
}

async fn count(came: Data<Came>, _set: Bytes) -> HttpResponse {
    came.count.fetch_add(1, Ordering::Relaxed);
    HttpResponse::Accepted().finish()
}

async fn time(came: Data<Came>, set: Bytes) -> HttpResponse {
    let now = micros();
    let claims = set.split(|byte| *byte == b'.').nth(1).unwrap_or_default();
    let claims = BASE64.decode(claims).unwrap_or_default();
    let claims: Value = serde_json::from_slice(&claims).unwrap_or_default();
    let txn = claims["txn"].as_str().unwrap_or_default().to_owned();
    let mut moments = came.moments.lock().unwrap_or_else(PoisonError::into_inner);
    moments.push((txn, now));
    came.count.fetch_add(1, Ordering::Relaxed);
    HttpResponse::Accepted().finish()
}

async fn hang(_set: Bytes) -> HttpResponse {
    pending().await
}

async fn counted(came: Data<Came>) -> String {
    came.count.load(Ordering::Relaxed).to_string()
}

async fn moments(came: Data<Came>) -> String {
    let mut moments = came.moments.lock().unwrap_or_else(PoisonError::into_inner);
    let lines = moments.drain(..).map(|(txn, at)| format!("{txn}={at}\n"));
    lines.collect()
}

/// Microseconds since the epoch, which both processes tell alike.
#[expect(
    clippy::disallowed_methods,
    reason = "what is measured is the time that passes outside the program"
)]
pub(crate) fn micros() -> u128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_micros()
}

/// The receivers, in a process of their own.
pub(crate) struct Sink {
    server: Server,
    port: u16,
    scheme: &'static str,
    /// Certificate that a client of these receivers has to trust.
    pub(crate) certificate: Option<String>,
}

impl Sink {
    pub(crate) fn plain(hosts: u8) -> Fallible<Self> {
        let (server, port) = Server::sink(hosts, "")?;
        Ok(Self {
            server,
            port,
            scheme: "http",
            certificate: None,
        })
    }

    /// One receiver at `https://127.0.0.1`.
    pub(crate) fn tls() -> Fallible<Self> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(["127.0.0.1".to_owned()])?;
        let certificate = certificate.self_signed(&key)?.pem();
        let pem = format!("{certificate}{}", key.serialize_pem());
        let (server, port) = Server::sink(1, &pem)?;
        Ok(Self {
            server,
            port,
            scheme: "https",
            certificate: Some(certificate),
        })
    }

    /// The endpoint of one of the hosts, which are numbered from 0.
    pub(crate) fn endpoint(&self, host: u32, path: &str) -> String {
        let (scheme, port) = (self.scheme, self.port);
        format!("{scheme}://127.0.0.{}:{port}{path}", host + 1)
    }

    /// How many SETs came so far.
    pub(crate) fn count(&self) -> Fallible<u32> {
        let answer = self.ask("/count")?;
        Ok(answer.parse()?)
    }

    /// By `txn`, when SETs came that it has not told of before.
    pub(crate) fn moments(&self) -> Fallible<Vec<(String, u128)>> {
        let answer = self.ask("/moments")?;
        let moment = |line: &str| {
            let (txn, at) = line.split_once('=').ok_or("no moment")?;
            Ok((txn.to_owned(), at.parse()?))
        };
        answer.lines().map(moment).collect()
    }

    fn ask(&self, path: &str) -> Fallible<String> {
        let answer = Connection::open(self.server.address)?.ask(&request("GET", path, "", ""), 200);
        Ok(String::from_utf8(answer?)?)
    }
}

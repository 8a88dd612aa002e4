//! Whether a push arrives: at the program that serves, or, while none does, at the doctor in its place.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use url::Url;

use crate::{
    cli::chosen::Chosen,
    client::{FetchError, Http},
    config,
};

/// How long a verification may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// Time between two looks at the program's metrics.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// How long a peer may take to say what it wants.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest head of a request that is read, in bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// What whoever pushes here is told: nothing is acknowledged, so that it comes again.
const NOT_NOW: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// The metric of the program that tells how many SETs it took.
const TAKEN: &str = "ssf_receiver_sets_total{result=\"accepted\"} ";

/// Nobody can tell whether a push arrives.
#[derive(Debug, thiserror::Error)]
pub(super) enum ArrivalError {
    #[error("with port 0 nobody knows where to listen: configure listen")]
    NoPort,
    #[error("{address} can neither be listened on nor is it the program's")]
    Taken {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error("the program serves, and does not tell at listen_admin what arrives")]
    Untold(#[source] FetchError),
}

/// A push that is expected.
#[derive(Debug)]
pub(super) enum Arrival {
    /// The doctor listens itself, for pushes to this path.
    Here(TcpListener, String),
    /// The program serves, and has taken so many SETs before.
    There { http: Http, url: Url, before: u64 },
}

impl Arrival {
    /// Listens where the program would, or looks at what the program has taken so far.
    pub(super) async fn expect(config: &Chosen) -> Result<Self, ArrivalError> {
        let address = config.listen.address;
        if address.port() == 0 {
            return Err(ArrivalError::NoPort);
        }
        let source = match TcpListener::bind(address).await {
            Ok(listener) => {
                let path = config::push_path(&config.transmitter.name);
                return Ok(Self::Here(listener, path));
            }
            Err(error) => error,
        };
        let url = format!("http://{}/metrics", config.listen.admin);
        let Ok(url) = Url::parse(&url) else {
            return Err(ArrivalError::Taken { address, source });
        };
        let http = Http::of_operator().map_err(ArrivalError::Untold)?;
        let before = taken(&http, &url).await.map_err(ArrivalError::Untold)?;
        Ok(Self::There { http, url, before })
    }

    /// Waits until one has arrived, and tells where.
    ///
    /// # Errors
    /// Tells that none has.
    pub(super) async fn wait(self) -> Result<&'static str, &'static str> {
        let (arrived, told, none) = match self {
            Self::Here(listener, path) => (
                timeout(PATIENCE, arrived_here(&listener, &path))
                    .await
                    .is_ok(),
                "a push arrives here, where the program would listen; it was not acknowledged, and comes again",
                "no push arrived within 30 s where the program would listen",
            ),
            Self::There { http, url, before } => (
                timeout(PATIENCE, arrived_there(&http, &url, before))
                    .await
                    .is_ok(),
                "a push arrives, and the program takes it",
                "the program has taken no SET within 30 s",
            ),
        };
        if arrived { Ok(told) } else { Err(none) }
    }
}

async fn arrived_here(listener: &TcpListener, path: &str) {
    let wanted = format!("POST {path} ");
    loop {
        let Ok((mut peer, _)) = listener.accept().await else {
            sleep(LOOK_INTERVAL).await;
            continue;
        };
        let head = timeout(HEAD_TIMEOUT, head_of(&mut peer)).await;
        // Whoever hangs up does not hear it.
        let _ = peer.write_all(NOT_NOW).await;
        if head.is_ok_and(|head| head.starts_with(wanted.as_bytes())) {
            return;
        }
    }
}

/// The head of a request, as far as it comes.
async fn head_of(peer: &mut TcpStream) -> Vec<u8> {
    let mut head = Vec::new();
    let mut bytes = [0; 1024];
    while head.len() < HEAD_BYTES_MAX && !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match peer.read(&mut bytes).await {
            Ok(read) if read > 0 => head.extend_from_slice(&bytes[..read]),
            Ok(_) | Err(_) => break,
        }
    }
    head
}

async fn arrived_there(http: &Http, url: &Url, before: u64) {
    while !taken(http, url).await.is_ok_and(|now| now > before) {
        sleep(LOOK_INTERVAL).await;
    }
}

/// How many SETs the program has taken.
async fn taken(http: &Http, url: &Url) -> Result<u64, FetchError> {
    let metrics = http.get(url.clone()).await?;
    let metrics = String::from_utf8_lossy(&metrics);
    let mut lines = metrics.lines();
    let count = lines.find_map(|line| line.strip_prefix(TAKEN));
    // It is there once it has counted something.
    Ok(count
        .and_then(|count| count.parse().ok())
        .unwrap_or_default())
}

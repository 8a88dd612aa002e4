//! A port that pushes come to.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite, BufStream},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::{JoinHandle, JoinSet},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::{Inboxes, Reaction, SinkError, http, name_in};
use crate::{
    context::locked,
    exchange::{Answer, NoAnswer},
};

/// Most connections at the same time; those that come then are closed.
const CONNECTIONS_MAX: usize = 256;

/// How long somebody may take to say what they want.
const PATIENCE: Duration = Duration::from_secs(30);

/// A port that is listened on until this is dropped.
pub struct Door {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: JoinHandle<()>,
}

struct Shared {
    inboxes: Inboxes,
    certificate: Mutex<Option<Arc<ServerConfig>>>,
    broken_handshakes: AtomicUsize,
    changed: Notify,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Door({})", self.address)
    }
}

impl Door {
    /// Begins to listen, without TLS until there is a certificate to show.
    pub(super) async fn open(address: SocketAddr, inboxes: Inboxes) -> Result<Self, SinkError> {
        let unheard = |error| SinkError::Listen(address, error);
        let listener = TcpListener::bind(address).await.map_err(unheard)?;
        let shared = Arc::new(Shared {
            inboxes,
            certificate: Mutex::default(),
            broken_handshakes: AtomicUsize::new(0),
            changed: Notify::new(),
        });
        Ok(Self {
            address: listener.local_addr().map_err(unheard)?,
            listening: tokio::spawn(listen(listener, Arc::clone(&shared))),
            shared,
        })
    }

    /// What it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Shows this certificate to whoever comes from now on.
    pub fn show(&self, certificate: Arc<ServerConfig>) {
        *locked(&self.shared.certificate) = Some(certificate);
    }

    /// How many went away before TLS stood.
    pub fn broken_handshakes(&self) -> usize {
        self.shared.broken_handshakes.load(Ordering::Relaxed)
    }

    /// Waits until more than so many went away before TLS stood; whether that happened in time.
    pub async fn breaks_more_than(&self, before: usize, patience: Duration) -> bool {
        let more = async {
            loop {
                let changed = self.shared.changed.notified();
                tokio::pin!(changed);
                // From here on nothing is missed.
                changed.as_mut().enable();
                if self.broken_handshakes() > before {
                    return;
                }
                changed.await;
            }
        };
        timeout(patience, more).await.is_ok()
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    // Dropped with this task, so that no connection outlives the door.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        // What cannot be accepted is the client's loss; the next one may do better.
        if let Ok((stream, _)) = listener.accept().await
            && connections.len() < CONNECTIONS_MAX
        {
            connections.spawn(connection(stream, Arc::clone(&shared)));
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let certificate = locked(&shared.certificate).clone();
    let Some(certificate) = certificate else {
        // Whoever breaks off is not told of it.
        let _ = serve(&shared, stream).await;
        return;
    };
    let handshake = TlsAcceptor::from(certificate).accept(stream);
    if let Ok(Ok(stream)) = timeout(PATIENCE, handshake).await {
        match serve(&shared, stream).await {
            // With TLS 1.3 a client that does not like the certificate says so when the server thinks that all is well.
            Err(Unserved::NothingCame) => shared.note_broken_handshake(),
            Ok(()) | Err(Unserved::BrokeOff) => {}
        }
        return;
    }
    shared.note_broken_handshake();
}

impl Shared {
    fn note_broken_handshake(&self) {
        self.broken_handshakes.fetch_add(1, Ordering::Relaxed);
        self.changed.notify_waiters();
    }
}

/// Why a connection brought nothing.
enum Unserved {
    /// It ended before a request.
    NothingCame,
    /// It ended before the answer.
    BrokeOff,
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    shared: &Shared,
    stream: S,
) -> Result<(), Unserved> {
    let mut stream = BufStream::new(stream);
    let received = timeout(PATIENCE, http::read(&mut stream)).await;
    let received = received.map_err(|_| Unserved::NothingCame)?;
    let received = received.map_err(|_: io::Error| Unserved::NothingCame)?;
    let path = received.target.split('?').next().unwrap_or_default();
    let inbox = name_in(path).and_then(|name| locked(&shared.inboxes).get(name).cloned());
    let broke_off = |_: io::Error| Unserved::BrokeOff;
    let Some(inbox) = inbox else {
        let answer = Answer {
            status: 404,
            ..Answer::default()
        };
        return http::write(&mut stream, &answer).await.map_err(broke_off);
    };
    let (place, reaction) = inbox.take(received);
    let answer = match reaction {
        Reaction::Answer(answer) => answer,
        Reaction::AnswerAfter(pause, answer) => {
            tokio::time::sleep(pause).await;
            answer
        }
        Reaction::HangUp => {
            let reason = "the tester closed the connection".to_owned();
            inbox.note(place, Err(NoAnswer::Unreachable { reason }));
            return Ok(());
        }
    };
    // Noted before it is sent: whoever reads it may act at once.
    inbox.note(place, Ok(answer.clone()));
    http::write(&mut stream, &answer).await.map_err(broke_off)
}

//! What stands in front of a host that is served over TLS: each connection is shown the certificate of the moment.
//!
//! Whoever goes on behind an unsound one is not let through: what it says first is kept, and the connection ends.

use std::{
    fmt, io,
    net::{SocketAddr, TcpListener as StdListener},
    sync::{Arc, Mutex},
    time::Duration,
};

use rustls::ServerConfig;
use tokio::{
    io::{AsyncReadExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::{JoinHandle, JoinSet},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    authority::{Authority, AuthorityError, Flaw},
    context::locked,
};

/// How long a handshake may take, and the first words behind an unsound certificate.
const PATIENCE: Duration = Duration::from_secs(30);

/// Most bytes that are read of those.
const WORDS_BYTES_MAX: usize = 4096;

/// Which certificate is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Certificate {
    /// One that is sound.
    Sound,
    /// One that has expired.
    Expired,
    /// One for another name.
    OtherName,
    /// One by an authority that nobody knows.
    UnknownAuthority,
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sound => "a sound certificate",
            Self::Expired => "a certificate that has expired",
            Self::OtherName => "a certificate for another name",
            Self::UnknownAuthority => "a certificate by an authority that nobody knows",
        })
    }
}

/// What became of somebody who was shown an unsound certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Met {
    /// Who broke off.
    BrokeOff,
    /// Who went on, and said this first.
    WentOn(String),
}

/// A port that is listened on until this is dropped.
pub(super) struct Front {
    root: String,
    host: String,
    known: Authority,
    unknown: Authority,
    shared: Arc<Shared>,
    listening: JoinHandle<()>,
}

struct Shared {
    shown: Mutex<Shown>,
    met: Mutex<Vec<Met>>,
    /// Somebody was shown an unsound certificate.
    heard: Notify,
    /// Another certificate is shown.
    changed: Notify,
}

#[derive(Clone)]
struct Shown {
    is_sound: bool,
    config: Arc<ServerConfig>,
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Front({})", self.host)
    }
}

impl Front {
    /// Stands at this port, shows certificates for `host`, and leads to the plain HTTP `behind`.
    pub(super) fn open(
        listener: StdListener,
        host: &str,
        behind: SocketAddr,
    ) -> Result<Self, FrontError> {
        let authority = || Authority::new().map_err(FrontError::Authority);
        let (known, unknown) = (authority()?, authority()?);
        let config = known.server(host, Flaw::None);
        let config = Arc::new(config.map_err(FrontError::Authority)?);
        listener.set_nonblocking(true).map_err(FrontError::Listen)?;
        let listener = TcpListener::from_std(listener).map_err(FrontError::Listen)?;
        let shared = Arc::new(Shared {
            shown: Mutex::new(Shown {
                is_sound: true,
                config,
            }),
            met: Mutex::default(),
            heard: Notify::new(),
            changed: Notify::new(),
        });
        Ok(Self {
            root: known.root().to_owned(),
            host: host.to_owned(),
            known,
            unknown,
            listening: tokio::spawn(listen(listener, behind, Arc::clone(&shared))),
            shared,
        })
    }

    /// The authority that has to be trusted, in PEM.
    pub(super) fn root(&self) -> &str {
        &self.root
    }

    /// Shows this certificate from now on; connections that there are end, so that everybody sees it.
    pub(super) fn show(&self, certificate: Certificate) -> Result<(), AuthorityError> {
        let (authority, flaw) = match certificate {
            Certificate::Sound => (&self.known, Flaw::None),
            Certificate::Expired => (&self.known, Flaw::Expired),
            Certificate::OtherName => (&self.known, Flaw::OtherName),
            Certificate::UnknownAuthority => (&self.unknown, Flaw::None),
        };
        let shown = Shown {
            is_sound: certificate == Certificate::Sound,
            config: Arc::new(authority.server(&self.host, flaw)?),
        };
        *locked(&self.shared.shown) = shown;
        locked(&self.shared.met).clear();
        // One waits, and may be about to.
        self.shared.changed.notify_one();
        Ok(())
    }

    /// Waits until somebody was shown the unsound certificate, and tells what became of that.
    pub(super) async fn met(&self) -> Met {
        loop {
            let heard = self.shared.heard.notified();
            tokio::pin!(heard);
            // From here on nothing is missed.
            heard.as_mut().enable();
            if let Some(met) = locked(&self.shared.met).first() {
                return met.clone();
            }
            heard.await;
        }
    }
}

/// There is nobody in front.
#[derive(Debug)]
pub(super) enum FrontError {
    Authority(AuthorityError),
    Listen(io::Error),
}

impl Drop for Front {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(listener: TcpListener, behind: SocketAddr, shared: Arc<Shared>) {
    // Dropped with this task.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        tokio::select! {
            () = shared.changed.notified() => connections = JoinSet::new(),
            // What cannot be accepted is the client's loss; the next one may do better.
            Ok((stream, _)) = listener.accept() => {
                let shown = locked(&shared.shown).clone();
                connections.spawn(let_in(stream, shown, behind, Arc::clone(&shared)));
            }
        }
    }
}

async fn let_in(stream: TcpStream, shown: Shown, behind: SocketAddr, shared: Arc<Shared>) {
    let handshake = TlsAcceptor::from(shown.config).accept(stream);
    let handshake = timeout(PATIENCE, handshake).await;
    if !shown.is_sound {
        let met = match handshake {
            Ok(Ok(mut stream)) => first_words(&mut stream).await,
            Ok(Err(_)) | Err(_) => Met::BrokeOff,
        };
        locked(&shared.met).push(met);
        shared.heard.notify_waiters();
        return;
    }
    if let Ok(Ok(mut stream)) = handshake
        && let Ok(mut inner) = TcpStream::connect(behind).await
    {
        // Whoever breaks off is not told of it.
        let _ = copy_bidirectional(&mut stream, &mut inner).await;
    }
}

/// What is said first. With TLS 1.3 a client that does not like the certificate says so when the server thinks that all is well.
async fn first_words(stream: &mut tokio_rustls::server::TlsStream<TcpStream>) -> Met {
    let mut words = vec![0; WORDS_BYTES_MAX];
    match timeout(PATIENCE, stream.read(&mut words)).await {
        Ok(Ok(length)) if length > 0 => {
            let words = String::from_utf8_lossy(words.get(..length).unwrap_or_default());
            // Method and path: what follows may be secret.
            let line = words.lines().next().unwrap_or_default();
            let said = line.split(['?', ' ']).take(2).collect::<Vec<_>>().join(" ");
            Met::WentOn(said)
        }
        Ok(Ok(_) | Err(_)) | Err(_) => Met::BrokeOff,
    }
}

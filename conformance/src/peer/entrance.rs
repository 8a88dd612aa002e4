//! What stands in front of the reference where its TLS is faulty: no sound library can be had to be.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener as StdListener},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// How the reference is reached.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Entrance {
    /// Over sound TLS alone.
    #[default]
    Sound,
    /// Without TLS as well, at the same port.
    PlainAsWell,
    /// Over TLS 1.0 and 1.1 as well, at least as far as the `ServerHello`.
    OldVersions,
    /// With any cipher suite that is offered first, as far as that.
    AnySuite,
}

/// The ports behind the entrance.
#[derive(Debug)]
pub(super) struct Behind {
    /// Where TLS is spoken.
    pub(super) tls: StdListener,
    /// Where it is not, if somebody is led there.
    pub(super) plain: Option<StdListener>,
}

/// The two ways behind the entrance.
#[derive(Clone, Copy)]
struct Ways {
    tls: SocketAddr,
    plain: SocketAddr,
}

impl Entrance {
    /// Stands at this port until `at_work` is dropped; where the entrance is sound, nothing does.
    pub(super) fn in_front(
        self,
        listener: StdListener,
        at_work: &mut JoinSet<()>,
    ) -> io::Result<Behind> {
        if self == Self::Sound {
            return Ok(Behind {
                tls: listener,
                plain: None,
            });
        }
        let inner = || StdListener::bind((Ipv4Addr::LOCALHOST, 0));
        let (tls, plain) = (inner()?, inner()?);
        let ways = Ways {
            tls: tls.local_addr()?,
            plain: plain.local_addr()?,
        };
        listener.set_nonblocking(true)?;
        at_work.spawn(open(TcpListener::from_std(listener)?, self, ways));
        Ok(Behind {
            tls,
            plain: Some(plain),
        })
    }
}

/// The first bytes of a `ClientHello` in its record: up to the session id, which our offers leave empty, and the first suite.
const BEGINNING_BYTES: usize = 48;

/// The number of a record with a part of the handshake.
const HANDSHAKE: u8 = 22;

/// A suite that is sound, up to which those of sound clients are told from others.
const UNSOUND_BELOW: u16 = 0x1301;

/// Lets whoever comes in, until it is dropped.
async fn open(listener: TcpListener, entrance: Entrance, behind: Ways) {
    // Dropped with this task.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if let Ok((stream, _)) = listener.accept().await {
            connections.spawn(let_in(stream, entrance, behind));
        }
    }
}

async fn let_in(mut stream: TcpStream, entrance: Entrance, behind: Ways) {
    let mut beginning = [0; BEGINNING_BYTES];
    if stream.read_exact(&mut beginning).await.is_err() {
        return;
    }
    let is_tls = beginning[0] == HANDSHAKE;
    if is_tls && let Some(hello) = server_hello(entrance, &beginning) {
        // What comes after it would need the faulty library.
        let _ = stream.write_all(&hello).await;
        return;
    }
    let way = if !is_tls && entrance == Entrance::PlainAsWell {
        behind.plain
    } else {
        behind.tls
    };
    if let Ok(mut inner) = TcpStream::connect(way).await
        && inner.write_all(&beginning).await.is_ok()
    {
        let _ = copy_bidirectional(&mut stream, &mut inner).await;
    }
}

/// The `ServerHello` by which an unsound offer is accepted.
fn server_hello(entrance: Entrance, beginning: &[u8; BEGINNING_BYTES]) -> Option<Vec<u8>> {
    let version = [beginning[9], beginning[10]];
    let suite = [beginning[46], beginning[47]];
    let has_session = beginning[43] != 0;
    let accepts = match entrance {
        Entrance::Sound | Entrance::PlainAsWell => false,
        Entrance::OldVersions => version < [3, 3],
        Entrance::AnySuite => {
            version == [3, 3] && !has_session && u16::from_be_bytes(suite) < UNSOUND_BELOW
        }
    };
    accepts.then(|| {
        let mut hello = vec![HANDSHAKE, 3, 1, 0, 42, 2, 0, 0, 38];
        hello.extend(version);
        hello.extend([7; 32]);
        // No session, the suite, no compression.
        hello.push(0);
        hello.extend(suite);
        hello.push(0);
        hello
    })
}

//! Peers, and clients that ask them.

use std::{
    future,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{HeaderMap, Method};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use ssf_types::uri::EndpointUrl;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::super::{
    client::{HttpClient, Request, Terms},
    deadlines::Deadlines,
    fault::Fault,
    reply::Reply,
    trust::TrustAnchors,
};
use crate::domain::push_address::{OwnMachine, PushAddresses};

/// What a peer that keeps to the protocol answers.
pub(super) const ACCEPTED: &str = "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n";

/// Times that no peer in good order needs on one machine.
pub(super) const AMPLE: Deadlines = Deadlines::new(
    Duration::from_secs(20),
    Duration::from_secs(20),
    Duration::from_secs(20),
    Duration::from_secs(20),
);

/// Terms with [`AMPLE`] deadlines that allow the machine itself.
pub(super) fn terms() -> Terms {
    Terms {
        addresses: PushAddresses::new(OwnMachine::Allowed, Vec::new()),
        deadlines: AMPLE,
        host_requests_max: 64,
        trust: TrustAnchors::default(),
    }
}

/// Terms of a server that is not on the Receivers' machine; `networks` are allowed beside what is public.
pub(super) fn terms_with(networks: &[&str]) -> Terms {
    let networks = networks.iter().map(|text| text.parse().unwrap()).collect();
    Terms {
        addresses: PushAddresses::new(OwnMachine::Refused, networks),
        ..terms()
    }
}

/// Name servers that give the next answer with each question, and the first one after the last.
pub(super) struct Turns {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Turns {
    pub(super) fn new(answers: &[&[&str]]) -> Arc<Self> {
        let read = |texts: &&[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        Arc::new(Self {
            answers: answers.iter().map(read).collect(),
            asked: AtomicUsize::new(0),
        })
    }
}

impl Resolve for Turns {
    fn resolve(&self, _: Name) -> Resolving {
        let turn = self.asked.fetch_add(1, Ordering::Relaxed) % self.answers.len();
        let answers = self.answers[turn].clone();
        let answers = answers.into_iter().map(|ip| SocketAddr::new(ip, 0));
        Box::pin(future::ready(Ok(Box::new(answers) as Addrs)))
    }
}

pub(super) fn client(terms: Terms) -> HttpClient {
    HttpClient::new(terms).unwrap()
}

pub(super) fn post(url: &str) -> Request {
    Request {
        method: Method::POST,
        url: EndpointUrl::parse(url).unwrap(),
        headers: HeaderMap::new(),
        body: b"body".to_vec(),
    }
}

pub(super) async fn send(client: &HttpClient, url: &str) -> Result<Reply, Fault> {
    client.send(post(url)).await.map_err(|reply| reply.fault)
}

/// Why there is no answer.
pub(super) async fn fault(client: &HttpClient, url: &str) -> Fault {
    send(client, url).await.err().unwrap()
}

/// Somebody who must not be called.
pub(super) struct Canary(TcpListener);

impl Canary {
    pub(super) async fn at(address: SocketAddr) -> Self {
        Self(TcpListener::bind(address).await.unwrap())
    }

    pub(super) async fn new() -> Self {
        Self::at((Ipv4Addr::LOCALHOST, 0).into()).await
    }

    pub(super) fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    /// Checks that nobody has called: connections are accepted in their order, so ours has to be the first one.
    pub(super) async fn is_untouched(&self) {
        let ours = TcpStream::connect(self.0.local_addr().unwrap()).await;
        let (_, first) = self.0.accept().await.unwrap();
        assert_eq!(ours.unwrap().local_addr().unwrap(), first, "it was called");
    }
}

/// Reads one request of [`post`] to its end.
pub(super) async fn read_request(socket: &mut TcpStream) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\nbody") {
        let mut chunk = [0; 1024];
        let length = socket.read(&mut chunk).await.unwrap();
        assert_ne!(length, 0, "the request ends too early");
        request.extend_from_slice(&chunk[..length]);
    }
    String::from_utf8(request).unwrap().to_lowercase()
}

/// A peer that answers each request with `answer`, then sends `more` again and again, a while apart if there is one, until
/// nobody listens. Returns its URL.
pub(super) async fn peer(answer: &[u8], more: &'static [u8], apart: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/events", listener.local_addr().unwrap());
    let answer = answer.to_vec();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let answer = answer.clone();
            tokio::spawn(async move {
                read_request(&mut socket).await;
                socket.write_all(&answer).await.unwrap();
                while !more.is_empty() && socket.write_all(more).await.is_ok() {
                    tokio::time::sleep(apart).await;
                }
            });
        }
    });
    url
}

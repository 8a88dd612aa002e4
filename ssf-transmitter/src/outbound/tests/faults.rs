//! Why there is no answer: each reason is one of its own.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer},
};
use ssf_types::push::NoAnswer;

use super::{
    super::{client::Terms, fault::Fault, trust::TrustAnchors},
    rig::{ACCEPTED, client, fault, peer, send, terms},
};
use crate::tls::HandshakeFault;

/// Who signs certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        Self { issuer, root }
    }

    /// What a server needs to present a certificate for `name` that is valid between the beginnings of two years.
    fn certify(&self, name: &str, years: (i32, i32)) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let certificate = params(name, years).signed_by(&key, &self.issuer).unwrap();
        presenting(certificate.der().clone(), &key)
    }

    /// Terms under which this authority is trusted.
    fn trusted(&self) -> Terms {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("roots.pem");
        std::fs::write(&path, &self.root).unwrap();
        Terms {
            trust: TrustAnchors::read(&path).unwrap(),
            ..terms()
        }
    }
}

fn params(name: &str, (from, to): (i32, i32)) -> CertificateParams {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(to, 1, 1);
    params
}

fn self_signed() -> Arc<ServerConfig> {
    let key = KeyPair::generate().unwrap();
    let certificate = params("localhost", NOW).self_signed(&key).unwrap();
    presenting(certificate.der().clone(), &key)
}

fn presenting(certificate: CertificateDer<'static>, key: &KeyPair) -> Arc<ServerConfig> {
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into());
    Arc::new(config.unwrap())
}

const NOW: (i32, i32) = (2000, 2100);

/// A peer on `localhost` that treats each connection as `serve` does. Returns its URL.
fn peer_with(serve: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        listener
            .incoming()
            .for_each(|socket| serve(socket.unwrap()));
    });
    format!("https://localhost:{port}/events")
}

fn tls_peer(config: Arc<ServerConfig>) -> String {
    peer_with(move |socket| {
        let server = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut stream = StreamOwned::new(server, socket);
        let mut request = [0; 4096];
        // A client that does not trust us says no more.
        if stream.read(&mut request).is_ok_and(|length| length > 0) {
            stream.write_all(ACCEPTED.as_bytes()).unwrap();
        }
    })
}

/// A peer that reads a while, answers and hangs up.
fn answering(answer: &'static [u8]) -> String {
    peer_with(move |mut socket| {
        let mut request = [0; 4096];
        let _ = socket.read(&mut request);
        let _ = socket.write_all(answer);
    })
}

/// The beginning of a handshake in TLS 1.1.
const HELLO_OF_TLS_1_1: &[u8] = &[
    0x16, 0x03, 0x02, 0, 42, 2, 0, 0, 38, 0x03, 0x02, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 0, 0xc0, 0x13, 0,
];

/// What a server says that has TLS 1.1 at most.
const ALERT_VERSION: &[u8] = &[0x15, 0x03, 0x02, 0, 2, 2, 70];

#[tokio::test]
async fn t12_each_fault_of_tls_is_told_apart_and_nothing_is_sent() {
    let (known, unknown) = (Authority::new("known"), Authority::new("unknown"));
    let client = client(known.trusted());
    for (what, url, expected) in [
        (
            "expired",
            tls_peer(known.certify("localhost", (2000, 2020))),
            HandshakeFault::Expired,
        ),
        (
            "not yet valid",
            tls_peer(known.certify("localhost", (2090, 2100))),
            HandshakeFault::NotYetValid,
        ),
        (
            "another name",
            tls_peer(known.certify("rp.example.com", NOW)),
            HandshakeFault::WrongName,
        ),
        (
            "unknown authority",
            tls_peer(unknown.certify("localhost", NOW)),
            HandshakeFault::UnknownIssuer,
        ),
        (
            "self-signed",
            tls_peer(self_signed()),
            HandshakeFault::UnknownIssuer,
        ),
        (
            "TLS 1.1",
            answering(HELLO_OF_TLS_1_1),
            HandshakeFault::Incompatible,
        ),
        (
            "TLS 1.1 at most",
            answering(ALERT_VERSION),
            HandshakeFault::Incompatible,
        ),
        (
            "no TLS",
            answering(ACCEPTED.as_bytes()),
            HandshakeFault::Handshake,
        ),
        ("hangs up", answering(b""), HandshakeFault::Handshake),
    ] {
        let fault = fault(&client, &url).await;
        assert_eq!(fault, Fault::Tls(expected), "{what}");
        assert_eq!(fault.no_answer(), NoAnswer::Tls);
    }
    let valid = tls_peer(known.certify("localhost", NOW));
    assert_eq!(send(&client, &valid).await.unwrap().status().as_u16(), 202);
}

#[tokio::test]
async fn t12_an_authority_counts_only_where_it_is_configured() {
    let authority = Authority::new("own");
    let url = tls_peer(authority.certify("localhost", NOW));
    let unknown = fault(&client(terms()), &url).await;
    assert_eq!(unknown, Fault::Tls(HandshakeFault::UnknownIssuer));
}

#[tokio::test]
async fn a_connection_that_is_refused_and_one_that_breaks_off_are_told_apart() {
    let client = client(terms());
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", closed.local_addr().unwrap());
    drop(closed);
    assert_eq!(fault(&client, &url).await, Fault::Connect);
    let cut_off = peer(b"HTTP/1.1 202 Acc", b"", Duration::ZERO).await;
    assert_eq!(fault(&client, &cut_off).await, Fault::Interrupted);
    let silent = peer(b"", b"", Duration::ZERO).await;
    assert_eq!(fault(&client, &silent).await, Fault::Interrupted);
}

#[tokio::test]
async fn what_is_not_http_is_malformed() {
    for answer in [
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "220 mail.example.com ESMTP\r\n\r\n",
        "HTTP/9.9 202 Accepted\r\n\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 202 Accepted\r\ncontent-length: many\r\n\r\n",
    ] {
        let url = peer(answer.as_bytes(), b"", Duration::ZERO).await;
        let fault = fault(&client(terms()), &url).await;
        assert_eq!(fault, Fault::Malformed, "{answer}");
    }
}

#[test]
fn each_fault_has_a_word_of_its_own() {
    let all = [
        Fault::Dns,
        Fault::AddressRefused,
        Fault::Crowded,
        Fault::NotLookedUp,
        Fault::Connect,
        Fault::ConnectTimeout,
        Fault::Tls(HandshakeFault::Expired),
        Fault::Tls(HandshakeFault::NotYetValid),
        Fault::Tls(HandshakeFault::WrongName),
        Fault::Tls(HandshakeFault::UnknownIssuer),
        Fault::Tls(HandshakeFault::Certificate),
        Fault::Tls(HandshakeFault::Incompatible),
        Fault::Tls(HandshakeFault::Handshake),
        Fault::Timeout,
        Fault::Interrupted,
        Fault::Malformed,
    ];
    let words: std::collections::HashSet<_> = all.iter().map(|fault| fault.as_str()).collect();
    assert_eq!(words.len(), all.len());
}

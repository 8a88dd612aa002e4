//! A SET goes to an endpoint that can show that it is the one, and to no other.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        mpsc::{self, Receiver},
    },
    thread,
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned, crypto::aws_lc_rs, pki_types::PrivatePkcs8KeyDer,
};

use crate::rig::{Answer, Installation, PATIENCE, client, event_about, stream_for};

/// Who signs certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        Self { issuer, root }
    }

    /// What a server needs to present a certificate for `name`, which is valid until the beginning of `year`.
    fn certify(&self, name: &str, year: i32) -> Arc<ServerConfig> {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key.into())
            .unwrap();
        Arc::new(config)
    }
}

/// A push endpoint with TLS on `localhost`.
struct Endpoint {
    url: String,
    /// What a client says behind the handshake: nothing, if it went away.
    heard: Receiver<String>,
}

impl Endpoint {
    fn presenting(config: Arc<ServerConfig>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, heard) = mpsc::channel();
        thread::spawn(move || {
            for connection in listener.incoming() {
                if sender.send(hear(connection.unwrap(), &config)).is_err() {
                    return;
                }
            }
        });
        let url = format!("https://localhost:{port}/events");
        Self { url, heard }
    }
}

/// Serves one request, and returns the beginning of it.
fn hear(connection: TcpStream, config: &Arc<ServerConfig>) -> String {
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    let server = ServerConnection::new(Arc::clone(config)).unwrap();
    let mut stream = StreamOwned::new(server, connection);
    let mut request = vec![0; 16 * 1024];
    let read = stream.read(&mut request).unwrap_or(0);
    _ = stream
        .write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    String::from_utf8_lossy(&request[..read]).into_owned()
}

#[tokio::test]
async fn a_set_is_sent_only_to_who_shows_a_valid_certificate_for_the_name() {
    only_the_valid_one_hears("SSL_CERT_FILE").await;
}

#[tokio::test]
async fn t12_an_authority_of_the_operators_own_is_trusted_as_those_of_the_system_are() {
    only_the_valid_one_hears("SSF_TRANSMITTER_TRUST_ANCHORS_FILE").await;
}

/// `variable` names the file of the authority that is known.
async fn only_the_valid_one_hears(variable: &'static str) {
    let (known, unknown) = (Authority::new(), Authority::new());
    let installation = Installation::new();
    let roots = installation.path("roots.pem");
    fs::write(&roots, &known.root).unwrap();
    let installation = installation.with(variable, roots.to_str().unwrap());
    let transmitter = installation.serve();
    let receiver = installation.add_receiver("rp");
    let valid = Endpoint::presenting(known.certify("localhost", 2100));
    let invalid = [
        ("another name", known.certify("rp.example.com", 2100)),
        ("expired", known.certify("localhost", 2020)),
        ("unknown authority", unknown.certify("localhost", 2100)),
    ]
    .map(|(fault, config)| (fault, Endpoint::presenting(config)));
    for url in invalid.iter().map(|(_, to)| &to.url).chain([&valid.url]) {
        let request = client().post(transmitter.url("/ssf/stream"));
        let request = request.json(&stream_for(url)).bearer_auth(&receiver);
        assert_eq!(Answer::to(request).await.status, 201);
    }
    let request = client().post(transmitter.url("/ingest/events"));
    let request = request.json(&event_about("alice@example.com"));
    let operator = transmitter.operator_token.as_ref().unwrap();
    assert_eq!(Answer::to(request.bearer_auth(operator)).await.status, 202);

    let heard = valid.heard.recv_timeout(PATIENCE).unwrap();
    assert!(heard.starts_with("POST /events HTTP/1.1\r\n"), "{heard}");
    for (fault, endpoint) in invalid {
        let heard = endpoint.heard.recv_timeout(PATIENCE).unwrap();
        assert_eq!(heard, "", "{fault}");
    }
}

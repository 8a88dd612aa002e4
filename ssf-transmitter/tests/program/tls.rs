//! TLS of the real program, with an authority of the tests' own.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use reqwest::{Certificate, Client, tls::Version};

use crate::rig::{Answer, Installation, PATIENCE, Transmitter, text};

/// Who signs certificates; a client trusts one of them alone.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: String,
}

/// A certificate with a key, in PEM.
struct Pair {
    certificate: String,
    key: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        Self { issuer, root }
    }

    /// A certificate for `localhost` until the beginning of `year`.
    fn pair_until(&self, year: i32) -> Pair {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        Pair {
            certificate: params.signed_by(&key, &self.issuer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    fn pair(&self) -> Pair {
        self.pair_until(2100)
    }

    fn client_with(&self, versions: std::ops::RangeInclusive<Version>) -> Client {
        Client::builder()
            .tls_certs_only([Certificate::from_pem(self.root.as_bytes()).unwrap()])
            .tls_version_min(*versions.start())
            .tls_version_max(*versions.end())
            .no_proxy()
            .timeout(PATIENCE)
            .build()
            .unwrap()
    }

    fn client(&self) -> Client {
        self.client_with(Version::TLS_1_2..=Version::TLS_1_3)
    }
}

const REPLACED: &str = "the certificate was replaced";
const REFUSED: &str = "the certificate cannot be replaced: the old one goes on";

fn installation() -> Installation {
    Installation::new()
        .with("SSF_TRANSMITTER_TLS_CERTIFICATE_FILE", "tls.crt")
        .with("SSF_TRANSMITTER_TLS_KEY_FILE", "tls.key")
        .with("SSF_TRANSMITTER_ISSUER", "https://tr.example.com")
}

fn write(installation: &Installation, pair: &Pair) {
    fs::write(installation.path("tls.crt"), &pair.certificate).unwrap();
    fs::write(installation.path("tls.key"), &pair.key).unwrap();
}

fn health(server: &Transmitter) -> String {
    format!("https://localhost:{}/health", server.address.port())
}

async fn status(client: &Client, server: &Transmitter) -> Option<u16> {
    let answer = client.get(health(server)).send().await;
    answer.ok().map(|answer| answer.status().as_u16())
}

#[tokio::test]
async fn a_client_that_trusts_the_authority_is_served_with_either_version() {
    let authority = Authority::new("one");
    let installation = installation();
    write(&installation, &authority.pair());
    let server = installation.serve();
    for version in [Version::TLS_1_2, Version::TLS_1_3] {
        let client = authority.client_with(version..=version);
        assert_eq!(status(&client, &server).await, Some(200), "{version:?}");
    }
    let stranger = Authority::new("another").client();
    assert_eq!(status(&stranger, &server).await, None);
    let metadata = format!(
        "https://localhost:{}/.well-known/ssf-configuration",
        server.address.port()
    );
    let answer = Answer::to(authority.client().get(metadata)).await;
    assert_eq!(answer.json()["issuer"], "https://tr.example.com");
}

/// What the server says to a `ClientHello` whose newest version is `version`.
fn answer_to_hello(server: &Transmitter, version: [u8; 2]) -> Vec<u8> {
    let mut body = version.to_vec();
    body.extend([7; 32]);
    // No session, TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, no compression.
    body.extend([0, 0, 2, 0xc0, 0x09, 1, 0]);
    // supported_groups: secp256r1; signature_algorithms: ECDSA with SHA-256.
    let extensions = [0, 10, 0, 4, 0, 2, 0, 23, 0, 13, 0, 4, 0, 2, 4, 3];
    body.extend([0, 16]);
    body.extend(extensions);
    let mut hello = vec![0x16, 3, 1, 0, u8::try_from(body.len() + 4).unwrap()];
    hello.extend([1, 0, 0, u8::try_from(body.len()).unwrap()]);
    hello.extend(body);
    let mut socket = TcpStream::connect(server.address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(&hello).unwrap();
    let mut answer = Vec::new();
    _ = socket.read_to_end(&mut answer);
    answer
}

#[tokio::test]
async fn tls_1_1_and_1_0_are_refused() {
    let authority = Authority::new("one");
    let installation = installation();
    write(&installation, &authority.pair());
    let server = installation.serve();
    // A fatal alert: protocol_version.
    for version in [[3, 2], [3, 1], [3, 0]] {
        let answer = answer_to_hello(&server, version);
        assert_eq!(answer.first(), Some(&0x15), "{version:?}: {answer:?}");
        assert_eq!(answer[5..], [2, 70], "{version:?}");
    }
}

#[tokio::test]
async fn plain_http_is_not_spoken_where_tls_is() {
    let authority = Authority::new("one");
    let installation = installation();
    write(&installation, &authority.pair());
    let server = installation.serve();
    let mut socket = TcpStream::connect(server.address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";
    socket.write_all(request).unwrap();
    let mut answer = Vec::new();
    _ = socket.read_to_end(&mut answer);
    assert!(!text(&answer).contains("HTTP"), "{}", text(&answer));
    assert_eq!(status(&authority.client(), &server).await, Some(200));
}

#[tokio::test]
async fn a_new_certificate_is_taken_over_under_open_connections() {
    let (one, two) = (Authority::new("one"), Authority::new("two"));
    let installation = installation();
    write(&installation, &one.pair());
    let server = installation.serve();
    let connected = one.client();
    assert_eq!(status(&connected, &server).await, Some(200));

    write(&installation, &two.pair_until(2101));
    server.signal("HUP");
    installation.logged(REPLACED).await;
    assert_eq!(status(&two.client(), &server).await, Some(200));
    assert_eq!(status(&one.client(), &server).await, None);
    // Anew it could not connect: this goes over the connection that stands.
    assert_eq!(status(&connected, &server).await, Some(200));
    let metrics = format!("https://localhost:{}/metrics", server.address.port());
    let metrics = Answer::to(two.client().get(metrics)).await.body;
    // The beginning of 2101.
    let expires = "ssf_tls_certificate_not_after_seconds 4133980800";
    assert!(metrics.contains(expires), "{metrics}");
}

#[tokio::test]
async fn a_new_certificate_is_noticed_without_a_signal() {
    let (one, two) = (Authority::new("one"), Authority::new("two"));
    let installation = installation();
    write(&installation, &one.pair());
    let server = installation.serve();
    write(&installation, &two.pair());
    installation.logged(REPLACED).await;
    assert_eq!(status(&two.client(), &server).await, Some(200));
}

#[tokio::test]
async fn a_new_pair_that_cannot_be_used_is_told_and_the_old_one_goes_on() {
    let authority = Authority::new("one");
    let installation = installation();
    let good = authority.pair();
    write(&installation, &good);
    let server = installation.serve();
    for (certificate, reason) in [
        (
            authority.pair().certificate,
            "the key of tls.key cannot be used with the certificate",
        ),
        (good.key.clone(), "tls.crt holds no certificate in PEM"),
        ("x".repeat(300_000), "tls.crt has more than 262144 bytes"),
    ] {
        fs::write(installation.path("tls.crt"), certificate).unwrap();
        server.signal("HUP");
        installation.logged(reason).await;
        assert!(installation.log().contains(REFUSED));
        assert_eq!(status(&authority.client(), &server).await, Some(200));
    }
    write(&installation, &authority.pair_until(2020));
    server.signal("HUP");
    installation
        .logged("the certificate of tls.crt is not valid now")
        .await;
    fs::remove_file(installation.path("tls.key")).unwrap();
    server.signal("HUP");
    installation.logged("tls.key cannot be read").await;
    assert_eq!(status(&authority.client(), &server).await, Some(200));
    assert!(!installation.log().contains(REPLACED));
    write(&installation, &good);
    server.signal("HUP");
    installation.logged(REPLACED).await;
    assert!(!installation.log().contains("PRIVATE KEY"));
}

#[test]
fn a_pair_that_cannot_be_used_stops_the_start() {
    let authority = Authority::new("one");
    let installation = installation();
    let (pair, other) = (authority.pair(), authority.pair());
    let serve = || {
        let output = installation.run(&["serve", "--listen", "127.0.0.1:0"]);
        (output.status.code(), text(&output.stderr))
    };
    let (code, told) = serve();
    assert_eq!(code, Some(1));
    assert!(told.contains("TLS cannot be served"), "{told}");
    assert!(told.contains("tls.crt cannot be read"), "{told}");
    for (certificate, key, reason) in [
        (
            &pair.certificate,
            &other.key,
            "the key of tls.key cannot be used",
        ),
        (&pair.key, &pair.key, "tls.crt holds no certificate in PEM"),
        (
            &pair.certificate,
            &pair.certificate,
            "tls.key holds no private key in PEM",
        ),
    ] {
        fs::write(installation.path("tls.crt"), certificate).unwrap();
        fs::write(installation.path("tls.key"), key).unwrap();
        let (code, told) = serve();
        assert_eq!(code, Some(1));
        assert!(told.contains(reason), "{told}");
    }
}

#[test]
fn plain_http_on_a_public_address_is_refused_at_the_start() {
    let installation = Installation::new().with("SSF_TRANSMITTER_ISSUER", "https://tr.example.com");
    let output = installation.run(&["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    let expected = "listen (flag --listen): must be a loopback address, unless tls_certificate_file and tls_key_file are set, or behind_proxy = true says that a proxy in front ends TLS";
    assert!(told.contains(expected), "{told}");
}

#[tokio::test]
async fn a_public_address_is_served_with_tls_or_behind_a_proxy() {
    let authority = Authority::new("one");
    let tls = installation();
    write(&tls, &authority.pair());
    let server = tls.serve_at("0.0.0.0:0");
    assert_eq!(status(&authority.client(), &server).await, Some(200));
    let proxied = Installation::new()
        .with("SSF_TRANSMITTER_ISSUER", "https://tr.example.com")
        .with("SSF_TRANSMITTER_BEHIND_PROXY", "true");
    let server = proxied.serve_at("0.0.0.0:0");
    let plain = format!("http://127.0.0.1:{}/health", server.address.port());
    assert_eq!(
        Answer::to(crate::rig::client().get(plain)).await.status,
        200
    );
}

//! A small HTTP server on loopback, with or without TLS, that answers what it is told to.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::LazyLock,
    thread,
    time::Duration,
};

use openssl::{
    asn1::Asn1Time,
    bn::{BigNum, MsbOption},
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    ssl::{SslAcceptor, SslMethod},
    x509::{
        X509, X509Builder, X509Name,
        extension::{BasicConstraints, ExtendedKeyUsage, SubjectAlternativeName},
    },
};
use ssf_conformance::peer::Reply;

/// Answers by path; every other path gets 404.
pub(crate) type Routes = BTreeMap<String, Reply>;

/// A port that was bound and does not answer yet, so that answers may hold it.
pub(crate) struct Server {
    listener: TcpListener,
    acceptor: Option<SslAcceptor>,
}

impl Server {
    pub(crate) fn with_tls() -> Self {
        Self {
            listener: TcpListener::bind(("127.0.0.1", 0)).unwrap(),
            acceptor: Some(AUTHORITY.acceptor()),
        }
    }

    pub(crate) fn plain() -> Self {
        Self {
            listener: TcpListener::bind(("127.0.0.1", 0)).unwrap(),
            acceptor: None,
        }
    }

    pub(crate) fn origin(&self) -> String {
        let scheme = if self.acceptor.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}", self.listener.local_addr().unwrap())
    }

    /// Answers from now on, until the test process ends.
    pub(crate) fn serve(self, routes: Routes) {
        thread::spawn(move || {
            for stream in self.listener.incoming().flatten() {
                let timeout = Some(Duration::from_secs(10));
                stream.set_read_timeout(timeout).unwrap();
                // A client that hangs up is not this server's fault; the tester tells what it missed.
                let _ = match &self.acceptor {
                    None => answer(stream, &routes),
                    Some(acceptor) => accept_tls(acceptor, stream, &routes),
                };
            }
        });
    }
}

fn accept_tls(acceptor: &SslAcceptor, stream: TcpStream, routes: &Routes) -> io::Result<()> {
    let stream = acceptor.accept(stream).map_err(io::Error::other)?;
    answer(stream, routes)
}

fn answer(mut stream: impl Read + Write, routes: &Routes) -> io::Result<()> {
    let mut lines = BufReader::new(&mut stream).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while !lines.next().transpose()?.unwrap_or_default().is_empty() {}
    let path = match request.split(' ').collect::<Vec<_>>().as_slice() {
        ["GET", path, "HTTP/1.1"] => (*path).to_owned(),
        _ => panic!("a tester sends GET alone, not {request}"),
    };
    let missing = Reply::error(404);
    let reply = routes.get(&path).unwrap_or(&missing);
    write!(
        stream,
        "HTTP/1.1 {} -\r\nConnection: close\r\n",
        reply.status
    )?;
    for (name, value) in &reply.headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    write!(stream, "Content-Length: {}\r\n\r\n", reply.body.len())?;
    stream.write_all(&reply.body)?;
    stream.flush()
}

/// The certificate authority of these tests.
pub(crate) static AUTHORITY: LazyLock<Authority> = LazyLock::new(Authority::new);

pub(crate) struct Authority {
    certificate: X509,
    leaf: X509,
    leaf_key: PKey<Private>,
}

impl Authority {
    fn new() -> Self {
        let (key, leaf_key) = (p256(), p256());
        let name = named("ssf-conformance test authority");
        let mut authority = begun(&name, &name, &key);
        let constraints = BasicConstraints::new().critical().ca().build().unwrap();
        authority.append_extension(constraints).unwrap();
        authority.sign(&key, MessageDigest::sha256()).unwrap();
        let mut leaf = begun(&named("127.0.0.1"), &name, &leaf_key);
        let alternative = SubjectAlternativeName::new()
            .ip("127.0.0.1")
            .build(&leaf.x509v3_context(None, None))
            .unwrap();
        leaf.append_extension(alternative).unwrap();
        let usage = ExtendedKeyUsage::new().server_auth().build().unwrap();
        leaf.append_extension(usage).unwrap();
        leaf.sign(&key, MessageDigest::sha256()).unwrap();
        Self {
            certificate: authority.build(),
            leaf: leaf.build(),
            leaf_key,
        }
    }

    pub(crate) fn pem(&self) -> Vec<u8> {
        self.certificate.to_pem().unwrap()
    }

    fn acceptor(&self) -> SslAcceptor {
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
        acceptor.set_certificate(&self.leaf).unwrap();
        acceptor.set_private_key(&self.leaf_key).unwrap();
        acceptor.build()
    }
}

fn p256() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn named(common_name: &str) -> X509Name {
    let mut name = X509Name::builder().unwrap();
    name.append_entry_by_nid(Nid::COMMONNAME, common_name)
        .unwrap();
    name.build()
}

fn begun(subject: &X509Name, issuer: &X509Name, key: &PKey<Private>) -> X509Builder {
    let mut serial = BigNum::new().unwrap();
    serial.rand(127, MsbOption::ONE, false).unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder
        .set_serial_number(&serial.to_asn1_integer().unwrap())
        .unwrap();
    builder.set_subject_name(subject).unwrap();
    builder.set_issuer_name(issuer).unwrap();
    builder.set_pubkey(key).unwrap();
    let (from, until) = (Asn1Time::days_from_now(0), Asn1Time::days_from_now(2));
    builder.set_not_before(&from.unwrap()).unwrap();
    builder.set_not_after(&until.unwrap()).unwrap();
    builder
}

//! How a server begins TLS: a `ClientHello` of a version, or with cipher suites, that no sound library offers any more, and what
//! the server says to it.
//!
//! The bytes are written by hand (RFC 5246 §7.4.1, RFC 8446 §4.1.2), and no more is read than the first record: whether a server
//! goes on is said by its type.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use url::{Host, Url};

/// A record with a part of the handshake.
const HANDSHAKE: u8 = 22;

/// A record with an alert.
const ALERT: u8 = 21;

/// The type of a `ServerHello`.
const SERVER_HELLO: u8 = 2;

/// The longest record, in bytes (RFC 5246 §6.2.3).
const RECORD_BYTES_MAX: usize = 18_432;

/// The suites of TLS 1.2 that RFC 9325 §4.2 recommends, and those with `ChaCha20`.
pub const SOUND_SUITES: &[u16] = &[0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8];

/// Suites that TLS 1.0 and 1.1 have and servers were likely to choose: AES-CBC with ECDHE, DHE and RSA, and 3DES.
pub const OLD_SUITES: &[u16] = &[
    0xc009, 0xc013, 0xc00a, 0xc014, 0x0033, 0x0039, 0x002f, 0x0035, 0xc012, 0x0016, 0x000a,
];

/// Suites that RFC 9325 §4.1 forbids: without encryption, with RC4, of export strength, and without authentication.
pub const FORBIDDEN_SUITES: &[u16] = &[
    0x0001, 0x0002, 0x003b, 0xc006, 0xc010, // NULL
    0x0004, 0x0005, 0xc007, 0xc011, // RC4
    0x0003, 0x0006, 0x0008, 0x000b, 0x000e, 0x0011, 0x0014, // EXPORT
    0x0018, 0x001b, 0x0034, 0x003a, 0xc015, 0xc016, 0xc017, 0xc018, 0xc019, // anon
];

/// A version of TLS, as it stands in records.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Version(pub u16);

impl Version {
    /// TLS 1.0.
    pub const TLS_1_0: Self = Self(0x0301);
    /// TLS 1.1.
    pub const TLS_1_1: Self = Self(0x0302);
    /// TLS 1.2.
    pub const TLS_1_2: Self = Self(0x0303);
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::TLS_1_0 => f.write_str("TLS 1.0"),
            Self::TLS_1_1 => f.write_str("TLS 1.1"),
            Self::TLS_1_2 => f.write_str("TLS 1.2"),
            Self(other) => write!(f, "version {other:#06x}"),
        }
    }
}

/// What a server says to a `ClientHello`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Said {
    /// It goes on, with this version and this suite.
    Hello(Version, u16),
    /// It breaks off with this alert.
    Alert(u8),
    /// It closes the connection.
    Nothing,
    /// It says something that is not TLS.
    Other,
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Hello(version, suite) => {
                write!(f, "a ServerHello: {version}, cipher suite {suite:#06x}")
            }
            Self::Alert(alert) => write!(f, "alert {alert}"),
            Self::Nothing => f.write_str("the end of the connection"),
            Self::Other => f.write_str("something that is not TLS"),
        }
    }
}

/// What a client offers.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    /// The highest version.
    pub version: Version,
    /// The cipher suites.
    pub suites: &'static [u16],
}

/// Offers this at the host and port of a URL, and hears what is said to it.
///
/// # Errors
/// Nobody is there, or says anything in time.
pub async fn say(url: &Url, offer: Offer, patience: Duration) -> io::Result<Said> {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = url.port_or_known_default().unwrap_or(443);
    let name = match url.host() {
        Some(Host::Domain(name)) => Some(name),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) | None => None,
    };
    let exchanged = async {
        let mut stream = TcpStream::connect((host, port)).await?;
        stream.write_all(&client_hello(offer, name)).await?;
        hear(&mut stream).await
    };
    timeout(patience, exchanged).await?
}

async fn hear(stream: &mut TcpStream) -> io::Result<Said> {
    let mut header = [0; 5];
    if let Err(error) = stream.read_exact(&mut header).await {
        let is_end = matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset
        );
        return if is_end {
            Ok(Said::Nothing)
        } else {
            Err(error)
        };
    }
    let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
    if !matches!(header[0], HANDSHAKE | ALERT) || length > RECORD_BYTES_MAX {
        return Ok(Said::Other);
    }
    let mut record = vec![0; length];
    match stream.read_exact(&mut record).await {
        Ok(_) => Ok(said(header[0], &record).unwrap_or(Said::Other)),
        Err(_) => Ok(Said::Nothing),
    }
}

/// What the first record of a server says.
fn said(content: u8, record: &[u8]) -> Option<Said> {
    if content == ALERT {
        return record.get(1).copied().map(Said::Alert);
    }
    // Type and length, version, random, session id, cipher suite.
    if *record.first()? != SERVER_HELLO {
        return None;
    }
    let number = |at: usize| {
        let bytes = record.get(at..at + 2)?;
        Some(u16::from_be_bytes(bytes.try_into().ok()?))
    };
    let session = usize::from(*record.get(38)?);
    Some(Said::Hello(Version(number(4)?), number(39 + session)?))
}

/// The `ClientHello`, in a record of its own.
fn client_hello(offer: Offer, name: Option<&str>) -> Vec<u8> {
    let mut hello = offer.version.0.to_be_bytes().to_vec();
    // Nothing is encrypted with what follows from it, so any number will do.
    hello.extend([0x5a; 32]);
    hello.push(0);
    let suites: Vec<u8> = offer.suites.iter().flat_map(|s| s.to_be_bytes()).collect();
    hello.extend(with_length(&suites));
    // No compression.
    hello.extend([1, 0]);
    hello.extend(with_length(&extensions(offer.version, name)));
    let mut message = vec![1, 0];
    message.extend(with_length(&hello));
    // TLS 1.0 in the record, since some servers refuse others there (RFC 8446 §5.1).
    let mut record = vec![HANDSHAKE, 3, 1];
    record.extend(with_length(&message));
    record
}

fn extensions(version: Version, name: Option<&str>) -> Vec<u8> {
    let mut extensions = Vec::new();
    let mut extension = |number: u16, body: &[u8]| {
        extensions.extend(number.to_be_bytes());
        extensions.extend(with_length(body));
    };
    if let Some(name) = name {
        let mut host = vec![0];
        host.extend(with_length(name.as_bytes()));
        extension(0, &with_length(&host));
    }
    // Groups (x25519, P-256, P-384), their points, and that the secrets are bound to the handshake.
    extension(10, &[0, 6, 0, 0x1d, 0, 0x17, 0, 0x18]);
    extension(11, &[1, 0]);
    extension(23, &[]);
    extension(0xff01, &[0]);
    if version == Version::TLS_1_2 {
        // ECDSA, RSA-PSS and RSA PKCS #1 with SHA-256 and SHA-384, RSA with SHA-1 for old servers.
        let algorithms = [
            0x0403_u16, 0x0503, 0x0804, 0x0805, 0x0401, 0x0501, 0x0807, 0x0201,
        ];
        let algorithms: Vec<u8> = algorithms.iter().flat_map(|a| a.to_be_bytes()).collect();
        extension(13, &with_length(&algorithms));
    }
    extensions
}

/// Bytes behind their number, of two bytes; what is written here is far shorter than that holds.
fn with_length(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    let mut all = length.to_be_bytes().to_vec();
    all.extend(bytes);
    all
}

#[cfg(test)]
mod tests;

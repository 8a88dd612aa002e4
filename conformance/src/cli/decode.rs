//! `ssf-conformance decode`.

use std::{
    fmt,
    fs::File,
    io::{self, Read, Write},
    path::Path,
    time::SystemTime,
};

use clap::Args;
use ssf_types::{
    audience::{Audience, AudienceError},
    jose::{JWKS_BYTES_MAX, JwksError, KeySet},
    set::{LEEWAY, SET_BYTES_MAX, Verifier, inspect::Inspector},
    time::Timestamp,
    uri::{Issuer, UriError},
};
use url::Url;

use super::{Connection, Preflight};
use crate::{
    decode::Decoding,
    printable::{printable, printable_json},
    report::Conclusion,
    wire::Wire,
};

/// Takes one SET apart and tells what each check of the SET profile says of it.
#[derive(Args, Debug)]
pub(super) struct Decode {
    /// The SET in compact form, or - for standard input, which keeps it out of the shell's history.
    token: Token,
    /// Where the issuer's keys are: an https URL (http on loopback), or a file.
    #[arg(long, value_name = "URL|FILE")]
    jwks: Option<String>,
    /// The issuer that iss has to be, byte for byte.
    #[arg(long, value_name = "ISS", value_parser = issuer)]
    issuer: Option<Issuer>,
    /// A name of the receiver, one of which aud has to hold; may be repeated.
    #[arg(long, value_name = "AUD")]
    audience: Vec<String>,
    /// The moment at which the SET is judged, in seconds since 1970; now, if absent.
    #[arg(long, value_name = "UNIX_SECONDS")]
    at: Option<u64>,
    /// Prints the result as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// A token from the command line: whoever has it can replay it, so that it is never shown.
#[derive(Clone)]
struct Token(String);

impl From<String> for Token {
    fn from(token: String) -> Self {
        Self(token)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A token cannot be judged.
#[derive(Debug, thiserror::Error)]
pub(super) enum DecodeError {
    #[error("the token cannot be read from standard input")]
    Token(#[source] io::Error),
    #[error("--audience cannot be used")]
    Audience(#[source] AudienceError),
    #[error("the file of --jwks cannot be read")]
    JwksFile(#[source] io::Error),
    #[error("the URL of --jwks must begin with https:// (http:// is for loopback addresses only)")]
    JwksUrl,
    #[error("what --jwks names holds no keys")]
    Jwks(#[source] JwksError),
    #[error("the clock of this machine is before 1970: use --at")]
    Clock,
}

impl Decode {
    /// Judges the token and writes the result.
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<Conclusion, Preflight> {
        let token = self.token()?;
        let keys = self
            .jwks
            .as_deref()
            .map(|place| self.keys(place))
            .transpose()?;
        let audience = self.audience().map_err(Preflight::Decode)?;
        let mut inspector = Inspector::default();
        inspector.issuer = self.issuer.as_ref();
        inspector.audience = audience.as_ref();
        inspector.keys = keys.as_ref().map(|keys| keys as &dyn Verifier);
        inspector.latest = Some(self.now().map_err(Preflight::Decode)?.after(LEEWAY));
        let decoding = Decoding::new(inspector.inspect(&token));
        self.write(&decoding, keys.as_ref(), out)
            .and_then(|()| out.flush())
            .map_err(Preflight::Output)?;
        Ok(decoding.conclusion())
    }

    fn write(
        &self,
        decoding: &Decoding,
        keys: Option<&KeySet>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        if self.json {
            return writeln!(out, "{}", printable_json(&decoding.to_json()));
        }
        if let Some(keys) = keys {
            write_keys(keys, out)?;
        }
        decoding.write_text(out)
    }

    fn token(&self) -> Result<Vec<u8>, Preflight> {
        if self.token.0 != "-" {
            return Ok(self.token.0.clone().into_bytes());
        }
        // One byte more than a SET may have, so that a longer one is seen to be too long.
        let mut token = Vec::new();
        let mut input = io::stdin().lock().take(SET_BYTES_MAX as u64 + 1);
        input
            .read_to_end(&mut token)
            .map_err(DecodeError::Token)
            .map_err(Preflight::Decode)?;
        Ok(token)
    }

    fn audience(&self) -> Result<Option<Audience>, DecodeError> {
        if self.audience.is_empty() {
            return Ok(None);
        }
        Audience::new(&self.audience)
            .map(Some)
            .map_err(DecodeError::Audience)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is where a run without --at takes the time, once"
    )]
    fn now(&self) -> Result<Timestamp, DecodeError> {
        if let Some(seconds) = self.at {
            return Ok(Timestamp::from_secs(seconds));
        }
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        since
            .map(|since| Timestamp::from_secs(since.as_secs()))
            .map_err(|_| DecodeError::Clock)
    }

    fn keys(&self, place: &str) -> Result<KeySet, Preflight> {
        let jwks = match Url::parse(place) {
            Ok(url) if url.has_host() => self.fetch(url)?,
            _ => file(Path::new(place)).map_err(Preflight::Decode)?,
        };
        KeySet::parse(&jwks)
            .map_err(DecodeError::Jwks)
            .map_err(Preflight::Decode)
    }

    fn fetch(&self, url: Url) -> Result<Vec<u8>, Preflight> {
        let plain_on_loopback = url.scheme() == "http" && ssf_types::uri::is_loopback(&url);
        if url.scheme() != "https" && !plain_on_loopback {
            return Err(Preflight::Decode(DecodeError::JwksUrl));
        }
        let wire = Wire::to(&url, &self.connection.settings()?).map_err(Preflight::Wire)?;
        super::runtime()?
            .block_on(wire.document(url))
            .map_err(Preflight::Wire)
    }
}

fn issuer(text: &str) -> Result<Issuer, UriError> {
    Issuer::parse(text)
}

fn file(path: &Path) -> Result<Vec<u8>, DecodeError> {
    let mut jwks = Vec::new();
    let file = File::open(path).map_err(DecodeError::JwksFile)?;
    let mut file = file.take(JWKS_BYTES_MAX as u64 + 1);
    file.read_to_end(&mut jwks).map_err(DecodeError::JwksFile)?;
    Ok(jwks)
}

/// Tells which keys there are, and why some are not used.
fn write_keys(keys: &KeySet, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "keys: {} can be used", keys.len())?;
    for key in keys.passed_over() {
        let kid = key.kid.as_ref().map_or("without kid", |kid| kid.as_str());
        writeln!(
            out,
            "  number {} ({}) is passed over: {}",
            key.position + 1,
            printable(kid),
            key.reason
        )?;
    }
    writeln!(out)
}

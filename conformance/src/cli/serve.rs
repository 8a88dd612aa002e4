//! `serve`: peers to test against, hostile and legal.

mod receiver;
mod transmitter;

use std::{
    env, fs,
    io::{self, Write},
    path::PathBuf,
    time::Duration,
};

use clap::{Args, Subcommand};
use tokio::time::sleep;

use super::{Preflight, beginning};
use crate::{
    authority::{Authority, AuthorityError, AuthorityFileError},
    named_file::{FileError, read_capped},
    peer::chaos::{Chosen, Kind, Lines, NoSuchKind, Peers, ReceivingError, ServedError},
    report::Conclusion,
};

/// A peer.
#[derive(Debug, Subcommand)]
pub(super) enum Serve {
    /// Is a transmitter, for whoever builds a receiver: events happen at intervals, and when POST /hook/emit says so.
    ///
    /// Ends with Ctrl-C, or after --events. Exit codes: 0 every SET was acknowledged; 1 one was refused, or has no answer; 2 it
    /// could not be served.
    Transmitter(Box<transmitter::Transmitter>),
    /// Is a receiver, for whoever builds a transmitter: it makes a stream there, takes its SETs by push or poll, and deletes it.
    ///
    /// Ends with Ctrl-C, or after --sets. Exit codes: 0 all that came is sound, and what was put off came again; 1 something is
    /// not, or nothing came; 2 it has no stream.
    Receiver(Box<receiver::Receiver>),
    /// Tells what each kind of chaos is.
    List,
}

impl Serve {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<Conclusion, Preflight> {
        match self {
            Self::Transmitter(transmitter) => transmitter.run(out),
            Self::Receiver(receiver) => receiver.run(out),
            Self::List => {
                write_list(out).map_err(Preflight::Output)?;
                Ok(Conclusion::Conformant)
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub(super) enum ServeError {
    #[error(transparent)]
    Chaos(NoSuchKind),
    #[error("--token-env names the environment variable {0}, which is not set")]
    Token(String),
    #[error("--ca-certificates")]
    Certificates(#[source] FileError),
    #[error("--ca-out: {} cannot be written", .0.display())]
    AuthorityFile(PathBuf, #[source] io::Error),
    #[error("--ca-out: there is no authority")]
    Authority(#[source] AuthorityError),
    #[error("--ca-key")]
    AuthorityKey(#[source] AuthorityFileError),
    #[error(transparent)]
    Transmitter(ServedError),
    #[error(transparent)]
    Receiver(ReceivingError),
}

/// Which chaos there is.
#[derive(Args, Debug)]
struct ChaosArgs {
    /// Only this chaos, several separated by commas; all unless it is given; none is a name.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    chaos: Vec<String>,
    /// All but this.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    no_chaos: Vec<String>,
    /// Repeats the chance of an earlier run.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
}

impl ChaosArgs {
    fn chosen(&self, peers: Peers) -> Result<Chosen, ServeError> {
        // Short enough to be typed.
        let new = || beginning::number(beginning::now()) % 1_000_000;
        let seed = self.seed.unwrap_or_else(new);
        Chosen::named(peers, &self.chaos, &self.no_chaos, seed).map_err(ServeError::Chaos)
    }
}

/// Tells what there is, and what it does.
fn write_list(out: &mut dyn Write) -> io::Result<()> {
    for (title, peers) in [
        ("serve transmitter", Peers::Transmitter),
        ("serve receiver", Peers::Receiver),
    ] {
        writeln!(out, "{title}")?;
        for kind in peers.kinds() {
            writeln!(out, "  {:<26} {}", kind.name(), peers.about(kind))?;
        }
    }
    Ok(())
}

/// Tells how this run can be repeated.
fn write_again(chosen: &Chosen, out: &mut dyn Write) -> io::Result<()> {
    let names: Vec<_> = chosen.kinds.iter().copied().map(Kind::name).collect();
    let names = if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(",")
    };
    writeln!(out, "again  --seed {} --chaos {names}\n", chosen.seed)?;
    out.flush()
}

/// How the peer is served.
#[derive(Args, Debug)]
#[group(required = true, multiple = false, args = ["ca_out", "plain"])]
struct SecurityArgs {
    /// Serves it over https, with a certificate by an authority of its own, and writes what has to be trusted into this
    /// file, in PEM.
    #[arg(long, value_name = "FILE")]
    ca_out: Option<PathBuf>,
    /// Serves it over plain http.
    #[arg(long)]
    plain: bool,
}

/// The key of an authority.
#[derive(Args, Debug)]
struct KeyArgs {
    /// Keeps the authority of --ca-out from run to run: its private key is in this file, and made if there is none.
    #[arg(long, value_name = "FILE", requires = "ca_out")]
    ca_key: Option<PathBuf>,
}

/// The authority that vouches for the peer; what has to be trusted lies in its file then.
fn authority(security: &SecurityArgs, key: &KeyArgs) -> Result<Option<Authority>, ServeError> {
    let Some(certificate) = &security.ca_out else {
        return Ok(None);
    };
    if let Some(key) = &key.ca_key {
        let kept = Authority::kept_in(certificate, key);
        return kept.map(Some).map_err(ServeError::AuthorityKey);
    }
    let authority = Authority::new().map_err(ServeError::Authority)?;
    let unwritten = |error| ServeError::AuthorityFile(certificate.clone(), error);
    fs::write(certificate, authority.root()).map_err(unwritten)?;
    Ok(Some(authority))
}

fn certificates(path: Option<&PathBuf>) -> Result<Option<Vec<u8>>, ServeError> {
    let read = path.map(|path| read_capped(path)).transpose();
    let read = read.map_err(ServeError::Certificates)?;
    Ok(read.map(String::into_bytes))
}

fn token(variable: &str) -> Result<String, ServeError> {
    let found = env::var(variable).ok().filter(|token| !token.is_empty());
    found.ok_or_else(|| ServeError::Token(variable.to_owned()))
}

/// Prints lines until something else has ended, which is never waited for longer than a line takes.
async fn printed_until<T>(
    lines: &mut Lines,
    out: &mut dyn Write,
    end: impl Future<Output = T>,
) -> io::Result<T> {
    tokio::pin!(end);
    loop {
        tokio::select! {
            ended = &mut end => {
                while let Ok(line) = lines.try_recv() {
                    writeln!(out, "{line}")?;
                }
                out.flush()?;
                return Ok(ended);
            }
            Some(line) = lines.recv() => {
                writeln!(out, "{line}")?;
                out.flush()?;
            }
        }
    }
}

/// Does something at intervals until it was done so often, or somebody interrupts; without an interval, until then.
async fn at_intervals(every: Option<Duration>, times: Option<u64>, mut act: impl FnMut() -> bool) {
    let acting = async {
        let mut done = 0;
        while times.is_none_or(|times| done < times) {
            match every {
                Some(every) => sleep(every).await,
                None => std::future::pending().await,
            }
            done += u64::from(act());
        }
    };
    let mut interrupted = false;
    tokio::select! {
        () = acting => {}
        () = beginning::ctrl_c(&mut interrupted) => {}
    }
}

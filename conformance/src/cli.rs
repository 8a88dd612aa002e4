//! The command line.

mod beginning;
mod catalogue;
mod course;
mod decode;
mod dialect;
mod doctor;
mod push_endpoint;
mod receiver;
mod reports;
mod serve;
mod transmitter;

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::{Args, Parser, Subcommand};
use ssf_types::error::Chain;
use tokio::runtime::Runtime;

use crate::{
    checks,
    matrix::MatrixError,
    named_file::{FileError, read_capped},
    printable::printable_json,
    report::{Conclusion, Report},
    target::{Target, TargetError},
    wire::{Settings, Wire, WireError},
};

/// Exit code of a run that could not begin.
const PREFLIGHT: u8 = 2;

/// Checks a Shared Signals Framework 1.0 transmitter from outside.
///
/// Exit codes: 0 no MUST that was judged is broken; 1 a MUST is broken, or nothing could be judged; 2 the run could not
/// begin, with what to fix.
#[derive(Debug, Parser)]
#[command(name = "ssf-conformance", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Judges a transmitter by all cases that fit.
    Transmitter(Box<transmitter::Transmitter>),
    /// Judges the push endpoint of a receiver by SETs that are sent to it, sound ones and spoilt ones.
    ///
    /// Exit codes: 0 no MUST that was judged is broken; 1 one is; 2 the endpoint is not reached, or takes no sound SET.
    PushEndpoint(Box<push_endpoint::PushEndpoint>),
    /// Judges a receiver that makes its stream at the tester: what it asks for, how it polls, what it makes of SETs.
    ///
    /// Exit codes: 0 no MUST that was judged is broken; 1 one is; 2 the receiver makes no stream, or takes no sound SET.
    Receiver(Box<receiver::Receiver>),
    /// Looks at all that a run needs, and judges nothing: of a transmitter the address, TLS, the clock, metadata and keys, tokens, where
    /// pushes are taken, adapters; of a receiver whether it will find the tester, the token, adapters, its push endpoint.
    ///
    /// Exit codes: 0 all that is configured is in order; 2 something is to be fixed.
    Doctor(doctor::Doctor),
    /// Is a peer to test against: it does all that it may, whatever others expect.
    #[command(subcommand)]
    Serve(serve::Serve),
    /// Lists the cases.
    List(catalogue::List),
    /// Explains one case: what it asks for, why, and what it needs.
    Explain(catalogue::Explain),
    /// Judges the reference transmitter and the reference receiver with each of their faults, and tells which cases find which.
    ///
    /// Exit codes: 0 each fault is found by just the cases that claim it; 1 one is not.
    Matrix,
    /// Judges the metadata and the keys that an issuer publishes.
    Metadata(Metadata),
    /// Takes one SET apart and tells what each check of the SET profile says of it.
    ///
    /// Exit codes: 0 no check failed (those that were not run are told); 1 a check failed; 2 the run could not begin.
    Decode(decode::Decode),
}

#[derive(Args, Debug)]
struct Metadata {
    /// The issuer, byte for byte as its metadata has it; http is for loopback addresses only.
    issuer: String,
    /// Prints the report as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// How to connect.
#[derive(Args, Debug)]
struct Connection {
    /// PEM file with certificate authorities to trust besides those of this machine.
    #[arg(long, value_name = "FILE")]
    ca_certificates: Option<PathBuf>,
    /// Longest wait for an answer, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
}

impl Connection {
    fn settings(&self) -> Result<Settings, Preflight> {
        Ok(Settings {
            timeout: Duration::from_secs(self.timeout),
            extra_authorities: match &self.ca_certificates {
                Some(path) => Some(
                    read_capped(path)
                        .map_err(Preflight::CertificateFile)?
                        .into_bytes(),
                ),
                None => None,
            },
        })
    }
}

#[derive(Debug, thiserror::Error)]
enum Preflight {
    #[error("the issuer cannot be tested")]
    Target(#[source] TargetError),
    #[error("--ca-certificates")]
    CertificateFile(#[source] FileError),
    #[error("the other side cannot be asked; check the address, the network and the certificate")]
    Wire(#[source] WireError),
    #[error("the asynchronous runtime does not start")]
    Runtime(#[source] io::Error),
    #[error("the report cannot be written")]
    Output(#[source] io::Error),
    #[error("{} cannot be written", .0.display())]
    Report(PathBuf, #[source] io::Error),
    #[error("the transmitter cannot be judged")]
    Transmitter(#[source] transmitter::TransmitterError),
    #[error("the push endpoint cannot be judged")]
    PushEndpoint(#[source] push_endpoint::PushEndpointError),
    #[error("the receiver cannot be judged")]
    Receiver(#[source] receiver::ReceiverError),
    #[error("{0} to fix")]
    ToFix(usize),
    #[error("the peer cannot be served")]
    Serve(#[source] serve::ServeError),
    #[error("there is no case {0}: see ssf-conformance list")]
    NoSuchCase(String),
    #[error("the matrix cannot be made")]
    Matrix(#[source] MatrixError),
    #[error("the token cannot be judged")]
    Decode(#[source] decode::DecodeError),
}

/// Runs the command; the report goes to `out`, and what prevents one to `err`.
pub fn run(cli: &Cli, out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    let result = match &cli.command {
        Command::Transmitter(transmitter) => transmitter.run(out),
        Command::PushEndpoint(endpoint) => endpoint.run(out),
        Command::Receiver(receiver) => receiver.run(out),
        Command::Doctor(doctor) => doctor.run(out),
        Command::Serve(serve) => serve.run(out),
        Command::List(list) => list.run(out),
        Command::Explain(explain) => explain.run(out),
        Command::Matrix => catalogue::matrix(out),
        Command::Metadata(metadata) => metadata.run(out),
        Command::Decode(decode) => decode.run(out),
    };
    match result {
        Ok(conclusion) => ExitCode::from(conclusion as u8),
        Err(error) => {
            // Where even this cannot be written, the exit code has to do.
            let _ = writeln!(err, "ssf-conformance: {}", Chain(&error));
            ExitCode::from(PREFLIGHT)
        }
    }
}

impl Metadata {
    fn run(&self, out: &mut dyn Write) -> Result<Conclusion, Preflight> {
        let report = self.judge()?;
        let written = if self.json {
            writeln!(out, "{}", printable_json(&report.to_json()))
        } else {
            report.write_text(out)
        };
        written
            .and_then(|()| out.flush())
            .map_err(Preflight::Output)?;
        Ok(report.conclusion())
    }

    fn judge(&self) -> Result<Report, Preflight> {
        let target = Target::parse(&self.issuer).map_err(Preflight::Target)?;
        let wire = Wire::new(&target, &self.connection.settings()?).map_err(Preflight::Wire)?;
        let recording = runtime()?
            .block_on(wire.metadata(target))
            .map_err(Preflight::Wire)?;
        Ok(Report::new(recording, checks::metadata()))
    }
}

fn runtime() -> Result<Runtime, Preflight> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Preflight::Runtime)
}

/// A runtime for requests beside one another.
fn runtime_of_several() -> Result<Runtime, Preflight> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Preflight::Runtime)
}

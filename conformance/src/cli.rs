//! The command line.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::{Args, Parser, Subcommand};
use ssf_types::error::Chain;

use crate::{
    checks,
    report::Report,
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
    /// Judges the metadata and the keys that an issuer publishes.
    Metadata(Metadata),
}

#[derive(Args, Debug)]
struct Metadata {
    /// The issuer, byte for byte as its metadata has it; http is for loopback addresses only.
    issuer: String,
    /// Prints the report as JSON.
    #[arg(long)]
    json: bool,
    /// PEM file with certificate authorities to trust besides those of this machine.
    #[arg(long, value_name = "FILE")]
    ca_certificates: Option<PathBuf>,
    /// Longest wait for an answer, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
}

#[derive(Debug, thiserror::Error)]
enum Preflight {
    #[error("the issuer cannot be tested")]
    Target(#[source] TargetError),
    #[error("the file of --ca-certificates cannot be read")]
    CertificateFile(#[source] io::Error),
    #[error("the transmitter cannot be tested; check the address, the network and the certificate")]
    Wire(#[source] WireError),
    #[error("the asynchronous runtime does not start")]
    Runtime(#[source] io::Error),
    #[error("the report cannot be written")]
    Output(#[source] io::Error),
}

/// Runs the command; the report goes to `out`, and what prevents one to `err`.
pub fn run(cli: &Cli, out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    let Command::Metadata(metadata) = &cli.command;
    let result = judge(metadata).and_then(|report| {
        let written = if metadata.json {
            writeln!(out, "{:#}", report.to_json())
        } else {
            report.write_text(out)
        };
        written
            .and_then(|()| out.flush())
            .map_err(Preflight::Output)?;
        Ok(report.conclusion())
    });
    match result {
        Ok(conclusion) => ExitCode::from(conclusion as u8),
        Err(error) => {
            // Where even this cannot be written, the exit code has to do.
            let _ = writeln!(err, "ssf-conformance: {}", Chain(&error));
            ExitCode::from(PREFLIGHT)
        }
    }
}

fn judge(metadata: &Metadata) -> Result<Report, Preflight> {
    let target = Target::parse(&metadata.issuer).map_err(Preflight::Target)?;
    let settings = Settings {
        timeout: Duration::from_secs(metadata.timeout),
        extra_authorities: metadata.ca_certificates.as_deref().map(read).transpose()?,
    };
    let wire = Wire::new(&target, &settings).map_err(Preflight::Wire)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Preflight::Runtime)?;
    let recording = runtime
        .block_on(wire.metadata(target))
        .map_err(Preflight::Wire)?;
    Ok(Report::new(recording, checks::metadata()))
}

fn read(path: &Path) -> Result<Vec<u8>, Preflight> {
    fs::read(path).map_err(Preflight::CertificateFile)
}

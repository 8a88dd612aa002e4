//! The command `ssf-conformance`.

use std::{
    io::{stderr, stdout},
    process::ExitCode,
};

use clap::Parser;
use ssf_conformance::cli::{self, Cli};

fn main() -> ExitCode {
    cli::run(&Cli::parse(), &mut stdout().lock(), &mut stderr().lock())
}

//! The program `ssf-transmitter`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ssf_transmitter::cli::run()
}

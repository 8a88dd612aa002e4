//! The program `ssf-receiver`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ssf_receiver::cli::run()
}

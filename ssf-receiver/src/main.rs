//! The program `ssf-receiver`.

use std::process::ExitCode;

/// What a decision or a SET costs beside its signature is small allocations, on several threads at once.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ssf_receiver::cli::run()
}

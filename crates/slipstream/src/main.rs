//! The `slipstream` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    slipstream::cli::main()
}

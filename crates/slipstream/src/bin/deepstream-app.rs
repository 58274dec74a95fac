//! `deepstream-app`: pipelines from NVIDIA DeepStream's config files.

use std::process::ExitCode;

fn main() -> ExitCode {
    slipstream::cli::app::deepstream_app()
}

//! `deepstream-app`: pipelines from NVIDIA DeepStream's config files.

mod build;
pub mod config;
mod keys;
mod kitti;
mod overlay;
mod perf;
mod pipeline;
pub mod plan;
mod record;
mod run;
pub mod samples;
mod source;
mod times;

pub use build::BuildError;
pub use run::{AppError, AppOptions, run};

/// Prints for whoever reads standard output, which nobody has to.
fn say(text: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Prints in DeepStream's manner that something went on.
fn inform(function: &str, text: &str) {
    say(&format!("** INFO: <{function}>: {text}\n"));
}

/// Prints a warning in DeepStream's manner.
fn warn(function: &str, text: &str) {
    eprintln!("** WARN: <{function}>: {}", crate::uri::redact(text));
}

/// Prints an error in DeepStream's manner.
fn complain(function: &str, text: &str) {
    eprintln!("** ERROR: <{function}>: {}", crate::uri::redact(text));
}

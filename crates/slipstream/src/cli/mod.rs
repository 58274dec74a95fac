//! The command line.

pub mod app;
pub mod bench;
pub mod check;
pub mod demo;
pub mod detect;
pub mod env;
pub mod inspect;
mod logging;
pub mod model;
pub mod run;
pub mod simulate;
pub mod snapshot;
pub mod track;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::uri::redact;

/// Exit code for wrong usage, as `clap` and most of Unix have it.
pub const USAGE: u8 = 2;

/// Many cameras in, one annotated stream out
#[derive(Debug, Parser)]
#[command(
    name = "slipstream",
    version,
    arg_required_else_help = true,
    propagate_version = true,
    infer_subcommands = true,
    max_term_width = 110,
    after_help = "\
Examples:
  slipstream rtsp://192.168.1.20/stream1 rtsp://me:secret@192.168.1.21/live
  slipstream check rtsp://192.168.1.20/stream1
  slipstream snapshot now.png

Most settings can also be given by environment variables. `slipstream COMMAND --help` names
them; flags win."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// What to report on standard error: error, warn, info, debug, trace, or a filter like slipstream::source=debug
    #[arg(
        long,
        global = true,
        value_name = "LEVEL",
        env = "SLIPSTREAM_LOG",
        default_value = "info",
        help_heading = "Messages"
    )]
    log: String,
}

/// One line for each command here, and one in [`Command::execute`].
#[derive(Debug, Subcommand)]
enum Command {
    /// Watch cameras: detect, draw, and serve all as one annotated stream
    Run(run::RunArgs),
    /// The same over simulated cameras: needs none
    Demo(demo::DemoArgs),
    /// Connect to each camera and say what it delivers, or what is wrong
    Check(check::CheckArgs),
    /// Find objects in pictures and videos: one JSON line per frame
    Detect(detect::DetectArgs),
    /// Follow detected objects from frame to frame: MOTChallenge text in and out
    Track(track::TrackArgs),
    /// Save one picture of the running output
    Snapshot(snapshot::SnapshotArgs),
    /// Serve simulated cameras over RTSP
    Simulate(simulate::SimulateArgs),
    /// Say what a model file is and what reads its outputs, and write a config for it
    Inspect(inspect::InspectArgs),
    /// List the detectors, and get more
    Model(model::ModelArgs),
    /// Run pipelines from config files of DeepStream's deepstream-app
    App(app::AppArgs),
    /// Print what a shell needs for programs made for DeepStream to find everything: eval "$(slipstream env)"
    Env(env::EnvArgs),
    /// Measure the job against decoding, inference and encoding alone
    Bench(bench::BenchArgs),
}

impl Command {
    fn execute(&self) -> ExitCode {
        match self {
            Self::Run(arguments) => run::run(arguments),
            Self::Demo(arguments) => demo::run(arguments),
            Self::Check(arguments) => check::run(arguments),
            Self::Detect(arguments) => detect::run(arguments),
            Self::Track(arguments) => track::run(arguments),
            Self::Snapshot(arguments) => snapshot::run(arguments),
            Self::Simulate(arguments) => simulate::run(arguments),
            Self::Inspect(arguments) => inspect::run(arguments),
            Self::Model(arguments) => model::run(arguments),
            Self::App(arguments) => app::run(arguments),
            Self::Env(arguments) => env::run(arguments),
            Self::Bench(arguments) => bench::run(arguments),
        }
    }
}

/// Runs the program with the arguments that it was given.
pub fn main() -> ExitCode {
    let arguments = with_command(std::env::args_os().collect());
    let parsed =
        command().try_get_matches_from(arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return explain(&error),
    };
    if let Err(error) = logging::start(&cli.log) {
        eprintln!("error: --log: {error}");
        return ExitCode::from(USAGE);
    }
    if let Err(error) = gst::init() {
        eprintln!("error: GStreamer does not start: {error}");
        return ExitCode::FAILURE;
    }
    logging::take_over_gstreamer();
    cli.command.execute()
}

/// Help goes to standard output; complaints go to standard error, without credentials.
fn explain(error: &clap::Error) -> ExitCode {
    let text = error.render();
    if error.use_stderr() {
        // Help that nobody asked for holds nothing secret, but an example of a password.
        let is_help = error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
        if is_help {
            eprint!("{text}");
        } else {
            eprint!("{}", redact(&text.to_string()));
        }
        ExitCode::from(USAGE)
    } else {
        // Whoever reads may have seen enough: `slipstream --help | head`.
        let _ = std::io::stdout().lock().write_all(text.to_string().as_bytes());
        ExitCode::SUCCESS
    }
}

/// The command line's grammar. Variables that are set to nothing are as good as none, and help names variables
/// without telling their values.
fn command() -> clap::Command {
    fn forget_empty(command: clap::Command) -> clap::Command {
        command
            .mut_args(|argument| {
                let is_empty =
                    argument.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
                // No variable has an empty name.
                if is_empty { argument.env("").hide_env(true) } else { argument.hide_env_values(true) }
            })
            .mut_subcommands(forget_empty)
    }
    forget_empty(Cli::command())
}

/// `slipstream URI…` is short for `slipstream run URI…`.
fn with_command(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let is_input = |text: &OsString| {
        let text = text.to_string_lossy();
        text.contains("://") || text.starts_with("/dev/video")
    };
    if arguments.get(1).is_some_and(is_input) {
        arguments.insert(1, "run".into());
    }
    arguments
}

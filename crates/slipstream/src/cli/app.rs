//! `slipstream app` and `deepstream-app`: pipelines from DeepStream's config files.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser};

use super::logging;
use crate::app::{self, AppOptions};

/// Exit code of DeepStream's app when something went wrong: −1.
const FAILED: u8 = 255;
/// The release of DeepStream whose app this one behaves like.
const LIKE: &str = "7.1.0";

/// What the app can be told.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  slipstream app -c source4_1080p_dec_infer-resnet_tracker_sgie_tiled_display_int8.txt
  slipstream app -c app.yml -i rtsp://192.168.1.20/stream1

While it runs: h lists the keys, q quits.")]
pub struct AppArgs {
    /// Config file of deepstream-app, INI or YAML; each makes a pipeline
    #[arg(short = 'c', long = "cfg-file", value_name = "FILE", required = true)]
    cfg_file: Vec<PathBuf>,

    /// Input in place of those in the file
    #[arg(short = 'i', long = "input-uri", value_name = "URI")]
    input_uri: Vec<String>,

    /// Draw texts on tiled pictures too
    #[arg(short = 't', long = "tiledtext")]
    tiledtext: bool,
}

impl AppArgs {
    fn options(&self) -> AppOptions {
        AppOptions {
            config_files: self.cfg_file.clone(),
            input_uris: self.input_uri.clone(),
            tiled_text: self.tiledtext,
        }
    }
}

/// Runs until all pipelines have ended, or until told to stop.
pub fn run(arguments: &AppArgs) -> ExitCode {
    start(&arguments.options())
}

fn start(options: &AppOptions) -> ExitCode {
    for register in [gstslipstream::plugin_register_static, gstnvslipstream::plugin_register_static] {
        if let Err(error) = register() {
            eprintln!("error: {error}");
            return ExitCode::from(FAILED);
        }
    }
    if app::run(options) { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
}

/// Runs pipelines from DeepStream's config files
#[derive(Debug, Parser)]
#[command(name = "deepstream-app", disable_version_flag = true, max_term_width = 110)]
struct DeepstreamApp {
    /// Config file, INI or YAML; each makes a pipeline
    #[arg(short = 'c', long = "cfg-file", value_name = "FILE")]
    cfg_file: Vec<PathBuf>,

    /// Input in place of those in the file (file://… or rtsp://…)
    #[arg(short = 'i', long = "input-uri", value_name = "URI")]
    input_uri: Vec<String>,

    /// Draw texts on tiled pictures too
    #[arg(short = 't', long = "tiledtext")]
    tiledtext: bool,

    /// Print the version
    #[arg(short = 'v', long = "version")]
    version: bool,

    /// Print the version, and those of what it is built on
    #[arg(long = "version-all")]
    version_all: bool,

    /// What to report on standard error
    #[arg(long, value_name = "LEVEL", env = "SLIPSTREAM_LOG", default_value = "info", hide = true)]
    log: String,
}

/// Runs the program `deepstream-app`.
pub fn deepstream_app() -> ExitCode {
    let (of_gstreamer, arguments): (Vec<_>, Vec<_>) =
        std::env::args_os().partition(|argument| argument.to_string_lossy().starts_with("--gst-"));
    let parsed = DeepstreamApp::command()
        .try_get_matches_from(arguments)
        .and_then(|matches| DeepstreamApp::from_arg_matches(&matches));
    let given = match parsed {
        Ok(given) => given,
        Err(error) => {
            let _ = super::explain(&error);
            return if error.use_stderr() { ExitCode::from(FAILED) } else { ExitCode::SUCCESS };
        }
    };
    if given.version || given.version_all {
        print_version(given.version_all);
        return ExitCode::SUCCESS;
    }
    if let Err(error) = logging::start(&given.log) {
        eprintln!("error: SLIPSTREAM_LOG: {error}");
        return ExitCode::from(FAILED);
    }
    if let Err(error) = gst::init() {
        eprintln!("error: GStreamer does not start: {error}");
        return ExitCode::from(FAILED);
    }
    logging::take_over_gstreamer();
    of_gstreamer.iter().for_each(tell_gstreamer);
    start(&AppOptions {
        config_files: given.cfg_file,
        input_uris: given.input_uri,
        tiled_text: given.tiledtext,
    })
}

/// The options of GStreamer itself that matter here.
fn tell_gstreamer(option: &OsString) {
    let option = option.to_string_lossy();
    if let Some((_, value)) = option.split_once('=').filter(|(name, _)| name.starts_with("--gst-debug")) {
        gst::log::set_threshold_from_string(value, false);
    }
}

fn print_version(all: bool) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    // Nobody has to read it.
    let _ = writeln!(out, "deepstream-app version {LIKE}");
    let _ = writeln!(out, "Slipstream {}", env!("CARGO_PKG_VERSION"));
    if all && gst::init().is_ok() {
        let _ = writeln!(out, "{}", gst::version_string());
    }
}

//! The program: config files in, pipelines until they end.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use slipstream_infer::config::ConfigError;

use super::build::BuildError;
use super::config::{AppConfig, SourceKind};
use super::keys::{Keyboard, Typed, Wish, help};
use super::perf::Printed;
use super::pipeline::{End, Running};
use super::plan::PlanError;
use super::{complain, samples, say, warn};
use crate::output::OutputError;

/// How often keys, signals and sources are looked at.
const LOOK: gst::ClockTime = gst::ClockTime::from_mseconds(40);
/// Exit code after a second signal, as of a program that was killed by the first.
const KILLED: i32 = 128 + SIGINT;

/// What the command line says.
#[derive(Debug, Clone, Default)]
pub struct AppOptions {
    /// Config files: a pipeline each.
    pub config_files: Vec<PathBuf>,
    /// URIs in place of those in the files: of one file's sources in turn, or of each file's first source.
    pub input_uris: Vec<String>,
    /// Whether texts are drawn on tiled pictures.
    pub tiled_text: bool,
}

/// Why a pipeline does not run.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The config file cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It asks for what there is not.
    #[error("{0}")]
    Plan(PlanError),
    /// The pipeline cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The pipeline cannot be served.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// Where files are to go.
    #[error("cannot make the folder {}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The pipeline was built and does not start; what is wrong was said already.
    #[error("the pipeline does not start")]
    Start,
}

/// Runs until all pipelines have ended, or until told to stop. Whether all went well.
pub fn run(options: &AppOptions) -> bool {
    let success = run_all(options);
    say(if success { "App run successful\n" } else { "App run failed\n" });
    success
}

fn run_all(options: &AppOptions) -> bool {
    let mut pipelines = Vec::new();
    if options.config_files.is_empty() {
        complain("main", "Specify config file with -c option");
        say("Quitting\n");
        return false;
    }
    let told_to_stop = listen_to_signals();
    let mut configs = Vec::new();
    for (index, path) in options.config_files.iter().enumerate() {
        match AppConfig::load(path) {
            Ok((mut config, notices)) => {
                notices.iter().for_each(|notice| warn("parse_config_file", &notice.to_string()));
                replace_uris(&mut config, index, options);
                samples::locate(&mut config, &told_to_stop)
                    .iter()
                    .for_each(|notice| warn("parse_config_file", notice));
                configs.push(Arc::new(config));
            }
            Err(error) => {
                complain("parse_config_file", &error.to_string());
                complain("main", &format!("Failed to parse config file '{}'", path.display()));
                say("Quitting\n");
                return false;
            }
        }
    }
    for (index, config) in configs.into_iter().enumerate() {
        match Running::new(index, config, options.tiled_text) {
            Ok(running) => pipelines.push(running),
            Err(error) => {
                complain("create_pipeline", &error.to_string());
                complain("main", "Failed to create pipeline");
                say("Quitting\n");
                return false;
            }
        }
    }
    let mut success = pipelines.iter_mut().all(|running| running.start().is_ok());
    if success {
        say(&help(pipelines.iter().any(|running| running.grid().is_some())));
        let keyboard = Keyboard::start();
        success = watch(&mut pipelines, &keyboard, &told_to_stop, options);
    }
    say("Quitting\n");
    pipelines.into_iter().for_each(Running::finish);
    success
}

fn listen_to_signals() -> Arc<AtomicBool> {
    let told_to_stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // The second one does not wait for anybody.
        let registered = flag::register_conditional_shutdown(signal, KILLED, told_to_stop.clone())
            .and_then(|_| flag::register(signal, told_to_stop.clone()));
        if let Err(error) = registered {
            tracing::warn!("signals are not handled: {error}");
        }
    }
    told_to_stop
}

/// URIs of the command line go before those of the file.
fn replace_uris(config: &mut AppConfig, index: usize, options: &AppOptions) {
    let given: Vec<_> = if options.config_files.len() == 1 {
        options.input_uris.iter().collect()
    } else {
        options.input_uris.get(index).into_iter().collect()
    };
    for (source, uri) in config.sources.iter_mut().zip(given) {
        source.uri = Some(uri.clone());
        source.kind = match source.kind {
            SourceKind::MultiUri => SourceKind::MultiUri,
            _ if uri.starts_with("rtsp") => SourceKind::Rtsp,
            _ => SourceKind::Uri,
        };
        // Of the command line, a path is relative to where that is typed.
        source.folder = PathBuf::new();
    }
}

/// Looks after all pipelines until they end, or until told to stop. Whether all went well.
fn watch(
    pipelines: &mut Vec<Running>,
    keyboard: &Keyboard,
    told_to_stop: &AtomicBool,
    options: &AppOptions,
) -> bool {
    let several = pipelines.len() > 1;
    let printed = Printed::default();
    let mut typed = Typed::default();
    let mut success = true;
    while !pipelines.iter().all(|running| running.end().is_some()) {
        if told_to_stop.load(Ordering::Relaxed) {
            complain("_intr_handler", "User Interrupted.. \n");
            break;
        }
        // The first one's messages are waited for, and all are looked at.
        for (index, running) in pipelines.iter_mut().filter(|running| running.end().is_none()).enumerate() {
            running.wait((index == 0).then_some(LOOK));
        }
        let now = Instant::now();
        for running in pipelines.iter_mut().filter(|running| running.end().is_none()) {
            running.tend(now, several, &printed);
        }
        if let Some(index) = pipelines.iter().position(|running| running.wants_recreation(now)) {
            success &= recreate(pipelines, index, options);
            if !success {
                break;
            }
        }
        if !keyboard.key().is_none_or(|key| obey(key, &mut typed, pipelines)) {
            break;
        }
    }
    success && pipelines.iter().all(|running| running.end() != Some(End::Failed))
}

/// Builds a pipeline anew; whether it runs.
fn recreate(pipelines: &mut Vec<Running>, index: usize, options: &AppOptions) -> bool {
    if index >= pipelines.len() {
        return true;
    }
    say("Destroy pipeline\n");
    let old = pipelines.remove(index);
    let config = old.config().clone();
    old.finish();
    say("Recreate pipeline\n");
    let running = Running::new(index, config, options.tiled_text).and_then(|mut running| {
        running.start()?;
        Ok(running)
    });
    match running {
        Ok(running) => pipelines.insert(index, running),
        Err(error) => {
            complain("create_pipeline", &error.to_string());
            complain("recreate_pipeline_thread_func", "Failed to create pipeline");
            return false;
        }
    }
    true
}

/// Does what a key asks for; whether to go on.
fn obey(key: char, typed: &mut Typed, pipelines: &mut [Running]) -> bool {
    let grids: Vec<_> = pipelines.iter().map(Running::grid).collect();
    let Some((wish, text)) = typed.take(key, &grids) else { return true };
    say(&format!("\n{text}"));
    match wish {
        Wish::Help => say(&help(grids.iter().any(Option::is_some))),
        Wish::Quit => return false,
        Wish::Pause => pipelines.iter_mut().for_each(Running::pause),
        Wish::Resume => pipelines.iter_mut().for_each(Running::resume),
        Wish::Show(index, source) => {
            if let Some(running) = pipelines.get(index) {
                running.show(Some(source));
            }
        }
        Wish::ShowAll(index) => {
            if let Some(running) = pipelines.get(index) {
                running.show(None);
            }
        }
        Wish::Say => {}
    }
    true
}

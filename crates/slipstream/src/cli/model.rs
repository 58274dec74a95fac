//! `slipstream model`: which detectors there are, and getting more.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use serde::Serialize;
use slipstream_infer::InferConfig;
use slipstream_infer::config::{Dims, Model};

use crate::models::catalogue::{self, CATALOGUE, Release};
use crate::models::download::Progress;
use crate::models::folders::{LocalModel, ModelFolders};
use crate::models::pull::{Outcome, PullOptions, pull};
use crate::models::{DEFAULT_MODEL, find_config};
use crate::uri::redact;

/// Classes that the table names before it leaves the rest out.
const NAMED_CLASSES: usize = 4;
/// How often the progress bar moves though nothing comes.
const TICK: Duration = Duration::from_millis(200);

/// What `slipstream model` can be told.
#[derive(Debug, Clone, clap::Args)]
pub struct ModelArgs {
    #[command(subcommand)]
    command: ModelCommand,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum ModelCommand {
    /// List the detectors on this machine and those that can be pulled
    List(ListArgs),
    /// Download a detector from its authors' release, and write its configuration
    Pull(PullArgs),
}

#[derive(Debug, Clone, clap::Args)]
struct ListArgs {
    /// As one JSON array
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Example:
  slipstream model pull yolox-s && slipstream run --model yolox-s rtsp://192.168.1.20/stream1

The file counts only if its SHA-256 is the one that the program knows. A download that
was cut goes on with the same command. Models go to $XDG_DATA_HOME/slipstream/models, or
~/.local/share/slipstream/models; with `sudo`, to the models of an installed program, for all.")]
struct PullArgs {
    /// Which one; `slipstream model list` names them
    name: String,

    /// Another server with the release's files
    #[arg(long, value_name = "URL", hide = true)]
    base_url: Option<String>,
}

/// Does what the arguments say.
pub fn run(arguments: &ModelArgs) -> ExitCode {
    let done = match &arguments.command {
        ModelCommand::List(list) => show(list.json),
        ModelCommand::Pull(arguments) => fetch(arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", redact(&error.to_string()));
            ExitCode::FAILURE
        }
    }
}

/// Where a model comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    /// It came with the program.
    InTheBox,
    /// It was pulled.
    Pulled,
    /// Its user put it there.
    Own,
    /// It can be pulled.
    ToPull,
}

/// One row of the table.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    state: State,
    default: bool,
    /// Of the model's file, in bytes.
    size: Option<u64>,
    licence: Option<String>,
    classes: Vec<String>,
    class_count: usize,
    width: Option<u32>,
    height: Option<u32>,
    /// The config file, if it is on this machine.
    config: Option<PathBuf>,
    /// Where it can be pulled from.
    url: Option<String>,
    /// Why it cannot be used.
    error: Option<String>,
}

impl Row {
    fn of_local(model: &LocalModel) -> Self {
        let release = catalogue::find(&model.name);
        let state = match release {
            Some(_) => State::Pulled,
            None if model.is_of_program => State::InTheBox,
            None => State::Own,
        };
        let licence = match state {
            State::InTheBox => Some(env!("CARGO_PKG_LICENSE")),
            _ => release.map(|release| release.licence),
        };
        let mut row = Self {
            name: model.name.clone(),
            state,
            default: model.name == DEFAULT_MODEL,
            size: None,
            licence: licence.map(ToOwned::to_owned),
            classes: Vec::new(),
            class_count: 0,
            width: None,
            height: None,
            config: Some(model.config.clone()),
            url: release.map(Release::url),
            error: None,
        };
        row.error = row.look_inside(&model.config).err().map(|error| redact(&error.to_string()));
        row
    }

    fn look_inside(&mut self, config: &Path) -> Result<(), Box<dyn std::error::Error>> {
        let (config, _) = InferConfig::load(config)?;
        self.class_count = config.num_detected_classes as usize;
        let size = config.infer_dims.map(Dims::size);
        (self.width, self.height) = (size.map(|size| size.width), size.map(|size| size.height));
        if let Some(Model::Onnx(path)) = &config.model {
            let file =
                std::fs::metadata(path).map_err(|error| config.file_error("onnx-file", path, error))?;
            self.size = Some(file.len());
        }
        let labels = config.read_labels()?;
        let count = u32::try_from(labels.len()).unwrap_or(u32::MAX);
        self.classes =
            (0..count).map(|class| labels.class(class).map_or("", |name| name).to_owned()).collect();
        self.class_count = self.class_count.max(self.classes.len());
        Ok(())
    }

    fn of_release(release: &Release) -> Self {
        Self {
            name: release.name.to_owned(),
            state: State::ToPull,
            default: false,
            size: release.size,
            licence: Some(release.licence.to_owned()),
            classes: release.labels.iter().copied().map(ToOwned::to_owned).collect(),
            class_count: release.labels.len(),
            width: Some(release.network.input.width),
            height: Some(release.network.input.height),
            config: None,
            url: Some(release.url()),
            error: None,
        }
    }

    fn cells(&self) -> [String; 7] {
        let state = match self.state {
            State::InTheBox if self.default => "default",
            State::InTheBox => "in the box",
            State::Pulled => "pulled",
            State::Own => "yours",
            State::ToPull => "to pull",
        };
        let input = self.width.zip(self.height).map(|(width, height)| format!("{width}×{height}"));
        let megabytes = self.size.map(|size| format!("{:.1} MB", size as f64 / 1e6));
        let named: Vec<_> = self.classes.iter().take(NAMED_CLASSES).map(String::as_str).collect();
        let rest = if self.class_count > named.len() { ", …" } else { "" };
        let classes = match (self.class_count, named.is_empty()) {
            (0, _) => "?".to_owned(),
            (count, true) => count.to_string(),
            (count, false) => format!("{count}: {}{rest}", named.join(", ")),
        };
        let place = self.config.as_ref().map(|path| path.display().to_string()).or_else(|| self.url.clone());
        let unknown = || "?".to_owned();
        [
            self.name.clone(),
            state.to_owned(),
            input.unwrap_or_else(unknown),
            classes,
            megabytes.unwrap_or_else(unknown),
            self.licence.clone().unwrap_or_else(unknown),
            place.unwrap_or_default(),
        ]
    }
}

const HEADINGS: [&str; 7] = ["NAME", "STATE", "INPUT", "CLASSES", "SIZE", "LICENCE", "WHERE"];

fn show(as_json: bool) -> Result<(), Box<dyn std::error::Error>> {
    let local = ModelFolders::of_this_program().models();
    let others = CATALOGUE.iter().filter(|release| local.iter().all(|model| model.name != release.name));
    let rows: Vec<_> = local.iter().map(Row::of_local).chain(others.map(Row::of_release)).collect();
    if as_json {
        println!("{}", serde_json::to_string_pretty(&rows)?);
        return Ok(());
    }
    let table: Vec<_> =
        std::iter::once(HEADINGS.map(ToOwned::to_owned)).chain(rows.iter().map(Row::cells)).collect();
    let width = |column: usize| {
        let cells = table.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<_> = (0..HEADINGS.len()).map(width).collect();
    for row in &table {
        let line: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        println!("{}", line.join("  ").trim_end());
    }
    for row in &rows {
        if let Some(error) = &row.error {
            println!("\n{} cannot be used: {error}", row.name);
        }
    }
    println!("\nTo use one: slipstream run --model NAME …    To get one: slipstream model pull NAME");
    Ok(())
}

/// Why nothing is pulled.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("no model {name:?} can be pulled; known are {}",
        CATALOGUE.iter().map(|release| release.name).collect::<Vec<_>>().join(", "))]
    Unknown { name: String },
    #[error("there is no folder for models: set HOME or XDG_DATA_HOME to an absolute path")]
    NoFolder,
}

fn fetch(arguments: &PullArgs) -> Result<(), Box<dyn std::error::Error>> {
    let unknown = || FetchError::Unknown { name: arguments.name.clone() };
    let release = catalogue::find(&arguments.name).ok_or_else(unknown)?;
    let folders = ModelFolders::of_this_program();
    let folder = folders.for_pulling().ok_or(FetchError::NoFolder)?;
    let options = PullOptions { base_url: arguments.base_url.clone(), ..PullOptions::default() };

    let (bar, style) = match release.size {
        Some(size) => {
            let style = "{msg}  {bar:30} {decimal_bytes}/{decimal_total_bytes}  {decimal_bytes_per_sec} (left: {eta})";
            (ProgressBar::new(size), style)
        }
        None => (ProgressBar::no_length(), "{msg}  {spinner} {decimal_bytes}  {decimal_bytes_per_sec}"),
    };
    let bar = bar.with_message(release.name);
    bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(TICK);
    let mut watch = |progress| match progress {
        Progress::At(bytes) => bar.set_position(bytes),
        Progress::Retry { reason, wait } => bar.suspend(|| {
            eprintln!("{}; next attempt in {}", redact(&reason), HumanDuration(wait));
        }),
    };
    let pulled = pull(release, folder, &options, &mut watch);
    bar.finish_and_clear();
    let pulled = pulled?;

    let what = match pulled.outcome {
        Outcome::Already => "is there already, and its SHA-256 is right",
        Outcome::Repaired => "was damaged, and was pulled again",
        Outcome::Pulled => "was pulled, and its SHA-256 is right",
    };
    println!("{} {what}: {}", release.name, pulled.config.display());
    println!("Licence: {} ({})", release.licence, release.project);
    // What the name stands for may be another model of that name, with the program.
    let by_name = find_config(&folders, Some(Path::new(release.name)));
    let model = if by_name.is_ok_and(|config| config == pulled.config) {
        release.name.to_owned()
    } else {
        pulled.config.display().to_string()
    };
    println!("To use it: slipstream run --model {model} rtsp://…");
    Ok(())
}

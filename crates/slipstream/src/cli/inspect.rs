//! `slipstream inspect`: what a model is, and a config to begin with.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use slipstream_infer::InferConfig;
use slipstream_infer::config::Model;
use slipstream_meta::Size;

use crate::inspect::{Inspection, inspect};
use crate::models::find_config;
use crate::models::folders::ModelFolders;

/// What `slipstream inspect` can be told.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Example:
  slipstream inspect mine.onnx --config-out mine.ini
  slipstream detect --model mine.ini --draw out street.jpg

The exit code is 0 if the model's outputs can be read, and 1 if they cannot.")]
pub struct InspectArgs {
    /// The model: an ONNX file, or a configuration, or a name of `slipstream model list`
    #[arg(value_name = "MODEL")]
    model: PathBuf,

    /// Write a configuration in DeepStream's nvinfer format here, and the names of the classes beside it
    #[arg(long, value_name = "FILE")]
    config_out: Option<PathBuf>,

    /// Write over files that are there
    #[arg(long, requires = "config_out")]
    force: bool,

    /// What reads the outputs (parse-bbox-func-name) [default: as names and shapes tell]
    #[arg(long, value_name = "NAME")]
    parser: Option<String>,

    /// Size of the network's input where the model leaves it free
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = parse_size)]
    size: Option<Size>,
}

/// Greatest side that is believed.
const MAX_SIDE: u32 = 16384;

pub(super) fn parse_size(text: &str) -> Result<Size, String> {
    let sides = text.split_once(['x', '×']);
    let side = |text: &str| text.parse().ok().filter(|side| (1..=MAX_SIDE).contains(side));
    let size = sides.and_then(|(width, height)| Some(Size::new(side(width)?, side(height)?)));
    size.ok_or_else(|| format!("expected WIDTHxHEIGHT, each from 1 to {MAX_SIDE}"))
}

/// Why nothing is written.
#[derive(Debug, thiserror::Error)]
enum WriteError {
    #[error("{} is there already; --force writes over it", .0.display())]
    Exists(PathBuf),
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("no config is written, because nothing reads the model's outputs; --parser names what should")]
    NoParser,
}

/// Looks at the model and says what it is.
pub fn run(arguments: &InspectArgs) -> ExitCode {
    match look(arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the outputs can be read.
fn look(arguments: &InspectArgs) -> Result<bool, Box<dyn std::error::Error>> {
    let mut config = config_of(&arguments.model)?;
    config.parse_bbox_func_name = arguments.parser.clone().or(config.parse_bbox_func_name);
    let found = inspect(config, arguments.size)?;
    // Whoever reads may have seen enough.
    let _ = write!(std::io::stdout().lock(), "{found}");
    if let Some(file) = &arguments.config_out {
        write_config(&found, file, arguments.force)?;
        let name = file.display();
        let _ = writeln!(
            std::io::stdout().lock(),
            "\nThe config is {name}. To see whether it fits: slipstream detect --model {name} --draw out PICTURE"
        );
    }
    Ok(found.reader.is_ok())
}

/// The config of a model, or one that has nothing but an ONNX file.
fn config_of(model: &Path) -> Result<InferConfig, Box<dyn std::error::Error>> {
    if model.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("onnx")) {
        let mut config = InferConfig::default();
        config.path = model.to_owned();
        config.model = Some(Model::Onnx(model.to_owned()));
        return Ok(config);
    }
    let path = find_config(&ModelFolders::of_this_program(), Some(model))?;
    Ok(InferConfig::load(path)?.0)
}

/// Writes the config and, if there are any, the names of the classes.
fn write_config(found: &Inspection, file: &Path, force: bool) -> Result<(), WriteError> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let labels = file.with_extension("labels.txt");
    let name = labels.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let text = found.config_text(folder, &name).ok_or(WriteError::NoParser)?;
    let mut files = vec![(file.to_owned(), text)];
    if !found.labels.is_empty() {
        // The config comes last, so that what looks whole is.
        files.insert(0, (labels, found.labels_text()));
    }
    if let Some((path, _)) = files.iter().find(|(path, _)| !force && path.exists()) {
        return Err(WriteError::Exists(path.clone()));
    }
    for (path, text) in files {
        std::fs::write(&path, text).map_err(|source| WriteError::Write { path, source })?;
    }
    Ok(())
}

//! Finding the files of DeepStream's sample models on machines without DeepStream.

use std::env;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use crate::config::{InferConfig, Model, Notice};
use crate::engine::own_file;

/// Folders of models, before every other place; several are separated as in PATH.
const FOLDERS_VARIABLE: &str = "SLIPSTREAM_MODELS";
/// Where DeepStream keeps its models, below `/opt/nvidia/deepstream/deepstream-VERSION`.
const SAMPLES: [&str; 2] = ["samples", "models"];
/// Folders of the sample detector of four classes of the street begin with this.
const PRIMARY_DETECTOR: &str = "Primary_Detector";
/// Folders of the samples' second stages begin with this.
const SECONDARY: &str = "Secondary_";
/// The detector in the box, in the order in which it is looked for. It tells the same four classes apart.
const IN_THE_BOX: [&str; 2] = ["street-int8.ini", "street.ini"];
/// Where sample configs lie below DeepStream's folder.
const SAMPLE_CONFIGS: [&str; 2] = ["samples", "configs"];
/// Names of the config files of the samples' second stages begin with this.
const SECONDARY_CONFIG: &str = "config_infer_secondary_";
/// Our own configs under DeepStream's names, beside the folder of the models: installed, and in the source tree.
const OWN_CONFIGS: [&str; 2] = ["deepstream", "examples/deepstream"];
/// Below a folder for data (XDG Base Directory Specification 0.8).
const BELOW_DATA: &str = "slipstream/models";
/// The user's folder for data, below the home folder, where `XDG_DATA_HOME` names none.
const DEFAULT_DATA: &str = ".local/share";
/// The system's folders for data, where `XDG_DATA_DIRS` names none.
const DEFAULT_DATA_DIRS: &str = "/usr/local/share:/usr/share";
/// Below the prefix that a program is installed in (its `bin` is beside `share`).
const INSTALLED: &str = "share/slipstream/models";
/// A plugin lies at most so deep below that prefix: `lib/x86_64-linux-gnu/gstreamer-1.0`.
const PLUGIN_DEPTH: usize = 3;

/// The folders in which models are looked for, in order: those of the variable `SLIPSTREAM_MODELS`, the user's own, those
/// installed with the program or for the system, and the source tree's.
pub fn folders() -> Vec<PathBuf> {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    let mut folders: Vec<PathBuf> = variable(FOLDERS_VARIABLE)
        .iter()
        .flat_map(env::split_paths)
        .filter(|path| path.is_absolute())
        .collect();
    // The specification has relative paths ignored.
    let absolute = |path: PathBuf| Some(path).filter(|path| path.is_absolute());
    let own = variable("XDG_DATA_HOME").map(PathBuf::from).and_then(absolute);
    let own = own.or_else(|| Some(absolute(variable("HOME")?.into())?.join(DEFAULT_DATA)));
    folders.extend(own.map(|data| data.join(BELOW_DATA)));
    let program = env::current_exe().and_then(|path| path.canonicalize()).unwrap_or_default();
    folders.extend(program.parent().and_then(Path::parent).map(|prefix| prefix.join(INSTALLED)));
    // Of a plugin: the program is another's.
    let own = own_file().filter(|own| *own != program).unwrap_or_default();
    folders.extend(own.ancestors().skip(2).take(PLUGIN_DEPTH).map(|prefix| prefix.join(INSTALLED)));
    let system = variable("XDG_DATA_DIRS").unwrap_or_else(|| DEFAULT_DATA_DIRS.into());
    folders.extend(
        env::split_paths(&system).filter(|path| path.is_absolute()).map(|data| data.join(BELOW_DATA)),
    );
    // The tree that the program lies in, or that it was built in.
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    let trees = program.ancestors().skip(1).chain(own.ancestors().skip(1)).chain(built_in);
    folders.extend(
        trees.filter(|tree| tree.join("crates/slipstream-infer").is_dir()).map(|tree| tree.join("models")),
    );
    let mut seen = std::collections::HashSet::new();
    folders.retain(|folder| folder.is_dir() && seen.insert(folder.clone()));
    folders
}

/// Points `config` to files that are there: what lies below DeepStream's `samples/models` and is not there is looked for in
/// `folders` under the same name, and for its sample detector, the detector in the box stands in. Returns what the
/// author of the config should know.
pub fn locate(config: &mut InferConfig, folders: &[PathBuf]) -> Vec<Notice> {
    let mut notices = Vec::new();
    let mut found = |config: &InferConfig, key: &str, path: &mut PathBuf| {
        if let Some(there) = find(path, folders) {
            let message = format!("{key}={} is not there, {} is taken", path.display(), there.display());
            notices.push(Notice { location: config.location(key), message });
            *path = there;
        }
    };
    let mut model = config.model.take();
    match &mut model {
        Some(Model::Onnx(path)) => found(config, "onnx-file", path),
        Some(Model::Caffe { proto, weights }) => {
            for (key, path) in [("proto-file", proto), ("model-file", weights)] {
                if let Some(path) = path {
                    found(config, key, path);
                }
            }
        }
        Some(Model::Other { key, path }) => found(config, &key.clone(), path),
        None => {}
    }
    config.model = model;
    let mut labels = config.labelfile_path.take();
    let mut table = config.int8_calib_file.take();
    let mut mean = config.mean_file.take();
    for (key, path) in
        [("labelfile-path", &mut labels), ("int8-calib-file", &mut table), ("mean-file", &mut mean)]
    {
        if let Some(path) = path {
            found(config, key, path);
        }
    }
    (config.labelfile_path, config.int8_calib_file, config.mean_file) = (labels, table, mean);
    notices.extend(stand_in(config, folders));
    notices
}

/// The file of one of DeepStream's sample models that `config` names and that is not there, nor anything in its place.
pub fn missing_sample(config: &InferConfig) -> Option<&Path> {
    let files = match config.model.as_ref()? {
        Model::Onnx(path) | Model::Other { path, .. } => [Some(path), None],
        Model::Caffe { proto, weights } => [weights.as_ref(), proto.as_ref()],
    };
    let missing = |path: &&PathBuf| sample(path).is_some() && !path.exists();
    files.into_iter().flatten().find(missing).map(PathBuf::as_path)
}

/// The detector in the box in place of a sample detector that is not there.
fn stand_in(config: &mut InferConfig, folders: &[PathBuf]) -> Option<Notice> {
    let (key, path) = match config.model.as_ref()? {
        Model::Onnx(path) => ("onnx-file".to_owned(), path.clone()),
        Model::Caffe { weights: Some(path), proto }
            if !path.exists() || proto.as_ref().is_some_and(|p| !p.exists()) =>
        {
            ("model-file".to_owned(), path.clone())
        }
        Model::Caffe { weights: None, proto: Some(path) } => ("proto-file".to_owned(), path.clone()),
        Model::Caffe { .. } => return None,
        Model::Other { key, path } => (key.clone(), path.clone()),
    };
    let is_engine = matches!(config.model, Some(Model::Other { .. }));
    let is_sample = sample(&path).is_some_and(|inner| {
        let folder = inner.components().next().map(|part| part.as_os_str().to_string_lossy().into_owned());
        folder.is_some_and(|folder| folder.starts_with(PRIMARY_DETECTOR))
    });
    if !is_sample || (key == "onnx-file" || is_engine) && path.exists() {
        return None;
    }
    let location = config.location(&key);
    let in_box = folders
        .iter()
        .flat_map(|folder| IN_THE_BOX.map(|name| folder.join(name)))
        .find(|path| path.is_file())?;
    let other = match InferConfig::read(&in_box) {
        Ok((other, _)) => other,
        Err(error) => {
            tracing::warn!(%error, "the detector in the box cannot be read");
            return None;
        }
    };
    let keep_labels = config.labelfile_path.as_ref().is_some_and(|labels| labels.is_file());
    config.stand_in(other, keep_labels);
    let message = format!(
        "{key}={} is not there: the detector in the box, {}, stands in for it; it tells the same four classes apart",
        path.display(),
        in_box.display()
    );
    Some(Notice { location, message })
}

/// What there is in place of one of DeepStream's sample configs (below `samples/configs`) that is not there.
#[derive(Debug, PartialEq, Eq)]
pub enum SampleConfig {
    /// One of our own of the same name.
    Own(PathBuf),
    /// Nothing: it is of a second stage, whose models cannot be had.
    SecondStage,
}

/// Where the config file `path` is meant to be one of DeepStream's samples and is not there: what is taken instead.
pub fn sample_config(path: &Path) -> Option<SampleConfig> {
    if path.exists() {
        return None;
    }
    let names: Vec<_> = path.iter().collect();
    names.windows(SAMPLE_CONFIGS.len()).find(|pair| pair.iter().eq(SAMPLE_CONFIGS.map(OsStr::new).iter()))?;
    let name = path.file_name()?;
    if name.to_string_lossy().starts_with(SECONDARY_CONFIG) {
        return Some(SampleConfig::SecondStage);
    }
    let folders = folders();
    let beside = folders.iter().filter_map(|models| models.parent());
    let mut files = beside.flat_map(|folder| OWN_CONFIGS.map(|own| folder.join(own).join(name)));
    files.find(|file| file.is_file()).map(SampleConfig::Own)
}

/// A file that is there, for one of DeepStream's samples that is not.
fn find(path: &Path, folders: &[PathBuf]) -> Option<PathBuf> {
    if path.exists() {
        return None;
    }
    let inner = sample(path)?;
    folders.iter().map(|folder| folder.join(&inner)).find(|path| path.is_file())
}

/// The part of a path behind `samples/models`, if there is one that stays below it. Configs that were copied out of DeepStream's
/// folders lead elsewhere (`../../models/…`): there the names of the samples' own folders tell.
fn sample(path: &Path) -> Option<PathBuf> {
    let mut parts: Vec<Component<'_>> = Vec::new();
    for part in path.components() {
        match (part, parts.last()) {
            (Component::ParentDir, Some(Component::Normal(_))) => _ = parts.pop(),
            (Component::CurDir, _) => {}
            _ => parts.push(part),
        }
    }
    let names: Vec<_> = parts.iter().map(|part| part.as_os_str()).collect();
    let below_samples = names.windows(SAMPLES.len()).rposition(|pair| pair == SAMPLES.map(OsStr::new));
    let is_own = |name: &OsStr| {
        [PRIMARY_DETECTOR, SECONDARY].iter().any(|start| name.to_string_lossy().starts_with(start))
    };
    let is_models = |pair: &[&OsStr]| matches!(pair, [models, own] if *models == SAMPLES[1] && is_own(own));
    let start = below_samples.map(|at| at + SAMPLES.len());
    let start = start.or_else(|| Some(names.windows(2).rposition(is_models)? + 1))?;
    let inner = parts.get(start..).filter(|inner| !inner.is_empty())?;
    inner.iter().all(|part| matches!(part, Component::Normal(_))).then(|| inner.iter().collect())
}

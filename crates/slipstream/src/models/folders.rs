//! The folders that hold models. A model is a config file in nvinfer's format; the file's name without its ending is the
//! model's name, and the files that the config names lie beside it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Endings of config files, the one that counts first where a model has several.
const CONFIG_ENDINGS: [&str; 3] = ["ini", "yml", "yaml"];
/// Below the prefix that a program is installed in (its `bin` is beside `share`), and below a folder for data.
const INSTALLED: &str = "share/slipstream/models";
/// Below the user's folder for data (XDG Base Directory Specification 0.8).
const BELOW_DATA: &str = "slipstream/models";
/// The user's folder for data, below the home folder, where `XDG_DATA_HOME` names none.
const DEFAULT_DATA: &str = ".local/share";
/// Names the user's own folder; of several, separated as in PATH, the first is meant.
const FOLDERS_VARIABLE: &str = "SLIPSTREAM_MODELS";
/// In a source tree.
const SOURCE: &str = "models";

/// Where models lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFolders {
    /// Those that came with the program: of the place it is installed in, or of the source tree.
    pub of_program: Option<PathBuf>,
    /// Whether the program is installed, so that its folder serves all users.
    pub is_installed: bool,
    /// The user's own; `None` for a user without a home.
    pub of_user: Option<PathBuf>,
}

/// A model on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalModel {
    /// Its name.
    pub name: String,
    /// Its config file.
    pub config: PathBuf,
    /// Whether it lies with the program, and not in the user's folder.
    pub is_of_program: bool,
}

impl ModelFolders {
    /// Those of this process.
    pub fn of_this_program() -> Self {
        let program = std::env::current_exe().and_then(|path| path.canonicalize()).unwrap_or_default();
        // The tree that it was built in, for build folders that are not below it.
        let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new(""));
        let folders =
            Self::new(&program, built_in, std::env::var_os("XDG_DATA_HOME"), std::env::var_os("HOME"));
        let named = std::env::var_os(FOLDERS_VARIABLE);
        let named = named.iter().flat_map(std::env::split_paths).find(|path| path.is_absolute());
        Self { of_user: named.or(folders.of_user), ..folders }
    }

    /// Those of an executable built in the source tree `built_in`, for a user with these variables.
    pub fn new(program: &Path, built_in: &Path, data: Option<OsString>, home: Option<OsString>) -> Self {
        let prefix = program.parent().and_then(Path::parent);
        let installed = prefix.map(|prefix| prefix.join(INSTALLED)).filter(|folder| folder.is_dir());
        let trees = program.ancestors().skip(1).chain([built_in]);
        let mut trees =
            trees.filter(|tree| tree.join("crates/slipstream").is_dir()).map(|tree| tree.join(SOURCE));
        let is_installed = installed.is_some();
        let of_program = installed.or_else(|| trees.find(|folder| folder.is_dir()));
        // The specification has relative paths ignored.
        let absolute = |path: Option<OsString>| path.map(PathBuf::from).filter(|path| path.is_absolute());
        let data = absolute(data).or_else(|| Some(absolute(home)?.join(DEFAULT_DATA)));
        Self { of_program, is_installed, of_user: data.map(|data| data.join(BELOW_DATA)) }
    }

    /// All folders, in the order in which they are searched.
    pub fn all(&self) -> impl Iterator<Item = &Path> {
        self.of_program.iter().chain(&self.of_user).map(PathBuf::as_path)
    }

    /// The folder for a model that is pulled: the program's, for all users and the service, if it is installed and the
    /// user may write there, as root may; else the user's own.
    pub fn for_pulling(&self) -> Option<&Path> {
        let shared = self.of_program.as_deref().filter(|_| self.is_installed);
        shared.filter(|folder| tempfile::tempfile_in(folder).is_ok()).or(self.of_user.as_deref())
    }

    /// The config of the model `name`, with or without its ending.
    pub fn config(&self, name: &str) -> Option<PathBuf> {
        let path = Path::new(name);
        let stem = if is_config(path) { path.file_stem()?.to_str()? } else { name };
        self.models().into_iter().find(|model| model.name == stem).map(|model| model.config)
    }

    /// All models, those of the program first, by name. Of two with one name, the first counts.
    pub fn models(&self) -> Vec<LocalModel> {
        let mut models: Vec<LocalModel> = Vec::new();
        for folder in self.all() {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            let mut configs: Vec<_> =
                entries.map(|entry| entry.path()).filter(|path| is_config(path)).collect();
            configs.sort_by_key(|path| (path.file_stem().map(ToOwned::to_owned), rank(path)));
            for config in configs.into_iter().filter(|path| path.is_file()) {
                let Some(name) = config.file_stem().and_then(|stem| stem.to_str()).map(ToOwned::to_owned)
                else {
                    continue;
                };
                if models.iter().all(|model| model.name != name) {
                    let is_of_program = self.of_program.as_deref() == Some(folder);
                    models.push(LocalModel { name, config, is_of_program });
                }
            }
        }
        models
    }
}

fn rank(path: &Path) -> Option<usize> {
    let ending = path.extension()?.to_str()?;
    CONFIG_ENDINGS.iter().position(|&known| known == ending)
}

fn is_config(path: &Path) -> bool {
    rank(path).is_some()
}

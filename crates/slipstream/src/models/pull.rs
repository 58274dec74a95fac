//! Pulling a model: its file from the authors' release, and config, labels and licence beside it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::catalogue::Release;
use super::download::{DownloadError, Patience, Progress, Wanted, download, hash};

/// How to pull.
#[derive(Debug, Clone, Default)]
pub struct PullOptions {
    /// A mirror of the release, instead of [`Release::base_url`].
    pub base_url: Option<String>,
    /// How long to wait, and how often to try again.
    pub patience: Patience,
}

/// What a pull did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The model was there already, whole.
    Already,
    /// It was there and damaged, and is whole now.
    Repaired,
    /// It came.
    Pulled,
}

/// A model that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// Its config.
    pub config: PathBuf,
    /// How it came to be whole.
    pub outcome: Outcome,
}

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// It did not come.
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// A file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Pulls `release` into `folder`, which is made if need be. A config that is there already is left as it is; it is also the
/// last file to come, so that a pull that was cut leaves nothing which looks like a model.
///
/// # Errors
/// If the file does not come, is not the right one, or cannot be written.
pub fn pull(
    release: &Release,
    folder: &Path,
    options: &PullOptions,
    watch: &mut dyn FnMut(Progress),
) -> Result<Pulled, PullError> {
    fs::create_dir_all(folder).map_err(|source| PullError::Write { path: folder.to_owned(), source })?;
    let onnx = folder.join(release.onnx_name());
    let outcome = match state(&onnx, release) {
        State::Whole => Outcome::Already,
        State::Damaged => Outcome::Repaired,
        State::Absent => Outcome::Pulled,
    };
    if outcome != Outcome::Already {
        let url = options.base_url.as_ref().map_or_else(|| release.url(), |base| release.url_at(base));
        let part = unfinished(&onnx);
        let wanted = Wanted { url: &url, size: release.size, sha256: release.sha256 };
        download(&wanted, &part, &options.patience, watch)?;
        rename(&part, &onnx)?;
    }
    write_new(&folder.join(release.labels_name()), &release.labels_text())?;
    write_new(&folder.join(release.licence_name()), &release.licence_text())?;
    let config = folder.join(release.config_name());
    write_new(&config, &release.config_text())?;
    Ok(Pulled { config, outcome })
}

enum State {
    Absent,
    Damaged,
    Whole,
}

fn state(onnx: &Path, release: &Release) -> State {
    match File::open(onnx) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => State::Absent,
        Err(_) => State::Damaged,
        Ok(file) if hash(&file).is_ok_and(|found| found == release.sha256) => State::Whole,
        Ok(_) => State::Damaged,
    }
}

/// Name of a file that is not whole yet.
fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

/// Writes a file, whole or not at all, unless there is one.
fn write_new(path: &Path, text: &str) -> Result<(), PullError> {
    if path.exists() {
        return Ok(());
    }
    let part = unfinished(path);
    fs::write(&part, text).map_err(|source| PullError::Write { path: part.clone(), source })?;
    rename(&part, path)
}

fn rename(from: &Path, to: &Path) -> Result<(), PullError> {
    fs::rename(from, to).map_err(|source| PullError::Write { path: to.to_owned(), source })
}

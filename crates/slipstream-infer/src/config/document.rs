//! What a config file says, before its keys are given a meaning: groups of key-value pairs with their lines.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A line of a config file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The file.
    pub file: Arc<Path>,
    /// Number of the line, from 1; 0 where it is about something that no line says.
    pub line: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}", self.file.display()),
            line => write!(f, "{}:{line}", self.file.display()),
        }
    }
}

/// Something in a config file that was understood or passed over, but that its author should know of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Where.
    pub location: Location,
    /// What.
    pub message: String,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.location, self.message)
    }
}

/// Why a config file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The config file itself cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A line is not what the format allows.
    #[error("{location}: {message}")]
    Syntax {
        /// Where.
        location: Location,
        /// What is wrong and what is allowed.
        message: String,
    },
    /// The file holds no `[property]` group.
    #[error("{}: there is no group [property]", path.display())]
    NoProperties {
        /// The file.
        path: PathBuf,
    },
    /// A key has a value that it cannot have.
    #[error("{location}: [{group}] {key}={value}: {allowed}")]
    Value {
        /// Where.
        location: Location,
        /// The group.
        group: String,
        /// The key.
        key: String,
        /// The value given.
        value: String,
        /// What is allowed.
        allowed: String,
    },
    /// A group describes a class that the model is said not to have.
    #[error("{location}: [{group}]: num-detected-classes={classes}, so classes are numbered below {classes}")]
    NoSuchClass {
        /// Where.
        location: Location,
        /// The group.
        group: String,
        /// Number of classes.
        classes: u32,
    },
    /// A file that a key names cannot be read.
    #[error("{location}: [property] {key}: cannot read {}: {source}", path.display())]
    File {
        /// Where.
        location: Location,
        /// The key that names the file.
        key: String,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// One `key=value` pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What stands before the `=`.
    pub key: String,
    /// The text, lists joined by `;`.
    pub value: String,
    /// Number of the line, from 1.
    pub line: usize,
}

/// A named group of pairs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What stands in the brackets.
    pub name: String,
    /// Number of the line where the group begins, from 1.
    pub line: usize,
    /// The pairs; no key appears twice.
    pub entries: Vec<Entry>,
}

/// All groups of a file in the order in which they first appear; no group and no key appears twice.
#[derive(Debug)]
pub struct Document {
    /// The file.
    pub file: Arc<Path>,
    /// The groups.
    pub groups: Vec<Group>,
    /// What the file's author should know.
    pub notices: Vec<Notice>,
}

impl Document {
    /// Reads a file: YAML if its name ends in `.yml` or `.yaml`, else INI as GLib's GKeyFile has it.
    ///
    /// # Errors
    /// If the file cannot be read or a line is not what the format allows.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let bytes =
            std::fs::read(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let line = 1 + bytes.iter().take(error.valid_up_to()).filter(|&&byte| byte == b'\n').count();
            Self::new(path).syntax(line, "the text is not UTF-8")
        })?;
        Self::parse(text, path)
    }

    /// Reads the text of a file; `path` decides about the format.
    ///
    /// # Errors
    /// If a line is not what the format allows.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let text = text.trim_start_matches('\u{feff}');
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("yml" | "yaml") => super::yaml::parse(text, path),
            _ => super::ini::parse(text, path),
        }
    }

    pub(crate) fn new(file: &Path) -> Self {
        Self { file: file.into(), groups: Vec::new(), notices: Vec::new() }
    }

    /// A line of this file.
    pub fn location(&self, line: usize) -> Location {
        Location { file: self.file.clone(), line }
    }

    pub(crate) fn syntax(&self, line: usize, message: impl Into<String>) -> ConfigError {
        ConfigError::Syntax { location: self.location(line), message: message.into() }
    }

    pub(crate) fn notice(&mut self, line: usize, message: String) {
        let location = self.location(line);
        self.notices.push(Notice { location, message });
    }

    /// Position of the group `name`, which is made at `line` if it is new: a group may be continued further down.
    pub(crate) fn group_at(&mut self, name: &str, line: usize) -> usize {
        self.groups.iter().position(|group| group.name == name).unwrap_or_else(|| {
            self.groups.push(Group { name: name.to_owned(), line, entries: Vec::new() });
            self.groups.len() - 1
        })
    }

    /// Adds a pair to the group at `group`. Of two pairs with one key the last counts, as in GKeyFile.
    pub(crate) fn add(&mut self, group: usize, entry: Entry) {
        let Some(target) = self.groups.get_mut(group) else { return };
        let Some(earlier) = target.entries.iter_mut().find(|e| e.key == entry.key) else {
            target.entries.push(entry);
            return;
        };
        let message = format!(
            "[{}] {} is already given in line {}; this one counts",
            target.name, entry.key, earlier.line
        );
        let line = entry.line;
        *earlier = entry;
        self.notice(line, message);
    }
}

//! Label files.

use std::path::Path;
use std::sync::Arc;

/// Names of classes, as a label file lists them: one class a line, line 0 being class 0.
///
/// A line may hold several names separated by `;`, one for each value that a classifier's output layer can take. For
/// detectors the first is the class's name. An empty line is a class without a name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Labels(Vec<Vec<Arc<str>>>);

impl Labels {
    /// Reads the text of a label file.
    pub fn parse(text: &str) -> Self {
        let line = |line: &str| line.trim().split(';').map(|name| Arc::from(name.trim())).collect();
        Self(text.trim_start_matches('\u{feff}').lines().map(line).collect())
    }

    /// Reads a label file; bytes that are no UTF-8 become replacement characters.
    ///
    /// # Errors
    /// If the system cannot read the file.
    pub fn read(path: &Path) -> std::io::Result<Self> {
        Ok(Self::parse(&String::from_utf8_lossy(&std::fs::read(path)?)))
    }

    /// Name of class `class_id` of a detector; `None` if the file names none.
    pub fn class(&self, class_id: u32) -> Option<&Arc<str>> {
        self.attribute(class_id, 0)
    }

    /// Name that line `line` gives to `value`; `None` if the file names none.
    pub fn attribute(&self, line: u32, value: u32) -> Option<&Arc<str>> {
        let line = self.0.get(usize::try_from(line).ok()?)?;
        line.get(usize::try_from(value).ok()?).filter(|name| !name.is_empty())
    }

    /// Whether no line holds several names.
    pub fn is_one_per_line(&self) -> bool {
        self.0.iter().all(|line| line.len() == 1)
    }

    /// Number of lines.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no line.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

//! What a config file says, before its keys are given a meaning: groups of key-value pairs with their lines.

use std::fmt;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput};

use super::TrackerConfig;

/// A line of a config file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The file.
    pub file: Arc<Path>,
    /// Number of the line, from 1.
    pub line: usize,
}

impl Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
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

impl Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.location, self.message)
    }
}

/// Why a tracker's configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no tracker of this name.
    #[error("there is no tracker {name:?}; there are {}", TrackerConfig::NAMES.join(", "))]
    NoSuchTracker {
        /// The name given.
        name: String,
    },
    /// The file cannot be read.
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
    /// A key has a value that it cannot have.
    #[error("{location}: {group}: {key}: {value}: {allowed}")]
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
}

/// One `key: value` pair.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) group: String,
    pub(super) key: String,
    value: String,
    location: Location,
}

/// All pairs of a file.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) entries: Vec<Entry>,
    pub(super) notices: Vec<Notice>,
    file: Arc<Path>,
}

const ALIASES: &str = "anchors and aliases (&name, *name) are not supported here";

impl Document {
    /// Reads groups of pairs. Of two pairs with one key, the last counts.
    pub(super) fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        // The first line of DeepStream's files but comments, "%YAML:1.0", is OpenCV's, not YAML's.
        let text = text.trim_start_matches('\u{feff}');
        let is_comment = |line: &&str| line.trim().is_empty() || line.starts_with('#');
        let comments: usize = text.split_inclusive('\n').take_while(is_comment).map(str::len).sum();
        let (before, rest) = text.split_at(comments);
        let blank;
        let text = match rest.strip_prefix("%YAML:") {
            Some(rest) => {
                blank = format!("{before}#{rest}");
                &blank
            }
            None => text,
        };
        let mut document = Self { entries: Vec::new(), notices: Vec::new(), file: file.into() };
        let mut reader = Reader { parser: Parser::new_from_str(text), last_line: 1 };
        loop {
            match reader.next(&document)? {
                (Event::StreamStart | Event::DocumentStart(_), _) => {}
                (Event::StreamEnd, _) => return Ok(document),
                (Event::MappingStart(..), _) => break,
                // A file of comments only.
                (Event::Scalar(text, ..), _) if is_null(&text) => return Ok(document),
                (_, line) => {
                    return Err(
                        document.syntax(line, "expected a map of groups, such as \"TargetManagement:\"")
                    );
                }
            }
        }
        while let Some((group, _)) = reader.key(&document)? {
            match reader.next(&document)? {
                (Event::MappingStart(..), _) => {}
                // "StateEstimator:" with nothing below it
                (Event::Scalar(text, ..), _) if is_null(&text) => continue,
                (Event::Alias(_), line) => return Err(document.syntax(line, ALIASES)),
                (_, line) => {
                    let message = format!("{group}: expected keys with values below this group");
                    return Err(document.syntax(line, message));
                }
            }
            while let Some((key, line)) = reader.key(&document)? {
                let value = reader.value(&document, &key)?;
                let location = document.location(line);
                document.add(Entry { group: group.clone(), key, value, location });
            }
        }
        Ok(document)
    }

    fn add(&mut self, entry: Entry) {
        let earlier = self.entries.iter_mut().find(|e| e.key == entry.key && e.group == entry.group);
        let Some(earlier) = earlier else {
            self.entries.push(entry);
            return;
        };
        let line = earlier.location.line;
        let message =
            format!("{}: {} is already given in line {line}; this one counts", entry.group, entry.key);
        self.notices.push(Notice { location: entry.location.clone(), message });
        *earlier = entry;
    }

    fn location(&self, line: usize) -> Location {
        Location { file: self.file.clone(), line }
    }

    fn syntax(&self, line: usize, message: impl Into<String>) -> ConfigError {
        ConfigError::Syntax { location: self.location(line), message: message.into() }
    }
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    last_line: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self, document: &Document) -> Result<(Event<'a>, usize), ConfigError> {
        let (event, span) = match self.parser.next_event() {
            Some(Ok(event)) => event,
            Some(Err(error)) => return Err(document.syntax(error.marker().line(), error.info())),
            None => return Err(document.syntax(self.last_line, "the file ends too early")),
        };
        self.last_line = span.start.line();
        Ok((event, self.last_line))
    }

    /// The next key of the map that is being read, or `None` at its end.
    fn key(&mut self, document: &Document) -> Result<Option<(String, usize)>, ConfigError> {
        match self.next(document)? {
            (Event::Scalar(text, ..), line) => Ok(Some((text.into_owned(), line))),
            (Event::MappingEnd, _) => Ok(None),
            (Event::Alias(_), line) => Err(document.syntax(line, ALIASES)),
            (_, line) => Err(document.syntax(line, "a key has to be a plain word")),
        }
    }

    /// The value of `key` as text; the items of a list are joined by commas.
    fn value(&mut self, document: &Document, key: &str) -> Result<String, ConfigError> {
        let first = self.next(document)?;
        let (Event::SequenceStart(..), _) = first else { return scalar(document, key, first) };
        let mut list = Vec::new();
        loop {
            let item = self.next(document)?;
            if matches!(item.0, Event::SequenceEnd) {
                return Ok(list.join(","));
            }
            list.push(scalar(document, key, item)?);
        }
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn scalar(document: &Document, key: &str, event: (Event<'_>, usize)) -> Result<String, ConfigError> {
    match event {
        (Event::Scalar(text, ScalarStyle::Plain, ..), _) if is_null(&text) => Ok(String::new()),
        (Event::Scalar(text, ..), _) => Ok(text.trim().to_owned()),
        (Event::Alias(_), line) => Err(document.syntax(line, ALIASES)),
        (_, line) => Err(document.syntax(line, format!("{key}: expected a value or a list of values"))),
    }
}

impl Entry {
    pub(super) fn notice(&self, message: String) -> Notice {
        Notice { location: self.location.clone(), message }
    }

    pub(super) fn location(&self) -> &Location {
        &self.location
    }

    pub(super) fn text(&self) -> &str {
        &self.value
    }

    /// The items of a list, which may also be separated by semicolons.
    pub(super) fn items(&self) -> impl Iterator<Item = &str> {
        self.value.split([',', ';']).map(str::trim).filter(|item| !item.is_empty())
    }

    /// A list of finite numbers.
    pub(super) fn floats(&self) -> Result<Vec<f32>, ConfigError> {
        let number = |item: &str| item.parse().ok().filter(|number: &f32| number.is_finite());
        let numbers: Option<_> = self.items().map(number).collect();
        numbers.ok_or_else(|| self.wrong("expected a list of numbers"))
    }

    pub(super) fn wrong(&self, allowed: impl Into<String>) -> ConfigError {
        ConfigError::Value {
            location: self.location.clone(),
            group: self.group.clone(),
            key: self.key.clone(),
            value: self.value.clone(),
            allowed: allowed.into(),
        }
    }

    /// A whole number within `range`.
    pub(super) fn int<T>(&self, range: RangeInclusive<T>) -> Result<T, ConfigError>
    where
        T: FromStr + PartialOrd + Display,
    {
        self.value.parse().ok().filter(|value| range.contains(value)).ok_or_else(|| {
            self.wrong(format!("expected a whole number from {} to {}", range.start(), range.end()))
        })
    }

    /// A finite number within `range`.
    pub(super) fn float(&self, range: RangeInclusive<f32>) -> Result<f32, ConfigError> {
        let value = self.value.parse().ok().filter(|value: &f32| value.is_finite() && range.contains(value));
        value.ok_or_else(|| {
            let allowed = match (*range.start(), *range.end()) {
                (f32::MIN, f32::MAX) => "expected a number".to_owned(),
                (low, f32::MAX) => format!("expected a number from {low}"),
                (low, high) => format!("expected a number from {low} to {high}"),
            };
            self.wrong(allowed)
        })
    }

    /// 0 or 1, or the words for them.
    pub(super) fn flag(&self) -> Result<bool, ConfigError> {
        match self.value.as_str() {
            "0" | "false" | "False" => Ok(false),
            "1" | "true" | "True" => Ok(true),
            _ => Err(self.wrong("expected 0 or 1")),
        }
    }

    /// One of a set of numbered choices: number, meaning in words, value.
    pub(super) fn choice<T: Copy>(&self, choices: &[(u32, &str, T)]) -> Result<T, ConfigError> {
        let number = self.value.parse().ok();
        choices.iter().find(|choice| Some(choice.0) == number).map(|choice| choice.2).ok_or_else(|| {
            let allowed: Vec<_> =
                choices.iter().map(|(number, words, _)| format!("{number} {words}")).collect();
            self.wrong(format!("expected {}", allowed.join(", ")))
        })
    }
}

//! Typed reading of a pair's text.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::document::{ConfigError, Entry, Location};

/// One pair of a config file with all that an error about it has to name.
#[derive(Clone, Copy)]
pub struct Field<'a> {
    /// The file.
    pub file: &'a std::sync::Arc<Path>,
    /// Name of the group.
    pub group: &'a str,
    /// The pair.
    pub entry: &'a Entry,
}

impl<'a> Field<'a> {
    /// The key.
    pub fn key(&self) -> &'a str {
        &self.entry.key
    }

    /// The value without blanks around it.
    pub fn text(&self) -> &'a str {
        self.entry.value.trim()
    }

    /// The value up to the first blank: what GLib reads of a whole number, behind which people write remarks.
    fn first_word(&self) -> &'a str {
        self.text().split_ascii_whitespace().next().unwrap_or_default()
    }

    /// Where it stands.
    pub fn location(&self) -> Location {
        Location { file: self.file.clone(), line: self.entry.line }
    }

    /// The error that the value cannot be taken; `allowed` says what can.
    pub fn wrong(&self, allowed: impl Into<String>) -> ConfigError {
        ConfigError::Value {
            location: self.location(),
            group: self.group.to_owned(),
            key: self.key().to_owned(),
            value: self.text().to_owned(),
            allowed: allowed.into(),
        }
    }

    /// A whole number within `range`.
    ///
    /// # Errors
    /// If it is anything else.
    pub fn int<T>(&self, range: RangeInclusive<T>) -> Result<T, ConfigError>
    where
        T: FromStr + PartialOrd + Display,
    {
        self.first_word().parse().ok().filter(|value| range.contains(value)).ok_or_else(|| {
            self.wrong(format!("expected a whole number from {} to {}", range.start(), range.end()))
        })
    }

    /// A whole number of 0 or more.
    ///
    /// # Errors
    /// If it is anything else.
    pub fn count(&self) -> Result<u32, ConfigError> {
        self.int(0..=u32::MAX)
    }

    /// A finite number.
    ///
    /// # Errors
    /// If it is anything else.
    pub fn float(&self) -> Result<f32, ConfigError> {
        number(self.text()).ok_or_else(|| self.wrong("expected a number"))
    }

    /// A finite number within `range`.
    ///
    /// # Errors
    /// If it is anything else.
    pub fn float_in(&self, range: RangeInclusive<f32>) -> Result<f32, ConfigError> {
        number(self.text())
            .filter(|value| range.contains(value))
            .ok_or_else(|| self.wrong(format!("expected a number from {} to {}", range.start(), range.end())))
    }

    /// 0 or 1, or the words for them.
    ///
    /// # Errors
    /// If it is anything else.
    pub fn flag(&self) -> Result<bool, ConfigError> {
        match self.first_word() {
            "0" | "false" | "False" => Ok(false),
            "1" | "true" | "True" => Ok(true),
            _ => Err(self.wrong("expected 0 or 1")),
        }
    }

    /// One of a set of numbered choices: number, meaning in words, value.
    pub fn choice<T: Copy>(&self, choices: &[(u32, &str, T)]) -> Result<T, ConfigError> {
        let number = self.first_word().parse().ok();
        choices.iter().find(|choice| Some(choice.0) == number).map(|choice| choice.2).ok_or_else(|| {
            let allowed: Vec<_> =
                choices.iter().map(|(number, words, _)| format!("{number} {words}")).collect();
            self.wrong(format!("expected {}", allowed.join(", ")))
        })
    }

    /// One of a set of words.
    pub fn word<T: Copy>(&self, choices: &[(&str, T)]) -> Result<T, ConfigError> {
        choices.iter().find(|(word, _)| *word == self.text()).map(|(_, value)| *value).ok_or_else(|| {
            let allowed: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
            self.wrong(format!("expected {}", allowed.join(", ")))
        })
    }

    /// The parts of a `;`-separated list; a `;` at the end adds none.
    pub fn parts(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let text = self.text();
        let text = text.strip_suffix(';').unwrap_or(text);
        text.split(';').map(str::trim).filter(move |_| !text.is_empty())
    }

    /// A `;`-separated list of finite numbers.
    ///
    /// # Errors
    /// If it is anything else.
    pub fn floats(&self) -> Result<Vec<f32>, ConfigError> {
        let list: Option<_> = self.parts().map(number).collect();
        list.ok_or_else(|| self.wrong("expected numbers separated by ;"))
    }

    /// A `;`-separated list of whole numbers of 0 or more.
    ///
    /// # Errors
    /// If it is anything else.
    pub fn counts(&self) -> Result<Vec<u32>, ConfigError> {
        let word = |part: &'a str| part.split_ascii_whitespace().next().unwrap_or_default();
        let list: Result<_, _> = self.parts().map(|part| word(part).parse()).collect();
        list.map_err(|_| self.wrong("expected whole numbers separated by ;"))
    }

    /// A path, relative to the folder of the config file; `None` if the value is empty.
    pub fn path(&self) -> Option<PathBuf> {
        let text = self.text();
        let folder = self.file.parent().unwrap_or(Path::new(""));
        (!text.is_empty()).then(|| folder.join(text))
    }
}

fn number(text: &str) -> Option<f32> {
    text.parse().ok().filter(|value: &f32| value.is_finite())
}

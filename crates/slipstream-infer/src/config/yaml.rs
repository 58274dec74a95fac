//! YAML files in DeepStream's layout: one map of groups, each a map of keys to scalars or lists of scalars.

use std::path::Path;

use saphyr_parser::{Event, Parser, Span};

use super::document::{ConfigError, Document, Entry};

/// Reads `text` into groups. Lists become the `;`-separated text that an INI file would hold.
pub(super) fn parse(text: &str, file: &Path) -> Result<Document, ConfigError> {
    let mut document = Document::new(file);
    let mut reader = Reader { parser: Parser::new_from_str(text), last_line: 1 };
    loop {
        match reader.next(&document)? {
            (Event::StreamStart | Event::DocumentStart(_), _) => {}
            (Event::StreamEnd, _) => return Ok(document),
            (Event::MappingStart(..), _) => break,
            (_, line) => return Err(document.syntax(line, "expected a map of groups, such as \"property:\"")),
        }
    }
    while let Some((name, line)) = reader.key(&document)? {
        let group = document.group_at(&name, line);
        match reader.next(&document)? {
            (Event::MappingStart(..), _) => {}
            // "property:" with nothing below it
            (Event::Scalar(text, ..), _) if is_null(&text) => continue,
            (_, line) => {
                return Err(
                    document.syntax(line, format!("{name}: expected keys with values below this group"))
                );
            }
        }
        while let Some((key, line)) = reader.key(&document)? {
            let value = reader.value(&document, &key)?;
            document.add(group, Entry { key, value, line });
        }
    }
    Ok(document)
}

struct Reader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    last_line: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self, document: &Document) -> Result<(Event<'a>, usize), ConfigError> {
        let (event, span): (Event<'a>, Span) = match self.parser.next_event() {
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

    /// The value of `key` as text.
    fn value(&mut self, document: &Document, key: &str) -> Result<String, ConfigError> {
        let first = self.next(document)?;
        let (Event::SequenceStart(..), _) = first else { return scalar(document, key, first) };
        let mut list = String::new();
        loop {
            let item = self.next(document)?;
            if matches!(item.0, Event::SequenceEnd) {
                return Ok(list);
            }
            if !list.is_empty() {
                list.push(';');
            }
            list.push_str(&scalar(document, key, item)?);
        }
    }
}

const ALIASES: &str = "anchors and aliases (&name, *name) are not supported here";

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn scalar(document: &Document, key: &str, event: (Event<'_>, usize)) -> Result<String, ConfigError> {
    match event {
        (Event::Scalar(text, saphyr_parser::ScalarStyle::Plain, ..), _) if is_null(&text) => {
            Ok(String::new())
        }
        (Event::Scalar(text, ..), _) => Ok(text.trim().to_owned()),
        (Event::Alias(_), line) => Err(document.syntax(line, ALIASES)),
        (_, line) => Err(document.syntax(line, format!("{key}: expected a value or a list of values"))),
    }
}

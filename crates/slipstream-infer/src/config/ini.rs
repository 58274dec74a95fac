//! INI files as GLib's GKeyFile reads them.

use std::path::Path;

use super::document::{ConfigError, Document, Entry};

/// Reads `text` into groups. `#` starts a comment line; blanks around keys and values do not count.
pub(super) fn parse(text: &str, file: &Path) -> Result<Document, ConfigError> {
    let mut document = Document::new(file);
    let mut group = None;
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(rest) = line.strip_prefix('[') {
            let name = rest.strip_suffix(']').filter(|name| !name.is_empty() && !name.contains(['[', ']']));
            let Some(name) = name else {
                return Err(
                    document.syntax(number, format!("\"{line}\" is not a group header like [property]"))
                );
            };
            group = Some(document.group_at(name, number));
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            let message = format!(
                "\"{line}\" is neither a [group] nor a key=value pair nor a comment, which starts with #"
            );
            return Err(document.syntax(number, message));
        };
        let key = key.trim_end();
        if key.is_empty() {
            return Err(document.syntax(number, format!("\"{line}\" has no key before the =")));
        }
        let Some(group) = group else {
            return Err(document.syntax(number, format!("\"{key}\" stands before the first [group]")));
        };
        let entry = Entry { key: key.to_owned(), value: unescape(value.trim_start()), line: number };
        document.add(group, entry);
    }
    Ok(document)
}

/// GKeyFile's escapes: `\s` blank, `\t`, `\n`, `\r`, `\\`. Any other backslash stays as it is.
fn unescape(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        let escaped = match (c, chars.as_str().chars().next()) {
            ('\\', Some('s')) => ' ',
            ('\\', Some('t')) => '\t',
            ('\\', Some('n')) => '\n',
            ('\\', Some('r')) => '\r',
            ('\\', Some('\\')) => '\\',
            _ => {
                text.push(c);
                continue;
            }
        };
        chars.next();
        text.push(escaped);
    }
    text
}

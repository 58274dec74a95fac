//! Names of classes and sizes as training programs write them into model files: Python and JSON literals.

use std::collections::BTreeMap;

use slipstream_meta::Size;

/// Keys of a model's metadata that hold names of classes, the most common first.
const KEYS: [&str; 5] = ["names", "class_names", "classes", "labels", "id2label"];

/// Key of PaddlePaddle's exporters: names of classes, or the characters that a reader of text knows.
const NAMES_OR_CHARACTERS: &str = "character";

/// The names of the classes in a model's metadata, if there are so many under a key that may mean something else.
pub(super) fn so_many(metadata: &BTreeMap<String, String>, classes: usize) -> Option<Vec<String>> {
    parse(metadata.get(NAMES_OR_CHARACTERS)?).filter(|names| names.len() == classes)
}

/// The names of the classes in a model's metadata.
pub(super) fn labels(metadata: &BTreeMap<String, String>) -> Option<Vec<String>> {
    KEYS.into_iter().find_map(|key| parse(metadata.get(key)?)).filter(|labels| !labels.is_empty())
}

/// `{0: 'a', 1: 'b'}`, `{"0": "a"}`, `['a', 'b']`, or `a,b` and lines.
fn parse(text: &str) -> Option<Vec<String>> {
    let text = text.trim();
    let inner = |open, close| text.strip_prefix(open).and_then(|text: &str| text.strip_suffix(close));
    if let Some(dict) = inner('{', '}') {
        let tokens = tokens(dict)?;
        let mut names = BTreeMap::new();
        for pair in tokens.split(|token| *token == Token::Comma).filter(|pair| !pair.is_empty()) {
            let [key, Token::Colon, Token::Text(name)] = pair else { return None };
            let (Token::Bare(key) | Token::Text(key)) = key else { return None };
            names.insert(key.parse::<usize>().ok()?, name.clone());
        }
        // classes without a name keep their number
        let count = names.keys().next_back().map_or(0, |last| last + 1);
        return (count <= 2 * names.len())
            .then(|| (0..count).map(|i| names.remove(&i).unwrap_or_default()).collect());
    }
    if let Some(list) = inner('[', ']') {
        let tokens = tokens(list)?.into_iter().filter(|token| *token != Token::Comma);
        return tokens.map(|token| if let Token::Text(name) = token { Some(name) } else { None }).collect();
    }
    let separator = if text.contains('\n') { '\n' } else { ',' };
    Some(text.split(separator).map(|name| name.trim().to_owned()).collect())
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Comma,
    Colon,
    Bare(String),
    Text(String),
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut found = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            ',' => found.push(Token::Comma),
            ':' => found.push(Token::Colon),
            '\'' | '"' => {
                let mut name = String::new();
                loop {
                    match rest.next()? {
                        '\\' => name.push(rest.next()?),
                        end if end == c => break,
                        other => name.push(other),
                    }
                }
                found.push(Token::Text(name));
            }
            c if c.is_whitespace() => {}
            c => {
                let mut bare = String::from(c);
                while let Some(next) = rest.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    bare.push(next);
                }
                found.push(Token::Bare(bare));
            }
        }
    }
    Some(found)
}

/// `[height, width]`, `640`: what YOLO exports say about a network whose size is free.
pub(super) fn size(text: &str) -> Option<Size> {
    let numbers: Vec<u32> =
        text.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect();
    match *numbers.as_slice() {
        [side] => Some(Size::new(side, side)),
        [height, width] => Some(Size::new(width, height)),
        _ => None,
    }
    .filter(|size| size.width > 0 && size.height > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_training_programs_write_them() {
        let names = |text: &str| labels(&BTreeMap::from([("names".to_owned(), text.to_owned())]));
        let both = Some(vec!["a b".to_owned(), "c's, d".to_owned()]);
        assert_eq!(names(r#"{0: 'a b', 1: "c's, d"}"#), both);
        assert_eq!(names(r#"{"1": "c's, d", "0": "a b"}"#), both);
        assert_eq!(names(r"['a b', 'c\'s, d',]"), both);
        assert_eq!(names("car, van").unwrap(), ["car", "van"]);
        assert_eq!(names("car\nvan\n").unwrap(), ["car", "van"]);
        assert_eq!(names("{0: 'a', 2: 'c'}").unwrap(), ["a", "", "c"]);
        for broken in ["{0: 'a}", "{0 'a'}", "{x: 'a'}", "[1, 2]", "{9999999: 'a'}", "{}"] {
            assert_eq!(names(broken), None, "{broken}");
        }
    }

    #[test]
    fn characters_are_names_if_there_are_as_many() {
        let metadata = BTreeMap::from([("character".to_owned(), "0\n90\n180\n270".to_owned())]);
        assert_eq!(so_many(&metadata, 4).unwrap(), ["0", "90", "180", "270"]);
        assert_eq!(so_many(&metadata, 6), None);
        assert_eq!(labels(&metadata), None);
    }

    #[test]
    fn sizes_are_height_first() {
        assert_eq!(size("[384, 640]"), Some(Size::new(640, 384)));
        assert_eq!(size("640"), Some(Size::new(640, 640)));
        assert_eq!(size("[0, 640]"), None);
        assert_eq!(size("large"), None);
    }
}

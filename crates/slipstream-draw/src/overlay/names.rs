//! Short names of classes.

/// Whether a number right after the text would be read as a part of it.
pub(super) fn ends_with_digit(text: &str) -> bool {
    text.ends_with(|last: char| last.is_ascii_digit())
}

/// The first `length` letters, the first of them a capital.
pub(super) fn initials(name: &str, length: usize) -> String {
    let mut letters = name.chars().filter(|letter| !letter.is_control()).take(length);
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

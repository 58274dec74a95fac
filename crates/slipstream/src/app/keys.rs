//! Keys that are typed while pipelines run.

use std::io::{IsTerminal, Read};
use std::sync::mpsc::{Receiver, sync_channel};

use rustix::termios::{self, LocalModes, OptionalActions, Termios};

/// Keys that wait to be looked at; more than that nobody types in the time between two looks.
const WAITING: usize = 64;

/// Standard input, key by key: a terminal is told not to wait for the end of the line, and is as it was before when this
/// is dropped.
pub(super) struct Keyboard {
    before: Option<Termios>,
    keys: Receiver<u8>,
}

impl Keyboard {
    pub(super) fn start() -> Self {
        let stdin = std::io::stdin();
        let (send, keys) = sync_channel(WAITING);
        // A program in the background that reads from its terminal is stopped by it.
        let is_ours = !stdin.is_terminal()
            || termios::tcgetpgrp(&stdin).is_ok_and(|group| group == rustix::process::getpgrp());
        let before = Some(&stdin).filter(|stdin| is_ours && stdin.is_terminal()).and_then(|stdin| {
            let before = termios::tcgetattr(stdin).ok()?;
            let mut now = before.clone();
            now.local_modes.remove(LocalModes::ICANON);
            termios::tcsetattr(stdin, OptionalActions::Now, &now).ok()?;
            Some(before)
        });
        if is_ours {
            let reader = std::thread::Builder::new().name("keys".into()).spawn(move || {
                let mut byte = [0];
                // It ends with the input, or with the program.
                while let Ok(1) = std::io::stdin().lock().read(&mut byte) {
                    if byte.first().is_none_or(|&key| send.send(key).is_err()) {
                        break;
                    }
                }
            });
            if let Err(error) = reader {
                tracing::debug!("keys are not read: {error}");
            }
        }
        Self { before, keys }
    }

    /// The next key, if one was typed.
    pub(super) fn key(&self) -> Option<char> {
        self.keys.try_recv().ok().map(char::from)
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // A terminal that has gone away needs no care.
            let _ = termios::tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
    }
}

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// The list of keys.
    Help,
    /// The end.
    Quit,
    /// Standing still.
    Pause,
    /// Going on.
    Resume,
    /// That source alone, of the pipeline of that number.
    Show(usize, u32),
    /// All sources, of the pipeline of that number.
    ShowAll(usize),
    /// Nothing but a line on the terminal.
    Say,
}

/// The tiles of a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grid {
    pub(super) rows: u32,
    pub(super) columns: u32,
    pub(super) sources: u32,
}

/// What has been typed of a wish of several keys.
#[derive(Debug, Default)]
pub(super) struct Typed {
    pipeline: usize,
    state: State,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Nothing,
    Pipeline,
    Row,
    Column(u32),
    /// One source is shown.
    One,
}

impl Typed {
    /// Takes a key; `grids` are the tiles of each pipeline. What it asks for, and what is to be printed.
    pub(super) fn take(&mut self, key: char, grids: &[Option<Grid>]) -> Option<(Wish, String)> {
        let grid = grids.get(self.pipeline).copied().flatten();
        let say = |text: String| Some((Wish::Say, format!("--{text}--\n")));
        match (self.state, key.to_digit(10), grid) {
            (State::Pipeline, digit, _) => {
                self.state = State::Nothing;
                let digit = digit? as usize;
                if digit < grids.len() {
                    self.pipeline = digit;
                    return say(format!("selecting config  {digit}"));
                }
                self.pipeline = 0;
                return say(format!("selected config file {digit} out of bound, reenter"));
            }
            (State::Row, Some(row), Some(grid)) => {
                if row < grid.rows {
                    self.state = State::Column(row);
                    return say(format!("selecting source  row {row}"));
                }
                return say(format!("selected source  row {row} out of bound, reenter"));
            }
            (State::Column(row), Some(column), Some(grid)) => {
                let source = row * grid.columns + column;
                if column < grid.columns && source < grid.sources {
                    self.state = State::One;
                    let text = format!("--selecting source  col {column} sou={source}--\n");
                    return Some((Wish::Show(self.pipeline, source), text));
                }
                self.state = State::Row;
                return say(format!("selected source  col {column} out of bound, reenter"));
            }
            _ => {}
        }
        match key {
            'h' => Some((Wish::Help, String::new())),
            'q' => Some((Wish::Quit, String::new())),
            'p' => Some((Wish::Pause, String::new())),
            'r' => Some((Wish::Resume, String::new())),
            'c' if grid.is_some() && self.state == State::Nothing => {
                self.state = State::Pipeline;
                Some((Wish::Say, "--selecting config file --\n".into()))
            }
            'z' if grid.is_some() && self.state == State::Nothing => {
                self.state = State::Row;
                Some((Wish::Say, "--selecting source --\n".into()))
            }
            'z' if grid.is_some() => {
                let wish = Wish::ShowAll(self.pipeline);
                *self = Self::default();
                Some((wish, "--tiled mode --\n".into()))
            }
            _ => None,
        }
    }
}

/// What the keys are.
pub(super) fn help(tiled: bool) -> String {
    let mut text =
        "\nRuntime commands:\n\th: Print this help\n\tq: Quit\n\n\tp: Pause\n\tr: Resume\n\n".to_owned();
    if tiled {
        text.push_str("\tz ROW COLUMN: Show one source of the tiled display; z: show all again\n\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes(keys: &str, grids: &[Option<Grid>]) -> Vec<Wish> {
        let mut typed = Typed::default();
        keys.chars().filter_map(|key| typed.take(key, grids)).map(|(wish, _)| wish).collect()
    }

    #[test]
    fn one_source_is_chosen_by_row_and_column() {
        let grid = Some(Grid { rows: 2, columns: 2, sources: 3 });
        assert_eq!(wishes("z10z", &[grid]), [Wish::Say, Wish::Say, Wish::Show(0, 2), Wish::ShowAll(0)]);
        // There is no row 5, no column 2 and no fourth source: each is asked for again.
        let again = wishes("z51211z", &[grid]);
        assert_eq!(
            again,
            [vec![Wish::Say; 6], vec![Wish::ShowAll(0)]].concat(),
            "row 5, row 1, column 2, row 1, column 1"
        );
        assert_eq!(wishes("c1z01z", &[grid, grid])[4..], [Wish::Show(1, 1), Wish::ShowAll(1)]);
        assert_eq!(wishes("z0", &[None]), []);
        assert_eq!(wishes("xhpr\nq", &[grid]), [Wish::Help, Wish::Pause, Wish::Resume, Wish::Quit]);
    }
}

//! A terminal for the command to draw on, and what stands on it in the end.

use std::fs::File;
use std::io::Read as _;
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::support::{PATIENCE, contains};

/// A terminal that keeps all that it is sent.
pub(crate) struct Terminal {
    seen: Arc<(Mutex<Vec<u8>>, Condvar)>,
    reader: JoinHandle<()>,
}

impl Terminal {
    /// Starts the command with this as its standard error.
    pub(crate) fn start(command: Command) -> (Self, Child) {
        Self::start_sized(command, (0, 0))
    }

    /// The same with so many columns and rows.
    pub(crate) fn start_sized(mut command: Command, (columns, rows): (u16, u16)) -> (Self, Child) {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
        let other_end = File::options().read(true).write(true).open(name).unwrap();
        let size = Winsize {
            ws_col: columns,
            ws_row: rows,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&terminal, size).unwrap();
        let child = command.env("TERM", "xterm").stderr(other_end).spawn().unwrap();
        // The end of the terminal that the command holds has no other owner, so that reading ends with the command.
        drop(command);
        let seen = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let shared = Arc::clone(&seen);
        let reader = thread::spawn(move || {
            let mut terminal = File::from(terminal);
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = terminal.read(&mut piece) {
                shared.0.lock().unwrap().extend_from_slice(&piece[..length]);
                shared.1.notify_all();
            }
        });
        (Self { seen, reader }, child)
    }

    /// Waits until this has been drawn.
    #[track_caller]
    pub(crate) fn shows(&self, text: &str) {
        let (seen, changed) = &*self.seen;
        let missing = |seen: &mut Vec<u8>| !contains(seen, text);
        let waited = changed.wait_timeout_while(seen.lock().unwrap(), PATIENCE, missing);
        assert!(
            !waited.unwrap().1.timed_out(),
            "the terminal never shows {text:?}"
        );
    }

    /// All that was drawn, once the command has ended.
    pub(crate) fn end(self) -> Drawn {
        self.reader.join().unwrap();
        let seen = std::mem::take(&mut *self.seen.0.lock().unwrap());
        Drawn(String::from_utf8(seen).unwrap())
    }
}

/// What a terminal was sent.
#[derive(Debug)]
pub(crate) struct Drawn(String);

impl Drawn {
    /// All of it, in the order it came.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// The lines as they stand there, the last of them that with the cursor; and whether the cursor can be seen.
    #[track_caller]
    pub(crate) fn screen(&self) -> (Vec<String>, bool) {
        let (mut lines, mut row, mut column, mut cursor) = (vec![Vec::new()], 0_usize, 0_usize, true);
        let mut characters = self.0.chars();
        while let Some(character) = characters.next() {
            match character {
                '\r' => column = 0,
                '\n' => {
                    row += 1;
                    lines.resize(lines.len().max(row + 1), Vec::new());
                }
                '\u{1b}' => {
                    assert_eq!(characters.next(), Some('['), "{self:?}");
                    let mut sequence = String::new();
                    let end = characters.by_ref().find(|it| {
                        let ends = it.is_alphabetic();
                        sequence.extend((!ends).then_some(*it));
                        ends
                    });
                    let count = sequence.parse().unwrap_or(1);
                    match (end, sequence.as_str()) {
                        (Some('A'), _) => row = row.saturating_sub(count),
                        (Some('K'), "2") => lines[row].clear(),
                        (Some('K'), "" | "0") => lines[row].truncate(column),
                        (Some('h'), "?25") => cursor = true,
                        (Some('l'), "?25") => cursor = false,
                        (Some('m'), _) => {}
                        _ => panic!("a sequence that is not known: {self:?}"),
                    }
                }
                character => {
                    let line = &mut lines[row];
                    line.resize(line.len().max(column + 1), ' ');
                    line[column] = character;
                    column += 1;
                }
            }
        }
        let lines = lines.into_iter().map(|line| line.into_iter().collect());
        (lines.collect(), cursor)
    }
}

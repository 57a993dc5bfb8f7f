//! A second program: `asks`, which wants a token from what is stored.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

/// A running `asks`.
#[derive(Debug)]
pub struct Asks {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Asks {
    /// Starts `program` for a crate, and waits until it asks.
    ///
    /// # Panics
    ///
    /// If it does not start.
    #[must_use]
    pub fn start(program: &str, name: &str, file: &Path, issuer: &str) -> Self {
        let mut command = Command::new(program);
        command.arg(name).arg(file).arg(issuer);
        Self::of(&mut command)
    }

    /// The same on a disk without room: each write to a file fails, as it does on a full disk (EFBIG, not ENOSPC).
    ///
    /// # Panics
    ///
    /// If it does not start.
    #[must_use]
    pub fn start_without_room(program: &str, name: &str, file: &Path, issuer: &str) -> Self {
        let mut command = without_room(program);
        Self::of(command.arg(name).arg(file).arg(issuer))
    }

    fn of(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut asks = Self {
            output: BufReader::new(child.stdout.take().expect("a pipe")),
            child,
        };
        assert_eq!(asks.line(), "asking");
        asks
    }

    /// What it said in the end.
    ///
    /// # Panics
    ///
    /// If it said nothing.
    #[must_use]
    pub fn says(mut self) -> String {
        self.line()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("text");
        line.trim_end().to_owned()
    }
}

/// A program on such a disk.
#[must_use]
pub fn without_room(program: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh", program]);
    command
}

impl Drop for Asks {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

//! Programs that a test starts and that end with it.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

/// A program that runs until this is dropped.
///
/// Its standard input stays open as long: a peer of ours ends with it, however the test ends.
#[derive(Debug)]
pub struct Running {
    name: OsString,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Running {
    /// Starts a program; what it says on a standard error that the caller had piped is taken for output.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    #[track_caller]
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        let name = command.get_program().to_owned();
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{name:?} does not start: {error}"));
        let stdout = child.stdout.take().expect("it is piped");
        let (send, lines) = mpsc::channel();
        read(stdout, send.clone());
        if let Some(stderr) = child.stderr.take() {
            read(stderr, send);
        }
        Self {
            name,
            stdin: child.stdin.take(),
            child,
            lines,
        }
    }

    /// Gives it a line.
    ///
    /// # Panics
    ///
    /// If it no longer reads.
    #[track_caller]
    pub fn say(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("it was not closed");
        writeln!(stdin, "{line}").expect("the program reads");
    }

    /// Waits until a line of its output is what `find` looks for.
    ///
    /// # Panics
    ///
    /// If it ends or a minute goes by before.
    #[track_caller]
    pub fn wait_for<T>(&self, find: impl Fn(&str) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    if let Some(value) = find(&line) {
                        return value;
                    }
                }
                Err(_) => panic!("{:?} did not say what was waited for", self.name),
            }
        }
    }

    /// Closes its input, waits for its end, and gives the lines that nobody waited for.
    ///
    /// # Panics
    ///
    /// If the system cannot tell.
    #[track_caller]
    pub fn finish(mut self) -> (ExitStatus, Vec<String>) {
        drop(self.stdin.take());
        let lines = self.lines.iter().collect();
        (self.child.wait().expect("it is our child"), lines)
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

/// Reads on to the end, so that the program never waits for a reader.
fn read(output: impl Read + Send + 'static, to: Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // Nobody listens once the test has ended.
            _ = to.send(line);
        }
    });
}

impl Drop for Running {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

const PATIENCE: Duration = Duration::from_secs(60);

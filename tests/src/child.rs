//! Programs that a test starts and that end with it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// A program that runs until this is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    /// Kept open: a peer ends with its standard input, however the test ends.
    _stdin: Option<ChildStdin>,
}

impl Running {
    /// Starts a program, gives it a line, and waits until a line of its output is what `ready` looks for.
    ///
    /// # Panics
    ///
    /// If it cannot be started, or ends or stays silent for 30 seconds before it is ready.
    #[track_caller]
    pub fn start<T: Send + 'static>(
        mut command: Command,
        line: &str,
        ready: impl Fn(&str) -> Option<T> + Send + 'static,
    ) -> (Self, T) {
        use std::io::Write as _;
        let name = command.get_program().to_owned();
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{name:?} does not start: {error}"));
        let mut stdin = child.stdin.take().expect("it is piped");
        let stdout = child.stdout.take().expect("it is piped");
        let running = Self {
            child,
            _stdin: writeln!(stdin, "{line}").is_ok().then_some(stdin),
        };
        let (send, receive) = mpsc::channel();
        // Reads on after the program is ready, so that it never waits for a reader.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some(value) = ready(&line) {
                    _ = send.send(value);
                }
            }
        });
        match receive.recv_timeout(START) {
            Ok(value) => (running, value),
            Err(_) => panic!("{name:?} did not get ready"),
        }
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

const START: Duration = Duration::from_secs(30);

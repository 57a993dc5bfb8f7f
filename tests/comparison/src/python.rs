//! oauth2client 4.1.3, as `tests/peers/oauth2client` runs it: a process that is told what to do by lines of JSON.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::child::without_room;
use crate::grant::{CLIENT, Grant, SECRET};

/// A running Python.
#[derive(Debug)]
pub struct Python {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// Whether the library is installed; `cargo xtask peers` does it.
#[must_use]
pub fn is_installed() -> bool {
    interpreter().is_file()
}

fn place() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../peers/oauth2client")
}

fn interpreter() -> PathBuf {
    place().join("venv/bin/python")
}

impl Python {
    /// Starts one, with the library loaded; without room, each write to a file fails.
    ///
    /// # Panics
    ///
    /// If it does not start.
    #[must_use]
    pub fn start(has_room: bool) -> Self {
        let program = interpreter().display().to_string();
        let mut command = if has_room {
            Command::new(program)
        } else {
            without_room(&program)
        };
        // No bytecode beside the sources: the tree stays as it is.
        command.args(["-B", "peer.py"]).current_dir(place());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut python = Self {
            input: child.stdin.take().expect("a pipe"),
            output: BufReader::new(child.stdout.take().expect("a pipe")),
            child,
        };
        python.begin("get", json!({ "file": "no-such-file" }));
        python.answer().expect("nothing is there");
        python
    }

    /// Gives it a task.
    ///
    /// # Panics
    ///
    /// If it has ended.
    pub fn begin(&mut self, task: &str, mut arguments: Value) {
        arguments["do"] = task.into();
        writeln!(self.input, "{arguments}").expect("it reads");
    }

    /// What it answers to the task.
    ///
    /// # Errors
    ///
    /// The exception that was raised.
    ///
    /// # Panics
    ///
    /// If it ends before.
    pub fn answer(&mut self) -> Result<Value, String> {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("text");
        let answer: Value = serde_json::from_str(&line).expect("JSON");
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer["ok"].clone()),
        }
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// What is stored in a file: under a key by `multiprocess_file_storage`, without one by `file.Storage`.
#[must_use]
pub fn entry(file: &Path, key: Option<&str>) -> Value {
    match key {
        Some(key) => json!({ "file": file, "key": key }),
        None => json!({ "file": file }),
    }
}

/// Stores the grant with an access token that has ended.
///
/// # Panics
///
/// If it cannot be stored.
pub fn store(grant: &Grant, file: &Path, key: Option<&str>) {
    let mut task = entry(file, key);
    task["class"] = "OAuth2Credentials".into();
    task["arguments"] = json!({
        "access_token": "ended",
        "client_id": CLIENT,
        "client_secret": SECRET,
        "refresh_token": grant.refresh_token,
        "token_expiry": "2020-01-01T00:00:00.000000",
        "token_uri": grant.token_uri(),
        "user_agent": null,
    });
    let mut python = Python::start(true);
    python.begin("make", task);
    python.answer().expect("a place to write");
}

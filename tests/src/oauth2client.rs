//! PyPI's `oauth2client` 4.1.3, `fasteners` and `google-auth`, as a child process (`tests/peers/oauth2client`).

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::child::Running;
use crate::skip::{python, skip, workspace};

/// A Python process with the libraries; it ends when this is dropped.
#[derive(Debug)]
pub struct Python(Running);

impl Python {
    /// Starts one; `None`, after saying so, where the libraries are not installed.
    ///
    /// # Panics
    ///
    /// If they are and Python does not start.
    #[track_caller]
    #[must_use]
    pub fn start() -> Option<Self> {
        let python = python("oauth2client");
        if !python.is_file() {
            skip(
                "oauth2client",
                "it is not installed; `cargo xtask test` does, where there are Python 3 and pip",
            );
            return None;
        }
        let place = workspace().join("tests/peers/oauth2client");
        // No bytecode beside the sources: the tree stays as it is.
        let mut command = Command::new(python);
        command.args(["-B", "peer.py"]).current_dir(place);
        Some(Self(Running::start(&mut command)))
    }

    /// Gives it a task without waiting for the answer.
    ///
    /// # Panics
    ///
    /// If the process has ended.
    #[track_caller]
    pub fn begin(&mut self, task: &str, mut arguments: Value) {
        arguments["do"] = task.into();
        self.0.say(&arguments.to_string());
    }

    /// Waits for the answer to the task that was begun first: a value, or the exception.
    ///
    /// # Panics
    ///
    /// If the process ends before.
    #[track_caller]
    pub fn answer(&mut self) -> Result<Value, String> {
        let answer: Value = self.0.wait_for(|line| serde_json::from_str(line).ok());
        match answer.get("error") {
            Some(error) => Err(error.as_str().unwrap_or_default().to_owned()),
            None => Ok(answer["ok"].clone()),
        }
    }

    /// A task and its answer.
    ///
    /// # Panics
    ///
    /// If Python raised an exception.
    #[track_caller]
    pub fn run(&mut self, task: &str, arguments: Value) -> Value {
        self.begin(task, arguments);
        self.answer().unwrap_or_else(|error| panic!("{task}: {error}"))
    }

    /// What `Credentials.new_from_json` makes of a text, as JSON again.
    ///
    /// # Panics
    ///
    /// If it raises an exception.
    #[track_caller]
    pub fn load(&mut self, json: &str) -> Value {
        self.run("load", json!({ "json": json }))
    }

    /// What `file.Storage(file).get()` gives.
    ///
    /// # Panics
    ///
    /// If it raises an exception.
    #[track_caller]
    pub fn get(&mut self, file: &Path) -> Value {
        self.run("get", json!({ "file": file }))
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

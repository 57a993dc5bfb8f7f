//! A user's machine: the command `grantflow`, and where it keeps credentials.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use grantflow_core::{Record, Store as _};
use grantflow_store::FileStore;
use serde_json::Value;

use crate::skip::built;

/// The command, and a home for it.
#[derive(Debug)]
pub struct Desk {
    program: PathBuf,
    home: tempfile::TempDir,
    /// What each command gets behind its own words.
    always: Vec<String>,
}

impl Desk {
    /// An empty one; `None`, after saying so, where the command is not built.
    ///
    /// # Panics
    ///
    /// If there is no place for temporary files.
    #[track_caller]
    #[must_use]
    pub fn new() -> Option<Self> {
        Some(Self {
            program: built("grantflow")?,
            home: tempfile::tempdir().expect("a temporary directory can be made"),
            always: Vec::new(),
        })
    }

    /// Gives each command these words too.
    #[must_use]
    pub fn always(mut self, words: &[&str]) -> Self {
        self.always.extend(words.iter().map(|word| (*word).to_owned()));
        self
    }

    /// The command with these words.
    #[must_use]
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        for name in [
            "BROWSER",
            "DISPLAY",
            "WAYLAND_DISPLAY",
            "SSH_CONNECTION",
            "GRANTFLOW_STORE",
            "GRANTFLOW_CLIENT_CERTIFICATE",
            "GRANTFLOW_CLIENT_KEY",
        ] {
            command.env_remove(name);
        }
        command
            .args(&self.always)
            .arg("--store")
            .arg(format!("file:{}", self.file().display()))
            .args(words)
            .env("HOME", self.home())
            .env("XDG_DATA_HOME", self.home());
        command
    }

    /// The login of a client at a server, whose own API the tokens are for.
    #[must_use]
    pub fn login(&self, issuer: &str, client: &str) -> Command {
        let mut command = self.command(&["login", "--issuer", issuer, "--client-id", client]);
        command
            .args(["--origin", issuer, "--scope", "openid", "--scope", "email"])
            .args(["--redirect-uri", "http://127.0.0.1/cb"]);
        command
    }

    /// What comes of a command.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    #[must_use]
    pub fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().expect("the command starts")
    }

    /// The value that a command prints for programs.
    ///
    /// # Panics
    ///
    /// If it prints none.
    #[track_caller]
    #[must_use]
    pub fn json(&self, words: &[&str]) -> Value {
        let output = self.run(&[words, &["--format", "json"]].concat());
        succeeds(&output);
        serde_json::from_slice(&output.stdout).expect("it is JSON")
    }

    /// Where it keeps its files.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The store.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.home().join("credentials.json")
    }

    /// The record, by the library beside the command.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    pub fn record(&self) -> Record {
        let store = FileStore::new(self.file());
        let keys = store.keys().expect("it can be read");
        let record = store.read(&keys[0]).expect("it can be read");
        record.expect("it is there")
    }
}

/// The exit code.
#[must_use]
pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

/// What stands on standard error.
#[must_use]
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The command has to have ended well.
///
/// # Panics
///
/// If it has not; the message has what it said.
#[track_caller]
pub fn succeeds(output: &Output) {
    assert_eq!(code(output), 0, "{}", said(output));
}

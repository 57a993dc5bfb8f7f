//! PyPI's `django-oauth-toolkit`, an authorization server with a path in its name, as a child process
//! (`tests/peers/django-oauth-toolkit`).

use std::process::Command;

use serde_json::Value;

use crate::child::Running;
use crate::skip::{python, skip, workspace};

/// A running server; it ends when this is dropped.
#[derive(Debug)]
pub struct Toolkit {
    issuer: String,
    resource: String,
    process: Running,
}

impl Toolkit {
    /// Starts one; `None`, after saying so, where it is not installed.
    ///
    /// # Panics
    ///
    /// If it is installed and does not start.
    #[track_caller]
    #[must_use]
    pub fn start() -> Option<Self> {
        let python = python("django-oauth-toolkit");
        if !python.is_file() {
            skip(
                "django-oauth-toolkit",
                "it is not installed; `cargo xtask test` does, where there are Python 3 and pip",
            );
            return None;
        }
        let place = workspace().join("tests/peers/django-oauth-toolkit");
        // No bytecode beside the sources: the tree stays as it is.
        let process = Running::start(Command::new(python).args(["-B", "server.py"]).current_dir(place));
        let (issuer, resource) = process.wait_for(|line| {
            let ready: Value = serde_json::from_str(line).ok()?;
            let text = |name: &str| ready[name].as_str().map(str::to_owned);
            Some((text("issuer")?, text("resource")?))
        });
        Some(Self {
            issuer,
            resource,
            process,
        })
    }

    /// Its name, which has a path.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The address of its resource, which answers with the user of the token.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// How many refresh tokens it ever gave, and how many of them are good.
    ///
    /// # Panics
    ///
    /// If it has ended.
    #[track_caller]
    pub fn refresh_tokens(&mut self) -> (u64, u64) {
        self.process.say("tokens");
        self.process.wait_for(|line| {
            let counts: Value = serde_json::from_str(line).ok()?;
            Some((counts["refresh_tokens"].as_u64()?, counts["live"].as_u64()?))
        })
    }
}

//! npm `oidc-provider`, a certified OpenID Provider, as a child process (`tests/peers/oidc-provider`).

use std::process::Command;

use serde_json::{Value, json};

use crate::child::Running;
use crate::skip::{find_program, skip, workspace};

/// A running provider; it ends when this is dropped.
#[derive(Debug)]
pub struct Provider {
    issuer: String,
    process: Running,
}

/// The secret of the client `confidential`: each character of it is another one if it is not form-encoded.
pub const CONFIDENTIAL_SECRET: &str = "s3cr%t:+ /&=~";

/// The secret of the client `secret-jwt`, which signs with it.
pub const SIGNING_SECRET: &str = "a secret of at least thirty-two bytes";

/// The secret of the client `web`.
pub const WEB_SECRET: &str = "web-secret";

impl Provider {
    /// Starts one with the options that `server.mjs` explains; `None`, after saying so, where it is not installed.
    ///
    /// # Panics
    ///
    /// If it is installed and does not start.
    #[track_caller]
    #[must_use]
    pub fn start(options: &Value) -> Option<Self> {
        let place = workspace().join("tests/peers/oidc-provider");
        if find_program("node").is_none() {
            skip("oidc-provider", "node is not installed");
            return None;
        }
        if !place.join("node_modules/oidc-provider").is_dir() {
            skip(
                "oidc-provider",
                "run `npm ci` in tests/peers/oidc-provider, or `cargo xtask test`",
            );
            return None;
        }
        let mut process = Running::start(Command::new("node").arg("server.mjs").current_dir(place));
        process.say(&options.to_string());
        let issuer = process.wait_for(|line| {
            let ready: Value = serde_json::from_str(line).ok()?;
            Some(ready["issuer"].as_str()?.to_owned())
        });
        Some(Self { issuer, process })
    }

    /// Starts one as it is by default.
    ///
    /// # Panics
    ///
    /// If it is installed and does not start.
    #[track_caller]
    #[must_use]
    pub fn start_default() -> Option<Self> {
        Self::start(&json!({}))
    }

    /// Signs with another key from now on, whose `kid` this is; the one before is gone.
    ///
    /// # Panics
    ///
    /// If it has ended.
    #[track_caller]
    pub fn rotate_keys(&mut self) -> String {
        self.process.say("rotate");
        self.process.wait_for(|line| {
            let rotated: Value = serde_json::from_str(line).ok()?;
            Some(rotated["signs_with"].as_str()?.to_owned())
        })
    }

    /// Says what the user says to the backchannel authentication that was asked for last; who it was, and what they were shown.
    ///
    /// # Panics
    ///
    /// If it has ended, or nothing was asked for.
    #[track_caller]
    pub fn answer(&mut self, allows: bool) -> (String, String) {
        self.process.say(if allows { "allow" } else { "deny" });
        self.process.wait_for(|line| {
            let answered: Value = serde_json::from_str(line).ok()?;
            let text = |name: &str| answered[name].as_str().map(str::to_owned);
            Some((text("answered")?, text("binding_message").unwrap_or_default()))
        })
    }

    /// Its name, and the beginning of its addresses.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// An address of it.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer)
    }
}

//! The conversation: JSON-RPC in the bodies of POST requests, its answers as JSON or as events.

use std::time::Duration;

use grantflow_core::Challenge;
use grantflow_core::blocking::Credentials;
use grantflow_ureq::Authorize as _;
use serde_json::{Value, json};
use ureq::Agent;

use super::Result;

/// A conversation with one server.
#[derive(Debug)]
pub(super) struct Talk {
    url: String,
    plain: Agent,
    agent: Agent,
}

/// What came back.
pub(super) enum Answer {
    Done,
    Refused(Option<Challenge>),
}

impl Talk {
    pub(super) fn new(url: &str) -> Result<Self> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(20)))
            .proxy(None);
        let plain = Agent::from(config.build());
        Ok(Self {
            url: url.to_owned(),
            agent: plain.clone(),
            plain,
        })
    }

    /// From now on with these credentials.
    pub(super) fn with(&mut self, credentials: &Credentials) -> Result<()> {
        self.agent = credentials.authorize(&self.plain)?;
        Ok(())
    }

    /// What a client says, in this order.
    pub(super) fn requests() -> [Value; 4] {
        let client = json!({ "name": "grantflow-suites", "version": env!("CARGO_PKG_VERSION") });
        let initialize = json!({ "protocolVersion": VERSION, "capabilities": {}, "clientInfo": client });
        [
            json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": initialize }),
            json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }),
            json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" }),
            json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": { "name": "test-tool", "arguments": {} } }),
        ]
    }

    pub(super) fn ask(&self, request: &Value) -> Result<Answer> {
        let mut reply = self
            .agent
            .post(&self.url)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", VERSION)
            .send(request.to_string())?;
        let status = reply.status().as_u16();
        if matches!(status, 401 | 403) {
            return Ok(Answer::Refused(Challenge::bearer(reply.headers())));
        }
        let text = reply.body_mut().read_to_string()?;
        let data = text.lines().find_map(|line| line.strip_prefix("data:"));
        let failed = serde_json::from_str::<Value>(data.unwrap_or(&text))
            .is_ok_and(|answer| answer["error"].is_object());
        if !reply.status().is_success() || failed {
            return Err(format!("{} is answered with {status}", request["method"]).into());
        }
        Ok(Answer::Done)
    }
}

const VERSION: &str = "2025-11-25";

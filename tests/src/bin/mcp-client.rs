//! A small client of the Model Context Protocol, for its own conformance suite: `mcp-client URL`.
//!
//! It says `initialize`, lists the tools and calls one, by plain JSON-RPC over HTTP. What it is told to be comes in
//! `MCP_CONFORMANCE_SCENARIO` and `MCP_CONFORMANCE_CONTEXT`. In place of a person it follows the one redirect of the consent.

use grantflow_suites::mcp::Scenario;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().next_back().ok_or("mcp-client URL")?;
    let name = std::env::var("MCP_CONFORMANCE_SCENARIO")?;
    let context = std::env::var("MCP_CONFORMANCE_CONTEXT").unwrap_or_else(|_| "{}".to_owned());
    Scenario::new(&url, &name, &context)?.run()
}

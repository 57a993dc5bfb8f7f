//! Conformance suites that others wrote, played by clients made of this library.

mod mcp;
mod relying_party;

//! What the workspace-level suites share: real servers, browsers and processes.

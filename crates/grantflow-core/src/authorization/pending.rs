//! An authorization that waits for its redirect.

/// An authorization that waits for its redirect.
#[derive(Debug)]
pub struct PendingAuthorization {}

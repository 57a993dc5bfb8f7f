//! How providers differ from the standards, as data.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What one provider does differently; the default is a server that keeps to the standards.
///
/// Harmless differences are tolerated without a quirk (see `TokenRequest::parse`).
/// What weakens a check or changes what is sent has a name here.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Quirks {
    /// Basic authentication without the form encoding of RFC 6749 appendix B (quirk 22).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub raw_basic: bool,
    /// Scopes are separated by commas in requests (quirk 37).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub comma_scopes: bool,
    /// Successful token replies come form-encoded (quirk 13).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub form_token_replies: bool,
    /// Successful token replies are JSON under another media type or none (quirk 14).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub any_media_type: bool,
    /// A spent refresh token still works for so many seconds (quirk 67), so that a lost reply is asked for again at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_grace_seconds: Option<u32>,
}

impl Quirks {
    /// How long a spent refresh token still works.
    #[must_use]
    pub fn refresh_grace(&self) -> Option<Duration> {
        self.refresh_grace_seconds
            .map(|seconds| Duration::from_secs(seconds.into()))
    }
}

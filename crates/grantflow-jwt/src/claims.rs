//! [`ClaimsSet`]: what a token that is to be signed says ([RFC 7519 section 4]).
//!
//! [RFC 7519 section 4]: https://www.rfc-editor.org/rfc/rfc7519#section-4

use serde::Serialize;

use crate::Error;
use crate::json::Members;

const WHAT: &str = "the claims set";

/// Claims in the order given, so that a deterministic algorithm gives the same token every time.
///
/// # Example
///
/// ```
/// use grantflow_jwt::{ClaimsSet, NumericDate};
///
/// let claims = ClaimsSet::new()
///     .with("iss", "https://issuer.example")?
///     .with("exp", NumericDate::from_unix_seconds(1_300_819_380))?
///     .with("aud", ["a", "b"])?;
/// assert_eq!(claims.as_str(), r#"{"iss":"https://issuer.example","exp":1300819380,"aud":["a","b"]}"#);
/// # Ok::<(), grantflow_jwt::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClaimsSet(Members);

impl ClaimsSet {
    /// No claims.
    #[must_use]
    pub fn new() -> Self {
        Self(Members::written(&["{}"], &[]))
    }

    /// Takes the text of a claims set as it is, white space and order included.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if it is not a JSON object or has a member twice.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        Members::from_json(text, WHAT).map(Self)
    }

    /// Appends a claim.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if it is there already, or if JSON cannot write the value.
    pub fn with(self, name: &str, value: impl Serialize) -> Result<Self, Error> {
        self.0.with(name, &value, WHAT).map(Self)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The bytes of the text: a payload to sign.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.as_str().as_bytes()
    }
}

impl Default for ClaimsSet {
    fn default() -> Self {
        Self::new()
    }
}

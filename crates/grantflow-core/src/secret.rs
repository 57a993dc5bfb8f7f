//! Secrets: strings that are never printed, never compared in variable time, and cleared on drop.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// A string that is never printed.
///
/// `Debug` shows `[secret]`; there is no `Display`, no `PartialEq` and no `Serialize`.
/// The one way out is [`expose`](Self::expose), so that every place where a secret leaves can be found by its name.
///
/// # Example
///
/// ```
/// use grantflow_core::Secret;
///
/// let secret = Secret::new("hunter2");
/// assert_eq!(format!("{secret:?}"), "[secret]");
/// assert!(secret.eq_ct(&Secret::new("hunter2")));
/// ```
///
/// Secrets are not compared with `==`, which would tell by its duration where two differ:
///
/// ```compile_fail,E0369
/// # use grantflow_core::Secret;
/// let same = Secret::new("hunter2") == Secret::new("hunter3");
/// ```
#[derive(Clone, Default)]
pub struct Secret(String);

impl Secret {
    /// Takes the string; no copy is made.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself: the one way out.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Compares without telling by its duration where the two differ; only the length is not hidden.
    #[must_use]
    pub fn eq_ct(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }

    /// Whether the secret is the empty string.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        // To clear no bytes at all takes some processors longer than to clear a few hundred.
        if self.0.capacity() > 0 {
            // Emptied first, all of it is spare capacity, which is cleared many bytes at a time.
            self.0.clear();
            self.0.zeroize();
        }
    }
}

impl From<String> for Secret {
    fn from(secret: String) -> Self {
        Self(secret)
    }
}

impl From<&str> for Secret {
    fn from(secret: &str) -> Self {
        Self(secret.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t03_secrets_are_the_same_if_every_byte_is() {
        let secret = Secret::new("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(secret.eq_ct(&secret.clone()));
        for at in 0..secret.expose().len() {
            let mut other = secret.expose().to_owned();
            other.replace_range(at..=at, "!");
            assert!(!secret.eq_ct(&Secret::new(other)), "{at}");
        }
        for other in ["", "E", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c"] {
            assert!(!secret.eq_ct(&Secret::new(other)), "{other}");
        }
    }
}

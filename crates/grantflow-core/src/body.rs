//! HTTP messages as the core sees them: [`http`] types with a [`Body`] that prints its length only.

use std::fmt;

use zeroize::Zeroize;

/// A request of this crate; it is sent once, and no redirect is followed.
pub type Request = http::Request<Body>;

/// A reply to a [`Request`], whole.
pub type Response = http::Response<Body>;

/// The bytes of a message; `Debug` prints how many, and they are cleared on drop.
///
/// # Example
///
/// ```
/// let body = grantflow_core::Body::from("grant_type=refresh_token");
/// assert_eq!(format!("{body:?}"), "[24 bytes]");
/// ```
#[derive(Clone, Default)]
pub struct Body(Vec<u8>);

impl Body {
    /// A body without bytes.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Vec::new())
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives the bytes away; they are no longer cleared on drop.
    #[must_use]
    pub fn into_bytes(mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes]", self.0.len())
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        // To clear no bytes at all takes some processors longer than to clear a few hundred.
        if self.0.capacity() > 0 {
            // Emptied first, all of it is spare capacity, which is cleared many bytes at a time.
            self.0.clear();
            self.0.zeroize();
        }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

impl From<&str> for Body {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl From<()> for Body {
    fn from((): ()) -> Self {
        Self::empty()
    }
}

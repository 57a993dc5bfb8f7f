//! What a pure function may know of the world: the time, bytes that nobody can guess, and the certificate that its requests show.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::{CertificateThumbprint, Now, Secret, Timestamp};

/// The world as a pure function sees it: `now`, entropy, and whether connections show a certificate of ours.
///
/// The core never asks a clock or a random source itself; a driver hands this in.
///
/// # Example
///
/// ```
/// use grantflow_core::{Cx, Now, Timestamp};
///
/// let now = Now { wall: Timestamp::from_unix_seconds(1_800_000_000), ..Now::default() };
/// let mut seven = |bytes: &mut [u8]| { bytes.fill(7); Ok(()) };
/// let mut cx = Cx::new(now, &mut seven);
/// assert_eq!(cx.random_token()?.expose().len(), 43);
/// # Ok::<(), grantflow_core::EntropyError>(())
/// ```
pub struct Cx<'a> {
    now: Now,
    fill: &'a mut dyn FnMut(&mut [u8]) -> Result<(), EntropyError>,
    certificate: Option<CertificateThumbprint>,
}

impl<'a> Cx<'a> {
    /// From the time and a source of random bytes.
    pub fn new(now: Now, fill: &'a mut dyn FnMut(&mut [u8]) -> Result<(), EntropyError>) -> Self {
        Self {
            now,
            fill,
            certificate: None,
        }
    }

    /// Says that requests go over connections that show this client certificate ([RFC 8705]).
    ///
    /// [RFC 8705]: https://www.rfc-editor.org/rfc/rfc8705
    #[must_use]
    pub fn with_certificate(mut self, certificate: Option<CertificateThumbprint>) -> Self {
        self.certificate = certificate;
        self
    }

    /// The client certificate that connections show, if they show one.
    #[must_use]
    pub fn certificate(&self) -> Option<CertificateThumbprint> {
        self.certificate
    }

    /// Both clocks.
    #[must_use]
    pub fn now(&self) -> Now {
        self.now
    }

    /// The wall clock.
    #[must_use]
    pub fn wall(&self) -> Timestamp {
        self.now.wall
    }

    /// Fills `bytes` with random ones.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] if the source failed; there is no weaker fallback.
    pub fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        (self.fill)(bytes)
    }

    /// 32 random bytes as 43 characters of base64url: a state, a nonce or a code verifier ([RFC 7636 section 4.1]).
    ///
    /// # Errors
    ///
    /// [`EntropyError`] if the source failed.
    ///
    /// [RFC 7636 section 4.1]: https://www.rfc-editor.org/rfc/rfc7636#section-4.1
    pub fn random_token(&mut self) -> Result<Secret, EntropyError> {
        let mut bytes = Zeroizing::new([0; 32]);
        self.fill(bytes.as_mut_slice())?;
        Ok(Secret::new(URL_SAFE_NO_PAD.encode(bytes.as_slice())))
    }
}

impl fmt::Debug for Cx<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cx")
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

/// The source of random bytes failed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct EntropyError;

impl EntropyError {
    /// The failure; its cause is the operating system's and of no use to a caller.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl fmt::Display for EntropyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the source of random bytes failed")
    }
}

impl std::error::Error for EntropyError {}

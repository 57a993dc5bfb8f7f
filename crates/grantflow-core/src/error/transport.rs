//! Failures to get a reply, as an adapter classifies them.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// No reply arrived.
#[derive(Clone)]
#[non_exhaustive]
pub struct TransportError {
    kind: TransportErrorKind,
    request_left: bool,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// Where it went wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// No connection: the name, the route or the port.
    Connect,
    /// The connection is not one to trust.
    Tls,
    /// It took too long.
    Timeout,
    /// Anything else.
    Other,
}

impl TransportError {
    /// A failure of this kind; the request counts as sent until [`before_sending`](Self::before_sending) says otherwise.
    #[must_use]
    pub const fn new(kind: TransportErrorKind) -> Self {
        Self {
            kind,
            request_left: true,
            source: None,
        }
    }

    /// Says that no byte of the request left. Only an adapter that can prove it may say so:
    /// a refresh that may have reached the server is not tried again freely.
    #[must_use]
    pub const fn before_sending(mut self) -> Self {
        self.request_left = false;
        self
    }

    /// Adds what lies below. The source must hold no secret and no URL query: it is printed with the chain.
    #[must_use]
    pub fn because(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Where it went wrong.
    #[must_use]
    pub const fn kind(&self) -> TransportErrorKind {
        self.kind
    }

    /// Whether the server may have seen the request.
    #[must_use]
    pub const fn request_left(&self) -> bool {
        self.request_left
    }
}

impl fmt::Debug for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportError")
            .field("kind", &self.kind)
            .field("request_left", &self.request_left)
            .field("source", &self.source)
            .finish()
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            TransportErrorKind::Connect => "cannot connect to the server",
            TransportErrorKind::Tls => "the server's certificate or the TLS handshake was refused",
            TransportErrorKind::Timeout => "the server took too long to reply",
            TransportErrorKind::Other => "no reply arrived",
        })
    }
}

impl StdError for TransportError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
